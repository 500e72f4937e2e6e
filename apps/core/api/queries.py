"""Values of query parameters: read, or refused by name."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from rest_framework.request import Request

from apps.core.errors import InvalidInput, Problem
from apps.core.names import choose_one_of

WHOLE = re.compile(r"-?[0-9]{1,18}")


class ChoiceFilter(filters.ChoiceFilter):  # type: ignore[misc]  # django-filter is not typed
    """A filter by one of some choices, which it names when it refuses another."""

    def __init__(self, *, choices: Sequence[tuple[str, Any]], **more: Any) -> None:
        told = choose_one_of(name for name, _ in choices).replace("%", "%%")
        super().__init__(choices=choices, error_messages={"invalid_choice": told}, **more)


class _TimeField(IsoDateTimeField):  # type: ignore[misc]  # django-filter is not typed
    def to_python(self, value: Any) -> datetime | None:
        """Return the time in UTC; a time zone can carry the first and last hours of the calendar out of it."""
        at: datetime | None = super().to_python(value)
        try:
            return at and at.astimezone(UTC)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class TimeFilter(filters.IsoDateTimeFilter):  # type: ignore[misc]  # django-filter is not typed
    """A filter by a time in ISO 8601."""

    field_class = _TimeField


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
