"""Conditions that hide a detection: on columns of its row and on its score; all must hold."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.core.errors import Problem
from apps.detections.detectors.alerts import label_key

MOST_CONDITIONS = 20
MOST_VALUES = 100
LONGEST_TEXT = 1_000
_KINDS = ("equals", "in", "between")


@dataclass(frozen=True, slots=True)
class Condition:
    """One column: it holds one of `values` (None: nothing), or lies `between` two ends, of which one may be open."""

    column: str
    values: tuple[Any, ...] = ()
    between: tuple[Any, Any] | None = None

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Say whether a row meets it; a column that is not there holds nothing."""
        value = row.get(self.column)
        if self.between is None:
            return any(
                label_key(value) == label_key(one) for one in self.values
            )  # a column that no model reads may be a list
        low, high = self.between
        like = low if low is not None else high
        if value is None or not isinstance(value, str | int | float) or _sort_of(value) != _sort_of(like):
            return False
        return bool((low is None or low <= value) and (high is None or value <= high))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Condition":
        """Rebuild a condition that `problems_with` has passed."""
        if "between" in stored:
            low, high = stored["between"]
            return cls(stored["column"], between=(low, high))
        return cls(stored["column"], tuple(stored["in"]) if "in" in stored else (stored["equals"],))


@dataclass(frozen=True, slots=True)
class Suppression:
    """One rule: its conditions, the scores it is for, and when it ends."""

    id: UUID
    conditions: tuple[Condition, ...]
    least_score: float | None = None
    most_score: float | None = None
    until: datetime | None = None

    def hides(self, row: Mapping[str, Any], score: float, at: datetime) -> bool:
        """Say whether a row that was answered with a score at a time is hidden by it."""
        if self.until is not None and at >= self.until:
            return False
        if self.least_score is not None and score < self.least_score:
            return False
        if self.most_score is not None and score > self.most_score:
            return False
        return all(condition.holds(row) for condition in self.conditions)


def first_that_hides(rules: Iterable[Suppression], row: Mapping[str, Any], score: float, at: datetime) -> Suppression | None:
    """Return the first rule that hides a row, None when it is to be seen."""
    return next((rule for rule in rules if rule.hides(row, score, at)), None)


def problems_with(conditions: Any, *, kinds: Mapping[str, str] | None) -> list[Problem]:
    """Return what is wrong with posted conditions; `kinds` are the columns with what they hold, None where nobody knows."""
    if not isinstance(conditions, list) or len(conditions) > MOST_CONDITIONS:
        return [Problem("/conditions", "bad_value", f"Give a list of at most {MOST_CONDITIONS} conditions.")]
    found = []
    for place, one in enumerate(conditions):
        pointer = f"/conditions/{place}"
        text = _fault(one, kinds)
        if text:
            found.append(Problem(pointer, "bad_value", f"Condition {place}: {text}"))
    return found


def _fault(one: Any, kinds: Mapping[str, str] | None) -> str:
    if not isinstance(one, dict) or not isinstance(one.get("column"), str) or not one["column"]:
        return 'give {"column": name, "equals": value}, or "in" with a list, or "between" with two ends.'
    asked = [name for name in one if name != "column"]
    if len(asked) != 1 or asked[0] not in _KINDS:
        return f"beside the column, give one of {', '.join(_KINDS)}."
    if kinds is not None and one["column"] not in kinds:
        return f"the model has no column {one['column'][:80]!r}."
    given, kind = one[asked[0]], (kinds or {}).get(one["column"])
    if asked[0] == "between":
        return _fault_of_ends(given, kind)
    values = given if asked[0] == "in" else [given]
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_VALUES:
        return f"give a list of 1 to {MOST_VALUES} values."
    return next((text for value in values if (text := _fault_of_value(value, kind))), "")


def _fault_of_ends(ends: Any, kind: str | None) -> str:
    if not isinstance(ends, list) or len(ends) != 2 or ends == [None, None]:
        return "give two ends, of which one may be null."
    known: Sequence[Any] = [end for end in ends if end is not None]
    if any(isinstance(end, bool) or (text := _fault_of_value(end, kind)) for end in known):
        return next((text for end in known if (text := _fault_of_value(end, kind))), "the ends are numbers or texts.")
    if len(set(map(_sort_of, known))) > 1:
        return "the ends are both numbers or both texts."
    return "the first end is beyond the second." if len(known) == 2 and known[0] > known[1] else ""


def _fault_of_value(value: Any, kind: str | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        return "a value is a text, a number, true, false or null."
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"a text has at most {LONGEST_TEXT} characters."
    wanted = {"integer": "number", "number": "number", "boolean": "boolean"}.get(kind or "", "text")
    return f"the column holds {wanted}s." if kind is not None and _sort_of(value) != wanted else ""


def _sort_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"
