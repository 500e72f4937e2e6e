"""What a model may learn from what people said of its answers."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import Count, Min

from apps.algorithms.schema import TableSchema, Task
from apps.core import clock
from apps.feedback.models import Feedback, SupersededLabel
from apps.feedback.selectors import MOST_OF_A_GIVER, capped_by
from apps.predictions.models import PredictionLog
from apps.registry.models import ErasedLabel, ModelVersion, RegisteredModel
from apps.training.labelled import LabelledRow

MOST_ROWS = 200_000  # of one model, those whose labels came last
_AT_ONCE = 500
_FIELDS = (
    "known_at",
    "given_at",
    "entry_id",
    "place",
    "predicted_at",
    "predicted",
    "label",
    "correct",
    "subject",
    "giver",
    "version_id",
)

_Said = dict[str, Any]


def rows_to_learn(model: RegisteredModel, until: datetime) -> list[LabelledRow]:
    """Return the rows that a model answered and what was known to be true of them at a time, in the order in which it became known.

    A verdict that a class was right says what is true, and so does one that a class of two was wrong. Where several said something
    of one answer, the latest counts, also where it takes back what is true without saying what is. Of one giver no more than
    `MOST_OF_A_GIVER` answers count, the first (`selectors.capped_by`): nobody teaches a model alone. Rows that were erased are not
    there.
    """
    classes = _classes_of_versions(model)
    found: dict[tuple[UUID, int], tuple[Any, datetime]] = {}
    counted: defaultdict[str, set[tuple[UUID, int]]] = defaultdict(set)
    for one in _known(model, until):
        key = (one["entry_id"], one["place"])
        if whose := capped_by(one["giver"], one["subject"], one["label"]):
            if key not in counted[whose] and len(counted[whose]) >= MOST_OF_A_GIVER:
                continue
            counted[whose].add(key)
        truth = _truth(one, classes.get(one["version_id"], ()))
        if truth is None:
            found.pop(key, None)
        else:
            found[key] = (truth, one["predicted_at"])
    return list(_with_rows(list(found.items())[-MOST_ROWS:]))


def count_to_learn(model: RegisteredModel, *, since: datetime | None) -> int:
    """Return about how many answers were labelled since a time: what a count of rows alone can say."""
    said = Feedback.objects.filter(model=model)
    if since is not None:
        said = said.filter(given_at__gt=since)
    if model.task != Task.CLASSIFICATION:
        said = said.filter(label__isnull=False)
    free = said.filter(subject="", label__isnull=False)
    capped = said.exclude(subject="", label__isnull=False).values("giver").annotate(count=Count("id")).order_by()
    of_givers: int = sum(min(MOST_OF_A_GIVER, row["count"]) for row in capped)
    return int(free.values("entry_id", "place").distinct().count()) + of_givers


def note_erased_labels(verdicts: Collection[UUID], *, request_id: UUID) -> None:
    """Note of verdicts that are erased now when something was first said: who learned from them is told by that."""
    now = clock.now()
    said = Feedback.objects.filter(pk__in=verdicts).annotate(earlier=Min("superseded__given_at"))
    gone = [
        ErasedLabel(model_id=model_id, request_id=request_id, given_at=min(given_at, earlier or given_at), at=now)
        for model_id, given_at, earlier in said.values_list("model_id", "given_at", "earlier")
    ]
    ErasedLabel.objects.bulk_create(gone, batch_size=_AT_ONCE)


def models_of_erased_labels(request_id: UUID) -> list[UUID]:
    """Return the models whose labels a request has erased."""
    return list(ErasedLabel.objects.filter(request_id=request_id).values_list("model_id", flat=True).distinct().order_by())


def _classes_of_versions(model: RegisteredModel) -> dict[UUID, tuple[Any, ...]]:
    if model.task != Task.CLASSIFICATION:
        return {}
    versions = ModelVersion.objects.filter(model=model).values_list("pk", "schema")
    return {pk: TableSchema.from_json(schema).classes for pk, schema in versions}


def _known(model: RegisteredModel, until: datetime) -> Iterator[_Said]:
    """Yield what was known by then, also what others have superseded since, in the order in which it became known."""
    now = Feedback.objects.filter(model=model, known_at__lte=until, given_at__lte=until)
    before = SupersededLabel.objects.filter(feedback__model=model, known_at__lte=until, given_at__lte=until)
    of_answer = {"entry_id", "place", "predicted_at", "predicted", "subject", "giver", "version_id"}
    names = [f"feedback__{name}" if name in of_answer else name for name in _FIELDS]
    order = ("known_at", "given_at", "pk")
    told = merge(
        before.order_by(*order).values_list(*names).iterator(),
        now.order_by(*order).values_list(*_FIELDS).iterator(),
        key=itemgetter(0, 1),
    )
    return (dict(zip(_FIELDS, one, strict=True)) for one in told)


def _truth(said: _Said, classes: tuple[Any, ...]) -> Any:
    """Return what is true by one verdict, None where it does not say."""
    if said["label"] is not None or not classes or said["correct"] is None:
        return said["label"]
    if said["correct"]:
        return said["predicted"]
    others = [one for one in classes if one != said["predicted"]]
    return others[0] if len(others) == 1 else None


def _with_rows(found: list[tuple[tuple[UUID, int], tuple[Any, datetime]]]) -> Iterator[LabelledRow]:
    for at in range(0, len(found), _AT_ONCE):
        part = found[at : at + _AT_ONCE]
        entries = dict(PredictionLog.objects.filter(pk__in={entry for (entry, _), _ in part}).values_list("pk", "rows"))
        for (entry, place), (truth, answered) in part:
            if entry in entries and entries[entry][place] is not None:
                yield LabelledRow(f"{entry.hex}-{place}", entries[entry][place], truth, answered)
