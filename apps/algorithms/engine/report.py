"""The report on a version: how sure each number is, whether it beats simpler answers, and where it does worse.

It is made from what `evaluate` and the baselines answered row by row. A service that does not tell them (`judged` is None)
gets the baselines' own numbers and no more. Resamples and slices that say nothing (one class, no spread) are left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from statistics import NormalDist
from typing import Any

import numpy as np

from apps.algorithms import conformal
from apps.algorithms.engine.bootstrap import (
    LEAST_GROUPS,
    LEVEL,
    Doubles,
    Index,
    Resampling,
    interval_of,
    resampling,
    time_blocks,
)
from apps.algorithms.engine.growth import spread_rows
from apps.algorithms.engine.judged import Judged, SliceMeasure
from apps.algorithms.engine.metrics import beats_baseline
from apps.algorithms.engine.slices import FALSE_DISCOVERIES, Slice, find_slices
from apps.algorithms.results import Baseline, Evaluation, Importance
from apps.algorithms.schema import Column
from apps.algorithms.tables import TrainingTable

BLOCKS = "blocks of time"
NO_BETTER = "The model is no better than the trivial baseline: it is not worth having as it is."
MOST_WORSE, MOST_WARNED = 10, 3
MOST_COLUMNS, MOST_VALUES = 6, 8
MOST_ROWS = 100_000  # looked at for slices
MOST_RESAMPLED = 1_000  # rows of a slice; beyond, its interval is that of the normal distribution
FEW_ROWS = 30  # kept apart
LEAST_STABLE = 0.5  # agreement of groups that were made twice
COVERAGES, _UNKNOWN_CHANCE = ("set_coverage", "interval_coverage"), 0.10
MEASURES = {"roc_auc": "ROC AUC", "accuracy": "accuracy", "rmse": "root mean squared error", "silhouette": "silhouette",
          "adjusted_rand": "adjusted Rand index", "mase": "mean absolute scaled error"}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What is stored with a version besides its metrics, as plain JSON, and what a reader must know first."""

    intervals: dict[str, Any]
    baselines: list[dict[str, Any]]
    slices: dict[str, Any]
    is_better: bool
    warnings: tuple[str, ...]


def report_of(
    evaluation: Evaluation, trivial: Baseline, linear: Baseline | None, importance: Importance, *, seed: int
) -> Report:
    """Report on an evaluation, beside the trivial answer and a linear model; the same for the same seed."""
    groups = _groups(evaluation.rows)
    simpler = {"trivial": trivial} if linear is None else {"trivial": trivial, "linear": linear}
    judged: Judged | None = evaluation.judged
    plan = resampling(judged.rows, seed=seed, strata=judged.strata, groups=groups) if judged else None
    resampled = _resampled(evaluation, simpler, plan) if plan else {}
    baselines = [_beside(evaluation, baseline, kind, resampled) for kind, baseline in simpler.items()]
    is_better = beats_baseline(evaluation, dict(trivial.metrics))
    slices = _slices(evaluation, importance, groups, seed)
    intervals = _intervals(evaluation, plan, resampled) if plan else {}
    told = (
        *_said_of_size(evaluation, groups),
        *said_of_coverage(evaluation, intervals),
        *_said_of_stability(evaluation),
        *_said_of_baselines(evaluation, baselines, is_better=is_better),
        *_said_of_slices(slices),
    )
    return Report(intervals, baselines, slices, is_better, told)


def _groups(rows: TrainingTable | None) -> Index | None:
    """Return a code for each row: of its group, or of its block of time; None where rows stand alone."""
    if rows is not None and rows.groups is not None:
        return np.unique(rows.groups, return_inverse=True)[1].astype(np.int64)
    return None if rows is None or rows.times is None else time_blocks(rows.times)


def _resampled(evaluation: Evaluation, simpler: Mapping[str, Baseline], plan: Resampling) -> dict[str, Doubles]:
    """Measure the model on each resample, and each baseline by the main metric, under its kind."""
    measures = dict(evaluation.judged.take(plan.rows).measures)
    for kind, baseline in simpler.items():
        if baseline.judged is not None:
            theirs = baseline.judged.take(plan.rows).measures
            if evaluation.main in theirs:
                measures[kind] = theirs[evaluation.main]
    return plan.measured(measures)


def _intervals(evaluation: Evaluation, plan: Resampling, resampled: Mapping[str, Doubles]) -> dict[str, Any]:
    judged: Judged = evaluation.judged
    behind = dict.fromkeys(judged.shares, plan.groups) if plan.groups else judged.shares
    found = {
        name: interval_of(value, resampled[name], bounds=judged.bounds(name), backed_by=behind.get(name, 0))
        for name, value in evaluation.metrics.items()
        if name in resampled
    }
    unit = judged.unit if not plan.groups else BLOCKS if evaluation.rows and evaluation.rows.groups is None else "groups"
    return {
        **plan.as_json(),
        "unit": unit,
        "metrics": {name: list(told) for name, told in found.items() if told is not None},
    }


def _beside(evaluation: Evaluation, baseline: Baseline, kind: str, resampled: Mapping[str, Doubles]) -> dict[str, Any]:
    """Tell a baseline and, where both were measured on the same resamples, by how much the model is ahead of it."""
    metrics, main = _finite(baseline.metrics), evaluation.main
    told: dict[str, Any] = {"name": baseline.name, "kind": kind, "metrics": metrics, "difference": None}
    if main not in MEASURES or not ({kind, main} <= resampled.keys() and main in metrics and main in evaluation.metrics):
        return told
    sign = 1.0 if evaluation.greater_is_better else -1.0
    gain = sign * (evaluation.metrics[main] - baseline.metrics[main])
    interval = interval_of(gain, sign * (resampled[main] - resampled[kind]))
    if interval is not None:
        low, high = interval
        better = "yes" if low > 0 else "no" if high < 0 else "perhaps"
        told["difference"] = {"metric": main, "gain": gain, "low": low, "high": high, "better": better}
    return told


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def _slices(evaluation: Evaluation, importance: Importance, groups: Index | None, seed: int) -> dict[str, Any]:
    judged, table = evaluation.judged, evaluation.rows
    measure = judged.slice_measure(evaluation.main) if judged is not None else None
    if measure is None or table is None:
        return {}
    places = {name: place for place, (name, _, _) in enumerate(importance.features)}
    columns = tuple(sorted(table.features, key=lambda column: places.get(column.name, len(places))))
    if table.rows > MOST_ROWS:
        some = spread_rows(table.rows, MOST_ROWS)
        measure, table, groups = measure.take(some), table.take(some), None if groups is None else groups[some]
    found = find_slices(measure, columns, table.columns, groups=groups)
    worse = sorted((one for one in found if one.verdict == "worse"), key=lambda one: one.p_value)[:MOST_WORSE]
    named = [column for column in columns if any(one.column == column for one in found)][:MOST_COLUMNS]
    shown = {column.name: _of_column(found, column)[:MOST_VALUES] for column in named}
    told = {
        id(one): _slice_json(one, _interval_of_slice(one, measure, groups, seed))
        for one in [*worse, *chain(*shown.values())]
    }
    return {
        "metric": measure.name,
        "greater_is_better": measure.greater_is_better,
        "rows": table.rows,
        "tested": len(found),
        "false_discovery_rate": FALSE_DISCOVERIES,
        "level": LEVEL,
        "bootstrap_up_to_rows": MOST_RESAMPLED,
        "worse": [told[id(one)] for one in worse],
        "columns": [
            {"column": column.name, "kind": column.kind.value, "values": [told[id(one)] for one in shown[column.name]]}
            for column in named
        ],
    }


def _of_column(found: Iterable[Slice], column: Column) -> list[Slice]:
    """Return the slices of a column: quarters in their order, values by their rows."""
    own = [one for one in found if one.column == column]
    return own if any(one.low is not None for one in own) else sorted(own, key=lambda one: -len(one.rows))


def _slice_json(one: Slice, interval: tuple[float, float] | None) -> dict[str, Any]:
    return {
        "column": one.column.name,
        "kind": one.column.kind.value,
        "value": one.value,
        "from": one.low,
        "to": one.high,
        "missing": one.is_missing,
        "rows": len(one.rows),
        "score": one.score,
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "elsewhere": one.elsewhere,
        "p_value": one.p_value,
        "verdict": one.verdict,
    }


def _interval_of_slice(one: Slice, measure: SliceMeasure, groups: Index | None, seed: int) -> tuple[float, float] | None:
    """Return the interval of a slice: by bootstrap, of many rows by the normal distribution."""
    bounds = (0.0, np.inf) if measure.is_root else (0.0, 1.0)
    if len(one.rows) > MOST_RESAMPLED:
        reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * one.spread
        return max(bounds[0], one.score - reach), min(bounds[1], one.score + reach)
    own = measure.take(one.rows)
    strata = None if own.truth is None else own.truth.astype(np.int64)
    plan = resampling(len(one.rows), seed=seed, strata=strata, groups=None if groups is None else groups[one.rows])
    if plan is None:
        return None
    behind = plan.groups or (len(one.rows) if strata is None else int(np.bincount(strata).min()))
    resampled = plan.measured({measure.name: own})[measure.name]
    return interval_of(one.score, resampled, bounds=bounds, backed_by=0 if measure.is_root else behind)


def _said_of_size(evaluation: Evaluation, groups: Index | None) -> Iterable[str]:
    if (
        groups is not None
        and evaluation.rows
        and evaluation.rows.groups is not None
        and (count := len(np.unique(groups))) < LEAST_GROUPS
    ):
        yield f"The rows kept apart are of {count} groups: too few to say how sure the scores are. Upload more groups."
    if evaluation.rows is not None and evaluation.rows.rows < FEW_ROWS:
        yield f"Only {evaluation.rows.rows} rows were kept apart: the scores say little. Upload more rows."


def said_of_coverage(evaluation: Evaluation, intervals: Mapping[str, Any]) -> Iterable[str]:
    """Warn where fewer answers were held than asked for, by more than the chance of these rows; by a tenth where that is unknown."""
    for name in COVERAGES:
        found = evaluation.metrics.get(name)
        if found is None:
            continue
        _, high = intervals.get("metrics", {}).get(name, (found, found + _UNKNOWN_CHANCE))
        if high < conformal.LEVEL:
            yield (
                f"The bounds held {found:.0%} of the answers kept apart, where {conformal.LEVEL:.0%} were asked for: "
                "take them for narrower than they should be."
            )


def _said_of_stability(evaluation: Evaluation) -> Iterable[str]:
    """Warn of groups that fall apart when some of the rows that made them are left out."""
    found = evaluation.metrics.get("agreement")
    if found is not None and found < LEAST_STABLE:
        yield (
            f"The groups are not stable: grouped anew by four fifths of the dense rows they agree by {found:.2f}, where 1 is the "
            "same. Do not build on them: give another reach, or more rows."
        )


def _said_of_baselines(evaluation: Evaluation, baselines: list[dict[str, Any]], *, is_better: bool) -> Iterable[str]:
    measure, ours = MEASURES.get(evaluation.main), evaluation.metrics.get(evaluation.main)
    for beside in baselines:
        difference, theirs = beside["difference"], beside["metrics"].get(evaluation.main)
        if beside["kind"] == "trivial" and not is_better:
            yield NO_BETTER
        elif measure is None or difference is None or ours is None or theirs is None:
            continue
        elif beside["kind"] == "trivial" and difference["better"] == "perhaps":
            yield _not_told_apart(evaluation.judged, measure, ours, theirs)
        elif beside["kind"] == "linear" and difference["better"] == "no":
            yield (
                f"A plain linear model does better ({measure} {_short(theirs)} against {_short(ours)}): "
                "take it, or look for what this model misses."
            )


def _not_told_apart(judged: Judged, measure: str, ours: float, theirs: float) -> str:
    if judged.unit == "series":
        return (
            f"On these {judged.rows} series it cannot be told from the trivial baseline "
            f"({measure} {_short(ours)} against {_short(theirs)}): upload more series, or columns that say more."
        )
    return (
        f"On these {judged.rows} rows it cannot be told from the trivial baseline "
        f"({measure} {_short(ours)} against {_short(theirs)}): upload more rows, or columns that say more."
    )


def _said_of_slices(slices: Mapping[str, Any]) -> Iterable[str]:
    for one in slices.get("worse", [])[:MOST_WARNED]:
        measure, score, others = MEASURES[slices["metric"]], _short(one["score"]), _short(one["elsewhere"])
        column, rows = one["column"], one["rows"]
        if one["missing"]:
            yield f"It does worse where {column} is missing: {measure} {score} on {rows} rows, {others} elsewhere."
        elif one["from"] is None:
            value = str(one["value"]).lower() if isinstance(one["value"], bool) else one["value"]
            yield f"It does worse where {column} is {value}: {measure} {score} on {rows} rows, {others} elsewhere."
        else:
            low, high = (_short(end) if isinstance(end, float) else end for end in (one["from"], one["to"]))
            yield (
                f"It does worse where {column} is between {low} and {high}: "
                f"{measure} {score} on {rows} rows, {others} elsewhere."
            )


def _short(value: float) -> str:
    """Write a number in three digits, or all before its point."""
    return f"{value:.3g}" if abs(value) < 1_000 else f"{value:.0f}" if abs(value) < 1e15 else f"{value:.3e}"
