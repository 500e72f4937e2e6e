"""Current rows of a column, counted into the bins and levels of its reference: a sketch that does not grow with the rows.

Chunks are added as they come and counts of two halves are merged; either way the counts are those of all rows at once.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from apps.algorithms.predictors.rows import Columns
from apps.algorithms.reference import LONGEST_LEVEL, ColumnReference, Index, counted_by_cell, names_of, numbers_of
from apps.monitoring.detectors.finding import LEAST_ROWS, NOT_ENOUGH

MOST_STRANGERS = 20  # levels told by name
_FARTHEST = 1e6  # standard deviations; beyond, one value alone would be the mean


@dataclass(frozen=True, eq=False)
class ColumnCounts:
    """Rows counted so far: `bins` are those of the reference (levels, where it lists them), `cells` those of too many levels.

    `below` and `above` lie outside what the reference saw; `total` and `squares` sum deviations from its mean, in its
    standard deviations. `new` rows have a level that it does not list, `strangers` are some of those levels: those
    with the least checksums, so that it does not matter who counted which rows.
    """

    reference: ColumnReference
    rows: int
    missing: int
    bins: Index
    cells: Index
    below: int = 0
    above: int = 0
    total: float = 0.0
    squares: float = 0.0
    new: int = 0
    strangers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def none_of(cls, reference: ColumnReference) -> "ColumnCounts":
        """Return the counts of no rows."""
        bins = len(reference.levels) if reference.has_levels else len(reference.edges) + 1
        cells = len(reference.counts) if reference.has_levels else 0
        return cls(reference, 0, 0, np.zeros(bins, dtype=np.int64), np.zeros(cells, dtype=np.int64))

    def add(self, values: Any) -> "ColumnCounts":
        """Return these counts and those of more rows: a float64 array with NaN, or a list of text and None."""
        return self._with_names(values) if self.reference.has_levels else self._with_numbers(values)

    def _with_numbers(self, values: Any) -> "ColumnCounts":
        of = self.reference
        numbers = numbers_of(of.kind, values)
        inside = np.isfinite(numbers)
        known = numbers if inside.all() else numbers[inside]
        places = np.searchsorted(of.bounds, known, side="right")
        counted = replace(
            self,
            rows=self.rows + len(numbers),
            missing=self.missing + len(numbers) - len(known),
            bins=self.bins + np.bincount(places, minlength=len(self.bins)),
        )
        if of.least is None or of.largest is None or of.mean is None or not len(known):
            return counted
        with np.errstate(over="ignore"):
            apart = np.clip((known - of.mean) / (of.std or 1.0), -_FARTHEST, _FARTHEST)
        return replace(
            counted,
            below=self.below + int((known < of.least).sum()),
            above=self.above + int((known > of.largest).sum()),
            total=self.total + float(apart.sum()),
            squares=self.squares + float(apart @ apart),
        )

    def _with_names(self, values: Any) -> "ColumnCounts":
        met: Counter[str] = Counter()
        missing = 0
        for name, rows in Counter(names_of(self.reference.kind, values)).items():
            if name is None:
                missing = rows
            else:
                met[name[:LONGEST_LEVEL]] += rows
        places, bins = self.reference.places, self.bins.copy()
        strange = Counter(self.strangers)
        new = 0
        for level, rows in met.items():
            place = places.get(level)
            if place is None:
                new += rows
                strange[level] += rows
            else:
                bins[place] += rows
        return replace(
            self,
            rows=self.rows + missing + met.total(),
            missing=self.missing + missing,
            bins=bins,
            cells=self.cells + counted_by_cell(met.items()) if len(self.cells) else self.cells,
            new=self.new + new,
            strangers=_few(strange),
        )

    def merge(self, other: "ColumnCounts") -> "ColumnCounts":
        """Return the counts of both sides' rows."""
        sums = ("rows", "missing", "bins", "cells", "below", "above", "total", "squares", "new")
        summed = {name: getattr(self, name) + getattr(other, name) for name in sums}
        return replace(self, **summed, strangers=_few(Counter(self.strangers) + Counter(other.strangers)))

    @property
    def known(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @cached_property
    def lacks(self) -> str:
        """Why the values cannot be compared; empty where they can."""
        of = self.reference
        if min(self.known, of.known) >= LEAST_ROWS:
            return ""
        return NOT_ENOUGH.format(known=self.known, rows=self.rows, reference=of.known, least=LEAST_ROWS)

    @property
    def shift(self) -> float:
        """By how many standard deviations of the reference the mean moved."""
        return self.total / self.known if self.known else 0.0

    def sides(self) -> tuple[Index, Index]:
        """Return the rows of the reference and of now in each bin, listed level or cell."""
        of = self.reference
        return of.binned, self.cells if of.has_levels and of.others else self.bins

    def coarse_sides(self) -> tuple[Index, Index]:
        """Return the same in about ten bins, or with rare levels put together: what an effect is measured on."""
        return self._coarse_sides

    @cached_property
    def _coarse_sides(self) -> tuple[Index, Index]:
        if self.reference.has_levels:
            return _without_rare(*self.sides(), 0 if self.reference.others else self.new)
        first = self.reference.coarse
        then, now = (np.add.reduceat(side, first) for side in self.sides())
        met = then + now > 0
        return then[met], now[met]

    def as_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON, without the reference."""
        plain = {name: getattr(self, name) for name in ("rows", "missing", "below", "above", "total", "squares", "new")}
        lists = {"bins": self.bins.tolist(), "cells": self.cells.tolist()}
        return {**plain, **lists, "strangers": dict(self.strangers)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], reference: ColumnReference) -> "ColumnCounts":
        """Rebuild counts from `as_json`."""
        arrays = {name: np.array(stored[name], dtype=np.int64) for name in ("bins", "cells")}
        return cls(reference, **{**stored, **arrays})


def counted(columns: Iterable[ColumnReference], values: Columns) -> tuple[ColumnCounts, ...]:
    """Return the counts of a table's columns."""
    return tuple(ColumnCounts.none_of(column).add(values[column.name]) for column in columns)


def _few(strange: Mapping[str, int]) -> dict[str, int]:
    if len(strange) <= MOST_STRANGERS:
        return dict(sorted(strange.items()))
    kept = sorted(strange, key=lambda level: (zlib.crc32(level.encode(errors="surrogatepass")), level))[:MOST_STRANGERS]
    return {level: strange[level] for level in sorted(kept)}


def _without_rare(then: Index, now: Index, new: int, least: float = 5.0) -> tuple[Index, Index]:
    """Put together the `new` rows and the levels of which fewer rows than `least` are expected on the smaller side.

    Rows of both sides say what is rare: if those of the reference alone did, its chance highs would look like a fall. For
    the same reason new levels are no level of their own: those of the reference that are gone now are none either.
    """
    sums = then + now
    whole = int(sums.sum()) + new
    smaller = min(int(then.sum()), int(now.sum()) + new)
    expected = sums * smaller / max(whole, 1)
    order = np.argsort(expected, kind="stable")
    rare = int(np.searchsorted(expected[order], least))
    together = float(expected[order[:rare]].sum()) + new * smaller / max(whole, 1)
    while 0 < together < least and rare < len(order):
        together += float(expected[order[rare]])
        rare += 1
    kept, pooled = order[rare:], order[:rare]
    first, second = np.append(then[kept], then[pooled].sum()), np.append(now[kept], now[pooled].sum() + new)
    met = first + second > 0
    return first[met], second[met]
