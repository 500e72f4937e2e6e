"""Columns that drift, drawn: the shares of rows then and now, in few bins that a reader takes in at once."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from apps.algorithms.schema import ColumnKind
from apps.monitoring.detectors.chances import Doubles
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import TIMES, shown
from apps.monitoring.detectors.verdict import ColumnVerdict, Verdict

MOST_COLUMNS, MOST_BINS = 20, 30
_RANGES, _LEVELS = 20, 12
_LEAST_NAMED = 5  # rows; what a level of fewer is called may name somebody
_DIGITS = 6

Bin = dict[str, Any]


def histograms_of(
    verdict: Verdict, columns: Iterable[ColumnCounts], answers: Iterable[ColumnCounts]
) -> list[dict[str, Any]]:
    """Return the histograms of what drifts, the columns that matter most first; no more than `MOST_COLUMNS`."""
    found = [(one, counts, "columns") for one, counts in _moved(verdict.columns, columns)]
    found.sort(key=lambda one: -one[0].weight)
    found = [*((one, counts, "answers") for one, counts in _moved(verdict.answers, answers)), *found]
    return [
        {"column": one.column, "part": part, "kind": str(counts.reference.kind), "bins": bins_of(counts)}
        for one, counts, part in found[:MOST_COLUMNS]
    ]


def _moved(
    verdicts: Sequence[ColumnVerdict], counted: Iterable[ColumnCounts]
) -> Iterable[tuple[ColumnVerdict, ColumnCounts]]:
    return [(one, counts) for one, counts in zip(verdicts, counted, strict=True) if one.has_drifted]


def bins_of(counts: ColumnCounts) -> list[Bin]:
    """Return shares of all rows, then and now: of ranges or levels, of what is neither, and of missing values.

    A bin of `sort` "range" lies between `low` and `high`; one whose end is None holds all that lies beyond.
    """
    of = counts.reference
    if of.kind in TIMES:
        bins = [_bin("known", of.known, counts.known)]
    elif of.has_levels:
        bins = _levels(counts)
    else:
        bins = _ranges(counts)
    if of.missing or counts.missing:
        bins.append(_bin("missing", of.missing, counts.missing))
    whole = max(of.rows, 1), max(counts.rows, 1)
    return [
        {**one, "then": round(one["then"] / whole[0], _DIGITS), "now": round(one["now"] / whole[1], _DIGITS)} for one in bins
    ]


def _bin(sort: str, then: float, now: float, **more: Any) -> Bin:
    return {"sort": sort, **more, "then": float(then), "now": float(now)}


def _levels(counts: ColumnCounts) -> list[Bin]:
    """Return the levels that most rows have on either side, and all others together."""
    of = counts.reference
    then, now = np.array(list(of.levels.values()), dtype=np.int64), counts.bins
    shares = then / max(of.known, 1) + now / max(counts.known, 1)
    named = [at for at in np.argsort(-shares, kind="stable")[:_LEVELS].tolist() if then[at] + now[at] >= _LEAST_NAMED]
    names = list(of.levels)
    bins = [_bin("level", then[at], now[at], level=names[at]) for at in named]
    rest = of.known - int(then[named].sum()), counts.known - int(now[named].sum())
    return [*bins, _bin("other", *rest)] if any(rest) else bins


def _ranges(counts: ColumnCounts) -> list[Bin]:
    """Return ranges of equal width between the first and the last quantile, what lies beyond in the outermost.

    Within a quantile's bin the rows are taken to lie evenly.
    """
    of = counts.reference
    if of.least is None or of.largest is None or not len(of.edges):
        return [_bin("known", of.known, counts.known)]
    if of.least == of.largest:
        same = int(counts.bins[int(np.searchsorted(of.bounds, of.least, side="right"))])
        others = [_bin("other", 0, counts.known - same)] if same < counts.known else []
        return [_bin("level", of.known, same, level=shown(of.least, of.kind)), *others]
    bounds = _bounds(of.kind, float(of.edges[0]), float(of.edges[-1]), of.least, of.largest)
    places = np.array([of.least, *of.edges, of.largest])
    ends = np.concatenate([[-np.inf], bounds[1:-1], [np.inf]])
    sides = [_between(places, side.astype(np.float64), bounds[1:-1]) for side in (of.binned, counts.bins)]
    return [
        _bin("range", then, now, low=_end(low), high=_end(high))
        for low, high, then, now in zip(ends[:-1], ends[1:], *sides, strict=True)
    ]


def _end(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _bounds(kind: ColumnKind, first: float, last: float, least: float, largest: float) -> Doubles:
    """Return the ends of the ranges; whole numbers, where there are few, have one each."""
    if kind in {ColumnKind.INTEGER, ColumnKind.TEXT} and largest - least < _RANGES:
        return np.arange(np.floor(least), np.floor(largest) + 2, dtype=np.float64) - 0.5
    low, high = (first, last) if last > first else (least, largest)
    way = np.arange(_RANGES + 1) / _RANGES
    return np.asarray(low * (1 - way) + high * way, dtype=np.float64)  # no sum of large numbers overflows


def _between(places: Doubles, side: Doubles, ends: Doubles) -> Doubles:
    """Return how many rows lie below, between and above `ends`, by the counts of the bins that begin and end at `places`."""
    below = np.concatenate([[0.0], np.cumsum(side)])
    upto = np.interp(ends, places, below)
    return np.asarray(np.diff(np.concatenate([[0.0], upto, [below[-1]]])), dtype=np.float64)
