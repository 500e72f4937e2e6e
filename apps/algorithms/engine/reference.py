"""The reference profile of a version, counted from the table that it learned from."""

from collections import Counter
from typing import Any

import numpy as np

from apps.algorithms.predictors.rows import Columns
from apps.algorithms.reference import (
    LONGEST_LEVEL,
    MOST_LEVELS,
    ColumnReference,
    Doubles,
    Reference,
    counted_by_cell,
    names_of,
    numbers_of,
)
from apps.algorithms.schema import Column, ColumnKind

_BINS = 100
_LEVELS = (ColumnKind.CATEGORY, ColumnKind.BOOLEAN)


def reference_of(
    columns: tuple[Column, ...],
    values: Columns,
    rows: int,
    *,
    answers: tuple[tuple[Column, ...], Columns] | None = None,
) -> Reference:
    """Count the columns of a table (float64 arrays with NaN, or lists of text and None), and `answered` where it is given."""
    told, answers_values = answers or ((), {})
    return Reference(
        rows,
        tuple(_counted(column, values[column.name]) for column in columns),
        tuple(_counted(column, answers_values[column.name]) for column in told),
    )


def _counted(column: Column, values: Any) -> ColumnReference:
    if column.kind in _LEVELS:
        return _of_levels(column, names_of(column.kind, values))
    return _of_numbers(column, numbers_of(column.kind, values))


def _of_levels(column: Column, names: list[str | None]) -> ColumnReference:
    met: Counter[str] = Counter()
    missing = 0
    for level, rows in Counter(names).items():
        if level is None:
            missing = rows
        else:
            met[level[:LONGEST_LEVEL]] += rows
    listed = dict(sorted(met.items(), key=lambda one: (-one[1], one[0]))[:MOST_LEVELS])
    others = met.total() - sum(listed.values())
    often = Counter(met.values())
    cells = tuple(counted_by_cell(met.items()).tolist()) if others else ()
    return ColumnReference(
        column.name,
        column.kind,
        len(names),
        missing,
        counts=cells,
        levels=listed,
        others=others,
        singles=often[1],
        pairs=often[2],
    )


def _of_numbers(column: Column, values: Doubles) -> ColumnReference:
    known = np.sort(values[np.isfinite(values)])
    missing = len(values) - len(known)
    if not len(known):
        return ColumnReference(column.name, column.kind, len(values), missing, counts=(0,))
    edges = _edges(known)
    ends = np.searchsorted(known, edges, side="left")
    counts = np.diff(np.concatenate([[0], ends, [len(known)]]))
    scale = float(np.abs(known[[0, -1]]).max()) or 1.0  # so that no sum of large numbers overflows
    scaled = known / scale
    return ColumnReference(
        column.name,
        column.kind,
        len(values),
        missing,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        mean=float(scaled.mean()) * scale,
        std=float(scaled.std()) * scale if known[0] < known[-1] else 0.0,
        least=float(known[0]),
        largest=float(known[-1]),
    )


def _edges(known: Doubles) -> Doubles:
    """Return inner edges at the quantiles of sorted values; one that is shared by a bin's worth of rows is closed above too."""
    picked = np.unique(known[np.arange(1, _BINS) * len(known) // _BINS])
    firsts, lasts = (np.searchsorted(known, picked, side=side) for side in ("left", "right"))
    tied = picked[lasts - firsts > max(1, len(known) // _BINS)]
    if len(known) <= _BINS or known[0] == known[-1]:
        tied = picked[lasts - firsts > 1]
    edges: Doubles = np.unique(np.concatenate([picked, np.nextafter(tied, np.inf)]))
    return edges[np.isfinite(edges)]
