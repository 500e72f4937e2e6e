"""What a detector says of a column."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from apps.algorithms.schema import ColumnKind

TIMES = (ColumnKind.DATE, ColumnKind.DATETIME)
LEAST_ROWS = 30  # with a value, on either side
NOT_ENOUGH = (
    "Not enough data: {known} of {rows} rows have a value, and {reference} rows of the reference; {least} are needed."
)
_LATEST = 1e11  # seconds since 1970, the year 5138


@dataclass(frozen=True, slots=True)
class Finding:
    """A column as one detector sees it.

    `effect` says how far the rows moved and matters from `threshold` on; `p_value` is the chance of a `statistic` as large
    where nothing moved, before any correction, None for a detector that tests nothing. All are None where too little is known.
    """

    detector: str
    column: str
    statistic: float | None
    effect: float | None
    p_value: float | None
    threshold: float
    sentence: str

    @property
    def is_known(self) -> bool:
        """Whether there was enough data."""
        return self.effect is not None

    @property
    def is_large(self) -> bool:
        """Whether what moved is enough to matter; that it is no chance is another question."""
        return self.effect is not None and self.effect >= self.threshold

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Finding":
        """Rebuild a finding from `as_json`."""
        return cls(**stored)


def unknown(detector: str, column: str, threshold: float, sentence: str) -> Finding:
    """Return the finding of a detector that cannot tell."""
    return Finding(detector, column, None, None, None, threshold, sentence)


def share(value: float) -> str:
    """Write a share as readers expect it: in percent, and never as 0 % where it is not."""
    percent = 100 * value
    return (
        f"{percent:.0f} %" if percent >= 10 or not percent else f"{percent:.1f} %" if percent >= 0.1 else "less than 0.1 %"
    )


def shown(value: float, kind: ColumnKind = ColumnKind.NUMBER) -> str:
    """Write a value of a column: a date as one, a number with three figures that count, large ones whole."""
    if kind in TIMES and abs(value) < _LATEST:
        text = str(np.datetime64(int(value), "s"))
        return text[:10] if kind == ColumnKind.DATE else text
    is_whole = value == int(value) or abs(value) >= 1_000
    return f"{value:.0f}" if is_whole and abs(value) < 1e12 else f"{value:.3g}"
