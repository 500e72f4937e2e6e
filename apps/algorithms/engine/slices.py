"""Parts of the rows, by the values of one column, in which a model does worse or better than in the others.

Numbers are cut into quarters of the rows, dates into quarters of their range; categories are taken as they are. A part is
compared with the mean of the column's other parts: for what ranks rows, with how well these rank within themselves, since
a column that tells much makes any mixture of its values easier to rank than one of them.

How sure a part is comes from the pulls of its rows on the measure (the infinitesimal jackknife; DeLong et al. 1988 for
the ranking), added up within groups where rows come in groups, by Student's distribution. All parts of all columns are
tested at once at a false-discovery rate (Benjamini and Hochberg 1995), and differences too small to matter are passed over.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control, t

from apps.algorithms.engine.bootstrap import LEAST_GROUPS, Doubles, Index
from apps.algorithms.engine.judged import SliceMeasure
from apps.algorithms.engine.ranking import Bools, placements
from apps.algorithms.predictors.rows import Columns
from apps.algorithms.schema import Column, ColumnKind

LEAST_ROWS, LEAST_OF_A_KIND = 30, 5
MOST_LEVELS = 20  # the commonest of a column; the others, and those of few rows, are one part that is only compared with
MOST_COLUMNS = 60
FALSE_DISCOVERIES = 0.05
LEAST_DIFFERENCE, LEAST_SHARE = 0.02, 0.10  # of a measure from 0 to 1; of an error, as a share of it elsewhere
_PARTS = 4
_LONGEST = 60
_TIMES = (ColumnKind.DATE, ColumnKind.DATETIME)


@dataclass(frozen=True)
class Slice:
    """The rows of one value of a column: `value` of a category, `low` to `high` of a number or a date, or all that miss one.

    `score` is the measure within it, `spread` its standard error, `elsewhere` the mean of the column's other parts, `p_value`
    the chance of a difference as large where there is none; `verdict` is "worse", "better" or "".
    """

    column: Column
    rows: Index
    score: float
    spread: float
    elsewhere: float
    p_value: float
    value: Any = None
    low: Any = None
    high: Any = None
    verdict: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether these are the rows without a value."""
        return self.value is None and self.low is None


@dataclass(frozen=True)
class Part:
    """Rows of one value of a column, of a span of numbers or dates, or of none; those without a name hold all other levels."""

    rows: Index
    value: Any = None
    low: Any = None
    high: Any = None
    is_named: bool = True

    def words(self, column: str) -> str:
        """Say which rows these are."""
        if self.value is not None:
            return f"{column} is {self.value}"
        return (
            f"{column} is missing"
            if self.low is None
            else f"{column} is between {_number(self.low)} and {_number(self.high)}"
        )


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def parts_of(column: Column, values: Any) -> list[Part]:
    """Cut a column's rows into parts; all rows are in one of them."""
    if column.kind in {ColumnKind.CATEGORY, ColumnKind.BOOLEAN}:
        return _levels(column, values)
    if column.kind == ColumnKind.TEXT:
        return []
    known = np.isfinite(values)
    if not known.any():
        return []
    inside = values[known]
    if column.kind in _TIMES:
        edges = np.linspace(inside.min(), inside.max(), _PARTS + 1)[1:-1]
    else:
        edges = np.unique(np.quantile(inside, np.linspace(0, 1, _PARTS + 1)[1:-1], method="lower"))
    places = np.searchsorted(edges, np.where(known, values, np.inf))
    places[~known] = len(edges) + 1
    found = []
    for place in range(len(edges) + 1):
        rows = np.flatnonzero(places == place)
        if len(rows):
            low, high = float(values[rows].min()), float(values[rows].max())
            found.append(Part(rows, low=_shown(column, low), high=_shown(column, high)))
    missing = np.flatnonzero(~known)
    return [*found, Part(missing)] if len(missing) else found


def _levels(column: Column, values: Any) -> list[Part]:
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if column.kind == ColumnKind.BOOLEAN:
        listed = [None if value != value else bool(value) for value in listed]  # noqa: PLR0124  (NaN)
    common = [level for level, rows in Counter(listed).most_common(MOST_LEVELS) if rows >= LEAST_ROWS]
    code_of = {level: code for code, level in enumerate(common)}
    codes = np.array([code_of.get(value, len(common)) for value in listed], dtype=np.int64)
    found = [Part(np.flatnonzero(codes == code), value=_cut(level)) for code, level in enumerate(common)]
    others = np.flatnonzero(codes == len(common))
    return [*found, Part(others, is_named=False)] if len(others) else found


def _cut(level: Any) -> Any:
    return level if not isinstance(level, str) or len(level) <= _LONGEST else f"{level[: _LONGEST - 1]}…"


def _shown(column: Column, value: float) -> Any:
    if column.kind == ColumnKind.DATE:
        return str(np.datetime64(int(value), "s").astype("datetime64[D]"))
    return str(np.datetime64(int(value), "s")) if column.kind == ColumnKind.DATETIME else value


def find_slices(
    measure: SliceMeasure, columns: tuple[Column, ...], values: Columns, *, groups: Index | None = None
) -> list[Slice]:
    """Return every part that has enough rows to be judged, its verdict said at `FALSE_DISCOVERIES` over all of them.

    `values` are the columns' own, a row an answer; `groups` are codes of rows that belong together.
    """
    found = [part for column in columns[:MOST_COLUMNS] for part in _compared(measure, column, values[column.name], groups)]
    if not found:
        return []
    adjusted = false_discovery_control([one.p_value for one in found])
    return [_judged(measure, one, float(p)) for one, p in zip(found, adjusted, strict=True)]


def _judged(measure: SliceMeasure, one: Slice, adjusted: float) -> Slice:
    gain = one.score - one.elsewhere if measure.greater_is_better else one.elsewhere - one.score
    least = LEAST_SHARE * one.elsewhere if measure.is_root else LEAST_DIFFERENCE
    if adjusted > FALSE_DISCOVERIES or abs(gain) < least:
        return one
    return replace(one, verdict="better" if gain > 0 else "worse")


@dataclass(frozen=True)
class _Scored:
    """A part measured: its `score`, its `weight` in a mean of parts, the pulls of its rows, and the degrees of freedom.

    `kinds` has a line (variance of a row, rows) for each kind of rows that are averaged.
    """

    part: Part
    score: float
    weight: float
    pulls: Doubles
    freedom: int
    kinds: tuple[tuple[float, int], ...]


def _compared(measure: SliceMeasure, column: Column, values: Any, groups: Index | None) -> Iterator[Slice]:
    scored = [
        one for part in parts_of(column, values) if (one := _scored(measure.take(part.rows), part, groups)) is not None
    ]
    if len(scored) < 2:
        return
    weights, scores = (np.array([getattr(one, name) for one in scored]) for name in ("weight", "score"))
    spreads = _covariance(scored, groups)
    for at, one in enumerate(scored):
        shares = np.where(np.arange(len(scored)) == at, 0.0, weights)
        if not shares.sum() or not one.part.is_named or one.freedom < LEAST_OF_A_KIND - 1:
            continue
        contrast = -shares / shares.sum()
        contrast[at] = 1.0
        apart, own = (float(np.sqrt(max(of, 0.0))) for of in (contrast @ spreads @ contrast, spreads[at, at]))
        gap = float(contrast @ scores)
        chance = 2 * float(t.sf(abs(gap) / apart, one.freedom)) if apart else float(gap == 0.0)
        score, elsewhere = float(scores[at]), float(scores[at] - gap)
        if measure.is_root:
            score, elsewhere = np.sqrt([score, max(elsewhere, 0.0)]).tolist()
            own = own / (2 * score) if score else 0.0
        part = one.part
        yield Slice(column, part.rows, score, own, elsewhere, chance, part.value, part.low, part.high)


def _scored(measure: SliceMeasure, part: Part, groups: Index | None) -> _Scored | None:
    """Measure a part (by a mean square where the measure is its root); None where it cannot be measured."""
    if len(part.rows) < LEAST_ROWS and part.is_named:
        return None
    scored = _mean(measure, part) if measure.truth is None else _ranking(measure, part, measure.truth)
    if scored is None or not (np.isfinite(scored.score) and np.isfinite(scored.pulls).all()):
        return None
    if groups is not None:
        met = len(np.unique(groups[part.rows]))
        if met < LEAST_GROUPS and part.is_named:
            return None
        scored = replace(scored, freedom=min(scored.freedom, met - 1))
    return scored


def _mean(measure: SliceMeasure, part: Part) -> _Scored:
    rows, score = len(part.rows), float(measure.values.mean())
    pulls = (measure.values - score) / np.sqrt(rows * max(rows - 1, 1))
    return _Scored(part, score, float(rows), pulls, rows - 1, ((float(measure.values.var()), rows),))


def _ranking(measure: SliceMeasure, part: Part, truth: Bools) -> _Scored | None:
    own, other = int(truth.sum()), int((~truth).sum())
    if min(own, other) < LEAST_OF_A_KIND:
        return None
    placed = placements(measure.values, truth)
    score = float(placed[truth].mean())
    pulls = (placed - score) / np.where(truth, (own * (own - 1)) ** 0.5, (other * (other - 1)) ** 0.5)
    kinds = ((float(placed[truth].var()), own), (float(placed[~truth].var()), other))
    return _Scored(part, score, float(own * other), pulls, min(own, other) - 1, kinds)


def _covariance(scored: list[_Scored], groups: Index | None) -> Doubles:
    """Return the covariance of the parts' scores: parts share no rows, but may share groups.

    A part of few errors seems surer than it is: its rows vary at least as those of all parts do.
    """
    variances, rows = np.moveaxis(np.array([one.kinds for one in scored]), 2, 0)
    least = ((variances * rows).sum(axis=0) / rows.sum(axis=0) / rows).sum(axis=1)
    own = np.array([one.pulls @ one.pulls for one in scored])
    lacking = np.diag(np.maximum(least - own, 0.0))
    if groups is None:
        return lacking + np.diag(own)
    width = int(groups.max()) + 1
    sums = np.stack([np.bincount(groups[one.part.rows], one.pulls, width) for one in scored]).astype(np.float64)
    together: Doubles = lacking + sums @ sums.T
    return together
