"""Reads of feedback: what was said, how content people are, and how right the answers were."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Count, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from apps.algorithms.schema import Task
from apps.core.artifacts import safe_join
from apps.core.instance import private_folder
from apps.core.shares import wilson
from apps.feedback.models import Feedback, FeedbackSample, SupersededLabel
from apps.predictions.models import PredictionLog
from apps.registry.models import ModelVersion, RegisteredModel

ROW_MEDIA_TYPE = "application/json"  # of a sample that is the row of a prediction
_ENTRIES_AT_ONCE = 200
_LARGEST_ERROR = 1e100
# Verdicts or labels of one giver that count in a window: nobody speaks for all. It is for what is shown and measured; a policy,
# which begins trainings by itself, has a cap of its own that is narrower (`most_per_subject`).
MOST_OF_A_GIVER = 20


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


def sampled_row(sample: FeedbackSample) -> dict[str, Any] | None:
    """Return the row that a sample of `ROW_MEDIA_TYPE` keeps, None where its file is gone."""
    try:
        row: dict[str, Any] = orjson.loads(sample_file(sample).read_bytes())
    except FileNotFoundError:
        return None
    return row


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


def realised(model: RegisteredModel, *, since: datetime, known_by: datetime) -> list[dict[str, Any]]:
    """Return by version how right its answers since a time were, by the labels that were known by another time.

    Classes and anomalies: the share that was right, with its 95 % interval; numbers: mean absolute error and its root mean
    square. Where several gave a label of one prediction, the latest counts.
    """
    now = Feedback.objects.filter(model=model, predicted_at__gte=since, known_at__lte=known_by)
    before = SupersededLabel.objects.filter(feedback__model=model, feedback__predicted_at__gte=since, known_at__lte=known_by)
    by_version = _labelled(now, before, most_of_a_subject=MOST_OF_A_GIVER)
    score = _right if is_right_or_wrong(model) else _off
    return [
        {"version": number, "labels": len(pairs), **score(list(pairs.values()))}
        for number, pairs in sorted(by_version.items())
    ]


def outcomes(version: ModelVersion, *, since: datetime, until: datetime | None = None) -> list[float]:
    """Return of a version's judged answers, in the order in which that became known, 1 or 0, or the absolute error.

    Of classes a verdict without a label counts as well. Those answers count that were given since a time, and before another if
    there is one. Of one subject no more than `MOST_OF_A_GIVER` count, the first: nobody takes a model out of service alone.
    """
    given = Feedback.objects.filter(version=version, predicted_at__gte=since)
    if until is not None:
        given = given.filter(predicted_at__lt=until)
    if is_right_or_wrong(version.model):
        return _right_or_wrong(given)
    pairs = _labelled(given, most_of_a_subject=MOST_OF_A_GIVER).get(version.number, {}).values()
    return [outcome(predicted, label, is_right_or_wrong=False) for predicted, label in pairs]


def count_labelled(version: ModelVersion, *, since: datetime) -> int:
    """Count a version's answers since a time that have a label, as `judged_answers` returns them."""
    given = Feedback.objects.filter(version=version, predicted_at__gte=since)
    return len(_labelled(given, most_of_a_subject=MOST_OF_A_GIVER).get(version.number, {}))


def _right_or_wrong(given: QuerySet[Feedback]) -> list[float]:
    found: dict[tuple[UUID, int], float] = {}
    said: Counter[str] = Counter()
    judged = given.filter(correct__isnull=False).order_by("known_at", "given_at", "id")
    fields = ("entry_id", "place", "giver", "subject", "label", "correct")
    for entry, place, giver, subject, label, correct in judged.values_list(*fields).iterator():
        whose = capped_by(giver, subject, label)
        said[whose] += 1
        if not whose or said[whose] <= MOST_OF_A_GIVER:
            found[entry, place] = 1.0 if correct else 0.0
    return list(found.values())


def capped_by(giver: str, subject: str, label: Any) -> str:
    """Return whose words are counted up to a limit; "" for labels that name no subject: what was true in the end, told by a system."""
    return "" if label is not None and not subject else giver


def outcome(predicted: Any, label: Any, *, is_right_or_wrong: bool) -> float:
    """Return 1 or 0 for an answer that is right or wrong, else its absolute error, of which squares can still be summed."""
    return float(predicted == label) if is_right_or_wrong else min(abs(float(label) - float(predicted)), _LARGEST_ERROR)


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A row that was answered, the answer, and what was true."""

    row: dict[str, Any]
    predicted: Any
    label: Any


def judged_answers(version: ModelVersion, *, since: datetime, most: int) -> list[JudgedAnswer]:
    """Return the first rows that a version answered since a time and that have a label, in the order in which labels came."""
    given = Feedback.objects.filter(version=version, predicted_at__gte=since)
    pairs = list(_labelled(given, most_of_a_subject=MOST_OF_A_GIVER).get(version.number, {}).items())[:most]
    entries = dict(PredictionLog.objects.filter(pk__in={entry for (entry, _), _ in pairs}).values_list("pk", "rows"))
    return [
        JudgedAnswer(entries[entry][place], predicted, label)
        for (entry, place), (predicted, label) in pairs
        if entry in entries and entries[entry][place] is not None  # not erased
    ]


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """What was said of a row besides the answer (`details`), when that was written, and what was true."""

    logged_at: datetime
    details: dict[str, Any]
    label: Any


def labelled_answers(version: ModelVersion, *, since: datetime, until: datetime, most: int) -> list[LabelledAnswer]:
    """Return the latest answers of some time that have a label, the latest first, `most` of them at most.

    Of one subject no more than `MOST_OF_A_GIVER` labels count, the latest.
    """
    given = Feedback.objects.filter(version=version, label__isnull=False, predicted_at__gte=since, predicted_at__lte=until)
    order = ("-predicted_at", "-known_at", "-given_at", "id")
    labels: dict[tuple[UUID, int], Any] = {}
    latest = _few_of_each_subject(given, order).order_by(*order)
    for entry, place, label in latest.values_list("entry_id", "place", "label")[: 2 * most]:
        labels.setdefault((entry, place), label)
    wanted = list(labels)[:most]
    details: dict[tuple[UUID, int], tuple[datetime, dict[str, Any]]] = {}
    for at in range(0, len(wanted), _ENTRIES_AT_ONCE):
        part: dict[UUID, list[int]] = {}
        for entry, place in wanted[at : at + _ENTRIES_AT_ONCE]:
            part.setdefault(entry, []).append(place)
        for entry, logged, told in PredictionLog.objects.filter(pk__in=part).values_list("pk", "logged_at", "details"):
            details |= {(entry, place): (logged, told[place]) for place in part[entry] if place < len(told)}
    return [LabelledAnswer(*details[one], labels[one]) for one in wanted if one in details]


def _few_of_each_subject(given: QuerySet[Feedback], order: Sequence[str]) -> QuerySet[Feedback]:
    """Return of each subject the first `MOST_OF_A_GIVER` labels in an order, and all that are of none."""
    turn = Window(RowNumber(), partition_by="subject", order_by=order)
    return given.alias(turn=turn).filter(Q(subject="") | Q(turn__lte=MOST_OF_A_GIVER))


@dataclass(frozen=True, slots=True)
class LabelStream:
    """A version's outcomes, 1 or 0, or the absolute errors, as their labels became known; `before` more labels came earlier."""

    before: int
    outcomes: list[float]
    known_at: list[datetime]


def label_stream(version: ModelVersion, *, since: datetime, most: int) -> LabelStream:
    """Return the latest outcomes of what a version answered since a time, the one whose label became known first standing first.

    Where labels became known together, the one that was answered first stands first. Of one subject no more than
    `MOST_OF_A_GIVER` labels count, the first.
    """
    labelled = Feedback.objects.filter(version=version, label__isnull=False, predicted_at__gte=since)
    given = _few_of_each_subject(labelled, ("known_at", "predicted_at", "place", "id"))
    count = given.count()
    latest = given.order_by("-known_at", "-predicted_at", "-place", "-id")[:most]
    fields = ("entry_id", "place", "predicted", "label", "known_at")
    binary = is_right_or_wrong(version.model)
    found: dict[tuple[UUID, int], tuple[float, datetime]] = {}
    for entry, place, predicted, label, known in reversed(list(latest.values_list(*fields))):
        first = found.get((entry, place), (0.0, known))[1]  # said again, it keeps its turn
        found[entry, place] = (outcome(predicted, label, is_right_or_wrong=binary), first)
    return LabelStream(max(0, count - most), [one for one, _ in found.values()], [known for _, known in found.values()])


def is_right_or_wrong(model: RegisteredModel) -> bool:
    """Say whether an answer of a model is right or wrong; else it is off by an amount."""
    return model.task in (Task.CLASSIFICATION, Task.ANOMALY)


def _labelled(
    given: QuerySet[Feedback],
    superseded: QuerySet[SupersededLabel] | None = None,
    *,
    most_of_a_subject: int | None = None,
) -> dict[int, dict[tuple[UUID, int], tuple[Any, Any]]]:
    """Return by version (answer, label) of each labelled prediction, in the order in which the labels became known.

    Labels that others have superseded since count until then, where they are given.
    """
    fields = ("version__number", "entry_id", "place", "predicted")
    order = ("known_at", "given_at", "id")
    rows = (
        given.filter(label__isnull=False).order_by(*order).values_list(*fields, "label", "subject", "known_at", "given_at")
    )
    in_time: Iterable[tuple[Any, ...]] = rows.iterator()
    if superseded is not None:
        names = (*(f"feedback__{name}" for name in fields), "label", "feedback__subject", "known_at", "given_at")
        older = superseded.filter(label__isnull=False).order_by(*order).values_list(*names)
        in_time = merge(older.iterator(), in_time, key=itemgetter(6, 7))
    found: dict[int, dict[tuple[UUID, int], tuple[Any, Any]]] = {}
    said: Counter[str] = Counter()
    for number, entry, place, predicted, label, subject, *_ in in_time:
        said[subject] += 1
        if subject and most_of_a_subject is not None and said[subject] > most_of_a_subject:
            continue
        found.setdefault(number, {})[entry, place] = (predicted, label)
    return found


def _right(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    share = sum(predicted == label for predicted, label in pairs) / len(pairs)
    return {"accuracy": share, "interval": wilson(share, len(pairs))}


def _off(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    errors = [float(label) - float(predicted) for predicted, label in pairs]
    return {
        "mae": math.fsum(map(abs, errors)) / len(errors),
        "rmse": math.sqrt(math.fsum(error * error for error in errors) / len(errors)),
    }
