"""Hyperparameters as data: they feed the form, the OpenAPI schema and the validation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from apps.core.errors import InvalidInput, Problem
from apps.core.names import choose_one_of, words_for_unknown

MOST_INTEGERS = 4


@dataclass(frozen=True, slots=True)
class Range:
    """Where a search looks for a number: both ends inclusive, evenly over its logarithm where `log`."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One setting of an algorithm.

    `kind` is "integer", "number", "boolean", "choice" or "integers" (one to four of them); `low` and `high` are inclusive bounds
    (of each); `nullable` lets None stand for "no limit". `search` is where a search looks: a range, or the values it tries;
    without one, a search leaves the setting as it stands.
    """

    name: str
    kind: str
    default: Any
    title: str
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = False
    search: Range | tuple[Any, ...] | None = None

    def fault(self, value: Any) -> str | None:
        """Say what is wrong with `value`, or None."""
        if value is None:
            return None if self.nullable else "A value is needed."
        if self.kind == "choice":
            return None if value in self.choices else choose_one_of(self.choices)
        if self.kind == "boolean":
            return None if isinstance(value, bool) else "Give true or false."
        if self.kind == "integers":
            return self._fault_of_several(value)
        number = isinstance(value, int if self.kind == "integer" else int | float) and not isinstance(value, bool)
        below = number and self.low is not None and value < self.low
        above = number and self.high is not None and value > self.high
        return None if number and not below and not above else self._wanted()

    def _wanted(self) -> str:
        """Say which numbers are taken."""
        if self.low is None or self.high is None:
            return "Give a whole number." if self.kind == "integer" else "Give a number."
        low, high = f"{self.low:.10g}", f"{self.high:.10g}"
        return (
            f"Give a whole number between {low} and {high}."
            if self.kind == "integer"
            else f"Give a number between {low} and {high}."
        )

    def _fault_of_several(self, values: Any) -> str | None:
        if not isinstance(values, list | tuple) or not 1 <= len(values) <= MOST_INTEGERS:
            return f"Give a list of 1 to {MOST_INTEGERS} whole numbers."
        one = replace(self, kind="integer", nullable=False)
        return next((fault for value in values if (fault := one.fault(value))), None)

    def as_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this setting; `x-search` says where a search looks."""
        searched = {} if self.search is None else {"x-search": self._searched()}
        return {**self._as_schema(), **searched}

    def _searched(self) -> dict[str, Any]:
        if isinstance(self.search, Range):
            return {"low": self.search.low, "high": self.search.high, "log": self.search.log}
        return {"values": list(self.search or ())}

    def _as_schema(self) -> dict[str, Any]:
        if self.kind == "integers":
            items = {"type": "integer", "minimum": self.low, "maximum": self.high}
            told = {"title": self.title, "description": self.help, "default": list(self.default), "type": "array"}
            return {**told, "items": items, "minItems": 1, "maxItems": MOST_INTEGERS}
        kind: Any = {"choice": "string"}.get(self.kind, self.kind)
        schema: dict[str, Any] = {"title": self.title, "description": self.help, "default": self.default}
        schema["type"] = [kind, "null"] if self.nullable else kind
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.low is not None:
            schema["minimum"] = self.low
        if self.high is not None:
            schema["maximum"] = self.high
        return schema


def clean_parameters(declared: tuple[Hyperparameter, ...], given: Mapping[str, Any], *, pointer: str) -> dict[str, Any]:
    """Return every declared setting, defaults filled in; raise `InvalidInput` with one problem a bad one."""
    known = {parameter.name: parameter for parameter in declared}
    problems = []
    for name, value in given.items():
        if name not in known:
            text = (
                words_for_unknown(name, "parameter", known) if known else "No parameters are taken: a search chooses them."
            )
            problems.append(Problem(f"{pointer}/{name}", "unknown_parameter", text))
        elif fault := known[name].fault(value):
            problems.append(Problem(f"{pointer}/{name}", "bad_parameter", fault))
    if problems:
        raise InvalidInput(f"{problems[0].pointer.rsplit('/', 1)[-1]}: {problems[0].detail}", problems)
    chosen = {name: given.get(name, parameter.default) for name, parameter in known.items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}
