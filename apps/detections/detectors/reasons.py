"""Why an answer was an alert, in the columns that speak most for it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from apps.algorithms.results import Explanation

MOST_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One column: its value, what it adds to the score's raw form, and its share of all that speaks for the alert."""

    name: str
    value: Any
    contribution: float
    share: float


@dataclass(frozen=True, slots=True)
class Reason:
    """The columns that speak most for an alert, the strongest first; `fault` says why there are none."""

    columns: tuple[Part, ...] = ()
    output: str = ""
    method: str = ""
    fault: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the reason as plain JSON."""
        return {**asdict(self), "columns": [asdict(part) for part in self.columns]}


def reason_of(explanation: Explanation, row: Mapping[str, Any]) -> Reason:
    """Return the reason of an alert from the explanation of its row."""
    speak = {name: added for name, added in explanation.contributions.items() if added > 0}
    whole = sum(speak.values())
    strongest = sorted(speak.items(), key=lambda part: -part[1])[:MOST_COLUMNS]
    parts = tuple(Part(name, row.get(name), added, added / whole) for name, added in strongest)
    return Reason(parts, explanation.output, explanation.method)
