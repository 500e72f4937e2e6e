"""Values of query parameters: read, or refused by name."""

import re
from collections.abc import Sequence

from rest_framework.request import Request

from apps.core.errors import InvalidInput, Problem

WHOLE = re.compile(r"-?[0-9]{1,18}")


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
