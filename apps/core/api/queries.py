"""Values of query parameters: read, or refused by name."""

import re
from collections.abc import Sequence
from typing import Any

from django_filters import rest_framework as filters
from rest_framework.request import Request

from apps.core.errors import InvalidInput, Problem
from apps.core.names import choose_one_of

WHOLE = re.compile(r"-?[0-9]{1,18}")


class ChoiceFilter(filters.ChoiceFilter):  # type: ignore[misc]  # django-filter is not typed
    """A filter by one of some choices, which it names when it refuses another."""

    def __init__(self, *, choices: Sequence[tuple[str, Any]], **more: Any) -> None:
        told = choose_one_of(name for name, _ in choices).replace("%", "%%")
        super().__init__(choices=choices, error_messages={"invalid_choice": told}, **more)


def chosen(request: Request, name: str, choices: Sequence[str]) -> str:
    """Return the choice that a parameter makes, the first one without it."""
    given = request.query_params.get(name) or choices[0]
    if given not in choices:
        raise unreadable(name, f"Give one of: {', '.join(choices)}.")
    return given


def whole_number(request: Request, name: str, *, least: int | None = None) -> int | None:
    """Return a parameter's number, None without it."""
    given = request.query_params.get(name)
    if not given:
        return None
    if not WHOLE.fullmatch(given) or (least is not None and int(given) < least):
        raise unreadable(name, f"Give a whole number{'' if least is None else f' from {least}'}.")
    return int(given)


def unreadable(name: str, advice: str) -> InvalidInput:
    """Return the refusal of a parameter whose value cannot be read."""
    return InvalidInput(f"The value of {name} cannot be read. {advice}", [Problem(name, "bad_value", advice)])
