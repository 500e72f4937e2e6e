"""What a model version learned from, counted: later rows are compared with these counts, and the old rows are not read again.

A number or a date is counted by quantiles, and a value that many rows share has a bin of its own. Of free text only the
length is counted. Levels beyond the commonest are counted by a checksum of their text: such cells do not depend on
which levels happened to be common, so that two samples of one source fill them alike.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.rows import Columns
from apps.algorithms.schema import Column, ColumnKind, Task

Doubles = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

REFERENCE = "reference.json"  # among a version's files
MOST_LEVELS = 200
CELLS = 64  # by checksum, where there are more levels
LONGEST_LEVEL = 200  # characters; levels alike so far count as one
ANSWER, CHANCE = "answer", "probability of the answer"
_COARSE = 10
_FLAGS = {0.0: "false", 1.0: "true"}  # NaN is neither
_LEVELS = (ColumnKind.CATEGORY, ColumnKind.BOOLEAN)


@dataclass(frozen=True)
class ColumnReference:
    """One column: its rows, how many of them miss a value, and how the others spread.

    `counts` are the rows below, between and above `edges` (a bin holds its lower edge), or those of each cell where there
    are too many `levels`; `others` are the rows of levels that are not listed. `singles` and `pairs` say how many levels
    were met once and twice. `mean`, `std`, `least` and `largest` are None where no value is known.
    """

    name: str
    kind: ColumnKind
    rows: int
    missing: int
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    mean: float | None = None
    std: float | None = None
    least: float | None = None
    largest: float | None = None
    levels: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    singles: int = 0
    pairs: int = 0

    @property
    def known(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @property
    def has_levels(self) -> bool:
        """Whether its values are told apart by name; those of other columns are numbers."""
        return self.kind in _LEVELS

    @cached_property
    def bounds(self) -> Doubles:
        """The edges as an array."""
        return np.array(self.edges, dtype=np.float64)

    @cached_property
    def binned(self) -> Index:
        """The counts as an array: of bins, of levels, or of cells where there are too many levels."""
        return np.array(list(self.levels.values()) if self.has_levels and not self.others else self.counts, dtype=np.int64)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each level among the levels."""
        return {level: place for place, level in enumerate(self.levels)}

    @cached_property
    def coarse(self) -> Index:
        """The first of the bins in each of about ten groups of equal rows; a bin is never parted."""
        middles = np.cumsum(self.binned) - self.binned / 2
        groups = np.minimum(middles * _COARSE // max(int(self.binned.sum()), 1), _COARSE - 1)
        return np.flatnonzero(np.diff(groups, prepend=-1.0))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ColumnReference":
        """Rebuild a column from its part of `Reference.as_json`."""
        tuples = {name: tuple(stored[name]) for name in ("edges", "counts")}
        return cls(**{**stored, **tuples, "kind": ColumnKind(stored["kind"])})


@dataclass(frozen=True)
class Reference:
    """The columns a version learned from, and its `answers` on rows that it had not learned from."""

    rows: int
    columns: tuple[ColumnReference, ...]
    answers: tuple[ColumnReference, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the reference as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Reference":
        """Rebuild a reference from `as_json`, or from the same read back from a file."""
        columns, answers = (tuple(map(ColumnReference.from_json, stored[part])) for part in ("columns", "answers"))
        return cls(stored["rows"], columns, answers)


def answered(answers: Sequence[Any], chances: Sequence[float] | Doubles | None = None) -> tuple[tuple[Column, ...], Columns]:
    """Return answers as columns: numbers as they are, labels by name; `chances` are the probabilities of the labels answered."""
    if chances is None and all(isinstance(one, int | float) and not isinstance(one, bool) for one in answers):
        return (Column(ANSWER, ColumnKind.NUMBER),), {ANSWER: np.array(answers, dtype=np.float64)}
    named: Columns = {ANSWER: [one if isinstance(one, str) or one is None else json.dumps(one) for one in answers]}
    label = Column(ANSWER, ColumnKind.CATEGORY)
    if chances is None:
        return (label,), named
    return (label, Column(CHANCE, ColumnKind.NUMBER)), {**named, CHANCE: np.asarray(chances, dtype=np.float64)}


def answers_as_columns(
    task: Task, values: Sequence[Any], details: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Column, ...], Columns]:
    """Return what a predictor answered as columns: labels with their probabilities, amounts, scores, or groups by name."""
    if task == Task.CLASSIFICATION:
        return answered(
            [json.dumps(one) if not isinstance(one, str) else one for one in values],
            [max(d["probabilities"].values()) for d in details],
        )
    if task == Task.ANOMALY:
        return answered([detail["score"] for detail in details])
    return answered([str(one) for one in values] if task == Task.CLUSTERING else values)


def numbers_of(kind: ColumnKind, values: Any) -> Doubles:
    """Return a column's values as numbers: of free text its lengths; NaN where a value is missing."""
    if kind == ColumnKind.TEXT:
        return np.array([np.nan if value is None else len(value) for value in values], dtype=np.float64)
    return np.asarray(values, dtype=np.float64)


def names_of(kind: ColumnKind, values: Any) -> list[str | None]:
    """Return a column's values by name, None where one is missing."""
    if kind == ColumnKind.BOOLEAN:
        numbers = np.asarray(values, dtype=np.float64)
        return [_FLAGS.get(number) for number in numbers.tolist()]
    return list(values)


def cell_of(level: str) -> int:
    """Return the cell that a level counts into where there are too many of them."""
    return zlib.crc32(level.encode(errors="surrogatepass")) % CELLS


def counted_by_cell(levels: Iterable[tuple[str, int]]) -> Index:
    """Return the rows of each cell."""
    cells = np.zeros(CELLS, dtype=np.int64)
    for level, rows in levels:
        cells[cell_of(level)] += rows
    return cells
