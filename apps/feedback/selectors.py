"""Reads of feedback: what was said, how content people are, and how right the answers were."""

import math
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from apps.algorithms.schema import Task
from apps.core.artifacts import safe_join
from apps.core.instance import private_folder
from apps.feedback.models import Feedback, FeedbackSample, SupersededLabel
from apps.registry.models import RegisteredModel

MOST_OF_A_GIVER = 20  # verdicts that count of one giver in a window: nobody speaks for all
_NORMAL = 1.959964  # 95 %


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """How many verdicts there are in a window, and the share of them that are good, with its 95 % interval.

    Of one giver at most `MOST_OF_A_GIVER` count, in their own proportion; `said` is how many there are in all.
    """

    said: int
    givers: int
    verdicts: float
    negatives: float
    share: float | None
    interval: tuple[float, float] | None

    def as_json(self) -> dict[str, Any]:
        """Return the API's shape."""
        return {
            "said": self.said,
            "givers": self.givers,
            "verdicts": round(self.verdicts, 2),
            "negatives": round(self.negatives, 2),
            "satisfaction": self.share,
            "interval": self.interval,
            "most_of_a_giver": MOST_OF_A_GIVER,
        }


def sample_file(sample: FeedbackSample) -> Path:
    """Return where a sample's file is."""
    return safe_join(private_folder("samples"), sample.path)


def satisfaction(model: RegisteredModel, *, since: datetime) -> Satisfaction:
    """Return how content people were with a model's answers since a time."""
    said = Feedback.objects.filter(model=model, given_at__gte=since, correct__isnull=False)
    counts = said.values("giver").annotate(all=Count("id"), bad=Count("id", filter=Q(correct=False))).order_by()
    every = [(row["all"], row["bad"]) for row in counts]
    weights = [min(1.0, MOST_OF_A_GIVER / count) for count, _ in every]
    verdicts = sum(weight * count for weight, (count, _) in zip(weights, every, strict=True))
    negatives = sum(weight * bad for weight, (_, bad) in zip(weights, every, strict=True))
    share = 1 - negatives / verdicts if verdicts else None
    interval = wilson(share, verdicts) if share is not None else None
    return Satisfaction(sum(count for count, _ in every), len(every), verdicts, negatives, share, interval)


def wilson(share: float, of: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of so many (Wilson 1927)."""
    square = _NORMAL**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    reach = _NORMAL / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def realised(model: RegisteredModel, *, since: datetime, known_by: datetime) -> list[dict[str, Any]]:
    """Return by version how right its answers since a time were, by the labels that were known by another time.

    Classes and anomalies: the share that was right, with its 95 % interval; numbers: mean absolute error and its root mean
    square. Where several gave a label of one prediction, the latest counts.
    """
    labelled = Feedback.objects.filter(
        model=model, predicted_at__gte=since, known_at__lte=known_by, label__isnull=False
    ).order_by("known_at", "given_at", "id")
    rows = labelled.values_list("version__number", "entry_id", "place", "predicted", "label", "known_at", "given_at")
    before = SupersededLabel.objects.filter(
        feedback__model=model, feedback__predicted_at__gte=since, known_at__lte=known_by, label__isnull=False
    ).order_by("known_at", "given_at", "id")
    names = ("version__number", "entry_id", "place", "predicted")
    older = before.values_list(*(f"feedback__{name}" for name in names), "label", "known_at", "given_at")
    by_version: dict[int, dict[tuple[UUID, int], tuple[Any, Any]]] = {}
    in_time = merge(older.iterator(), rows.iterator(), key=itemgetter(5, 6))
    for number, entry, place, predicted, label, *_ in in_time:
        by_version.setdefault(number, {})[entry, place] = (predicted, label)
    score = _right if model.task in (Task.CLASSIFICATION, Task.ANOMALY) else _off
    return [
        {"version": number, "labels": len(pairs), **score(list(pairs.values()))}
        for number, pairs in sorted(by_version.items())
    ]


def _right(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    share = sum(predicted == label for predicted, label in pairs) / len(pairs)
    return {"accuracy": share, "interval": wilson(share, len(pairs))}


def _off(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    errors = [float(label) - float(predicted) for predicted, label in pairs]
    return {
        "mae": math.fsum(map(abs, errors)) / len(errors),
        "rmse": math.sqrt(math.fsum(error * error for error in errors) / len(errors)),
    }
