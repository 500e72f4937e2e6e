"""Which predictions to judge next: those the model was least sure of, and unlike one another.

Of the newest unlabelled rows that the live version has answered, the most uncertain are taken; among them a greedy k-center
(Gonzalez 1985; Sener and Savarese 2018) chooses: first the most uncertain, then ever the row whose distance to the nearest
chosen one, weighted by its uncertainty, is largest. The same log gives the same answer; the cost is bounded whatever the log holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.rows import columns_of_rows
from apps.algorithms.reference import names_of, numbers_of
from apps.algorithms.schema import Column, ColumnKind, TableSchema, Task
from apps.core.errors import Conflict
from apps.feedback.models import Feedback
from apps.predictions.models import PredictionLog
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of

Doubles = npt.NDArray[np.float64]
MOST = 100
MOST_ROWS = 5_000  # of the log, the newest
_MOST_ENTRIES = 500
_MOST_COLUMNS = 50
_POOL = 10  # candidates for each row wanted
_LEAST_POOL = 200
_METHODS = {
    Task.CLASSIFICATION: "smallest margin between the two likeliest classes, the larger set first",
    Task.REGRESSION: "widest interval",
    Task.ANOMALY: "score nearest to where the answer changes",
    Task.CLUSTERING: "farthest from its group",
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One prediction worth a verdict: its uncertainty from 0 to 1 among the rows looked at."""

    prediction: str
    row: dict[str, Any]
    predicted: Any
    details: dict[str, Any]
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What to judge next, and how it was chosen."""

    method: str
    looked_at: int
    chosen: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class _Answered:
    prediction: str
    row: dict[str, Any]
    predicted: Any
    details: dict[str, Any]


def suggestions(model: RegisteredModel, *, count: int) -> Suggestions:
    """Return what to judge next of what the live version has answered."""
    version = champion_of(model)
    if version is None:
        raise Conflict("The model has no trained version yet, so there is nothing to judge.")
    if model.task == Task.FORECAST:
        raise Conflict("What a forecast says of a step is known once the step has come. Send labels when they are known.")
    task = Task(model.task)
    method = f"{_METHODS[task]}; then unlike those already chosen (greedy k-center)"
    schema = TableSchema.from_json(version.schema)
    rows = _unlabelled(model, version.pk, {column.name for column in schema.columns})
    if not rows:
        return Suggestions(method, 0, ())
    unsure = _ranked(_uncertainty(task, rows))
    pool = np.argsort(-unsure, kind="stable")[: max(_LEAST_POOL, _POOL * count)]
    features = _scaled(schema, _weights(version.importance), [rows[i].row for i in pool])
    chosen = [int(pool[place]) for place in k_center(features, unsure[pool], count)]
    told = (
        Suggestion(one.prediction, one.row, one.predicted, one.details, round(float(unsure[i]), 4))
        for i in chosen
        for one in (rows[i],)
    )
    return Suggestions(method, len(rows), tuple(told))


def _unlabelled(model: RegisteredModel, version_id: Any, names: set[str]) -> list[_Answered]:
    """Return the newest rows of which nobody has said anything, a row that was asked about twice once."""
    log = PredictionLog.objects.filter(model=model, version_id=version_id).order_by("-at", "pk")
    entries = list(log.values_list("pk", "rows", "predictions", "details")[:_MOST_ENTRIES])
    judged = set(Feedback.objects.filter(entry_id__in=[entry[0] for entry in entries]).values_list("entry_id", "place"))
    found: list[_Answered] = []
    seen: set[str] = set()
    for pk, rows, predictions, details in entries:
        for place, row in enumerate(rows):
            if (
                row is None
                or not names <= row.keys()
                or (pk, place) in judged
                or (mark := repr(sorted(row.items()))) in seen
            ):
                continue
            seen.add(mark)
            found.append(_Answered(f"{pk.hex}-{place}", row, predictions[place], details[place] if details else {}))
            if len(found) == MOST_ROWS:
                return found
    return found


def _uncertainty(task: Task, rows: Sequence[_Answered]) -> Doubles:
    told = [one.details for one in rows]
    if task == Task.CLASSIFICATION:
        return np.array([_unsure_of_class(one) for one in told])
    if task == Task.REGRESSION:
        return np.array([one["interval"][1] - one["interval"][0] if one.get("interval") else 0.0 for one in told])
    if task == Task.ANOMALY:
        scores = np.array([one.get("score", 0.0) for one in told], dtype=np.float64)
        unusual = np.array([one.predicted == -1 for one in rows])
        return -np.abs(scores - _boundary(scores, unusual))
    return np.array([one.get("distance") or 0.0 for one in told], dtype=np.float64)


def _unsure_of_class(details: dict[str, Any]) -> float:
    chances = sorted(details.get("probabilities", {}).values(), reverse=True)
    margin = chances[0] - chances[1] if len(chances) > 1 else 1.0
    return float(len(details.get("set", ())) - margin)  # a larger set is less sure; within one size, the smaller margin is


def _boundary(scores: Doubles, unusual: npt.NDArray[np.bool_]) -> float:
    """Return where the answer changes, as far as these rows show it; with one answer alone, its end that is nearest to the other."""
    if unusual.all() or not unusual.any():
        return float(scores.min() if unusual.all() else scores.max())  # the unusual score higher
    high, low = (unusual, ~unusual) if scores[unusual].mean() > scores[~unusual].mean() else (~unusual, unusual)
    return float((scores[high].min() + scores[low].max()) / 2)


def _ranked(values: Doubles) -> Doubles:
    """Return the share of the rows that are less uncertain, 0 to 1; ties are alike."""
    order = np.sort(np.nan_to_num(values))
    return np.asarray(np.searchsorted(order, np.nan_to_num(values), side="right") / len(values))


def _weights(importance: dict[str, Any]) -> dict[str, float]:
    return {one["name"]: float(one["importance"] or 0.0) for one in importance.get("features", [])}


def _scaled(schema: TableSchema, weights: dict[str, float], rows: Sequence[dict[str, Any]]) -> Doubles:
    """Return the rows as points: numbers by their median and quartiles, texts as one axis a value; the columns that matter most."""
    columns = sorted(schema.columns, key=lambda column: (-weights.get(column.name, 0.0), column.name))[:_MOST_COLUMNS]
    values = columns_of_rows(schema, rows)
    parts = [_axes(column, values[column.name]) for column in columns]
    return np.hstack(parts) if parts else np.zeros((len(rows), 1))


def _axes(column: Column, values: Any) -> Doubles:
    if column.kind in (ColumnKind.CATEGORY, ColumnKind.BOOLEAN):
        names = names_of(column.kind, values)
        levels = sorted({str(name) for name in names})[:_MOST_COLUMNS]
        place = {level: at for at, level in enumerate(levels)}
        axes = np.zeros((len(names), len(levels)))
        for at, name in enumerate(names):
            if str(name) in place:
                axes[at, place[str(name)]] = np.sqrt(0.5)  # two values are one apart
        return axes
    numbers = numbers_of(column.kind, values)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return np.zeros((len(numbers), 1))
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    spread = high - low or float(known.std()) or 1.0
    scaled = np.clip((numbers - middle) / spread, -3.0, 3.0)
    return np.asarray(np.where(np.isfinite(scaled), scaled, 0.0)[:, None])


def k_center(points: Doubles, weights: Doubles, count: int) -> list[int]:
    """Return the places of at most `count` points: the heaviest first, then ever the farthest from those chosen, by weight."""
    chosen = [int(np.argmax(weights))] if len(points) else []
    nearest = np.full(len(points), np.inf)
    free = np.ones(len(points), dtype=bool)
    while chosen and len(chosen) < min(count, len(points)):
        free[chosen[-1]] = False
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(np.where(free, (nearest + 1e-9) * weights, -1.0))))
    return chosen
