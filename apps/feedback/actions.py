"""Verbs on feedback: take verdicts and late labels, one or many."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.algorithms.schema import ColumnKind, TableSchema, Task
from apps.core import clock
from apps.core.errors import InvalidInput, NotFound, Problem
from apps.feedback.models import Feedback, SupersededLabel
from apps.predictions.erasing import hold_predictions
from apps.predictions.models import PredictionLog
from apps.predictions.selectors import entries_of, place_of
from apps.registry.models import RegisteredModel
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.subjects import pseudonym

MOST_AT_ONCE = 10_000
MOST_PROBLEMS = 50
_AT_ONCE = 500
_REPLACED = ["correct", "label", "source", "user", "given_at", "known_at"]
_PSEUDONYM = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_CLASSES = (Task.CLASSIFICATION, Task.ANOMALY)
_AMOUNTS = (Task.REGRESSION, Task.FORECAST)
_LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one prediction: right or wrong, what was true, or both.

    `subject` is the id of whoever says it, empty for the caller: only its keyed pseudonym is kept. `known_at` is when the label
    became known, None for now.
    """

    prediction: str
    correct: bool | None = None
    label: Any = None
    subject: str = ""
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How many verdicts were new, and how many replaced an earlier one of the same giver."""

    created: int
    replaced: int


def give_feedback(*, model: RegisteredModel, verdict: Verdict, source: str, actor: Actor) -> tuple[Feedback, bool]:
    """Take one verdict; return it, and whether it is the first of this giver. Raise `NotFound` for an unknown prediction."""
    found = entries_of(model.pk, [verdict.prediction], patient=True)
    if verdict.prediction not in found:
        raise NotFound(
            f"The model has made no prediction {verdict.prediction[:80]!r}. Give an id that predict/ has answered."
        )
    faults = list(_faults(model, verdict, found[verdict.prediction], pointer=""))
    if faults:
        raise InvalidInput(faults[0].detail, faults)
    row = _row(model, verdict, found[verdict.prediction], source=source, actor=actor)
    taken = _keep([row])
    kept: Feedback = Feedback.objects.get(entry_id=row.entry_id, place=row.place, giver=row.giver)
    return kept, taken.created == 1


def give_many(*, model: RegisteredModel, verdicts: Sequence[Verdict], source: str, actor: Actor) -> Taken:
    """Take all verdicts or none; raise `InvalidInput` that names each faulty one (`/verdicts/<place>/<field>`)."""
    rows, problems = read_verdicts(model, verdicts, met={}, source=source, actor=actor)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidInput(f"{problems[0].detail}{more}", problems)
    return take_rows(model, rows, source=source, actor=actor)


def take_rows(model: RegisteredModel, rows: Sequence[Feedback], *, source: str, actor: Actor) -> Taken:
    """Keep verdicts that were read, all of them or none, with their audit entry."""
    with transaction.atomic():
        taken = _keep(rows)
        details = {"created": taken.created, "replaced": taken.replaced, "source": source}
        record_audit(actor=actor, workspace_id=model.workspace_id, verb="feedback.many", target=model, details=details)
    return taken


def read_verdicts(
    model: RegisteredModel,
    verdicts: Sequence[Verdict],
    *,
    met: dict[tuple[str, str], int],
    source: str,
    actor: Actor,
    first: int = 0,
) -> tuple[list[Feedback], list[Problem]]:
    """Return rows to keep, or what is wrong with them; `met` is what was read before of the same lot, `first` the first place."""
    found = entries_of(model.pk, [verdict.prediction for verdict in verdicts], patient=first == 0)
    problems: list[Problem] = []
    for place, verdict in enumerate(verdicts, start=first):
        pointer = f"/verdicts/{place}"
        entry = found.get(verdict.prediction)
        if entry is None:
            text = f"Verdict {place}: the model has made no prediction {verdict.prediction[:80]!r}."
            problems.append(Problem(f"{pointer}/prediction", "unknown_prediction", text))
            continue
        named = f"{entry.pk.hex}-{place_of(verdict.prediction)}"  # an id may be spelt in several ways
        before = met.setdefault((named, _giver(model, verdict, actor)), place)
        if before != place:
            text = f"Verdict {place} is on the same prediction, by the same giver, as verdict {before}. Send one of them."
            problems.append(Problem(f"{pointer}/prediction", "said_twice", text))
        problems += _faults(model, verdict, entry, pointer=pointer)
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        return [], problems
    return [_row(model, verdict, found[verdict.prediction], source=source, actor=actor) for verdict in verdicts], []


@transaction.atomic
def _keep(rows: Sequence[Feedback]) -> Taken:
    """Keep rows; of one giver's words on one prediction the one that became known last counts, and the others are its history."""
    RegisteredModel.objects.select_for_update().get(pk=rows[0].model_id)  # two at once must not both count as the first
    created = 0
    for start in range(0, len(rows), _AT_ONCE):
        portion = rows[start : start + _AT_ONCE]
        hold_predictions([(row.entry_id, row.place) for row in portion])
        known = _said_before(portion)
        fresh = [row for row in portion if _key(row) not in known]
        Feedback.objects.bulk_create(fresh, batch_size=_AT_ONCE)
        created += len(fresh)
        again = [(row, before) for row in portion if (before := known.get(_key(row))) and not _says_the_same(row, before)]
        SupersededLabel.objects.bulk_create(_history(again))
        newer = [(row, before) for row, before in again if row.known_at >= before.known_at]
        for row, before in newer:
            for name in _REPLACED:
                setattr(before, name, getattr(row, name))
        Feedback.objects.bulk_update([before for _, before in newer], _REPLACED, batch_size=200)
    return Taken(created=created, replaced=len(rows) - created)


def _key(row: Feedback) -> tuple[Any, int, str]:
    return row.entry_id, row.place, row.giver


def _says_the_same(row: Feedback, before: Feedback) -> bool:
    return (row.correct, row.label, row.known_at) == (before.correct, before.label, before.known_at)


def _said_before(rows: Sequence[Feedback]) -> dict[tuple[Any, int, str], Feedback]:
    wanted = {_key(row) for row in rows}
    said = Feedback.objects.filter(entry_id__in={row.entry_id for row in rows}, giver__in={row.giver for row in rows})
    return {_key(row): row for row in said if _key(row) in wanted}


def _history(again: Sequence[tuple[Feedback, Feedback]]) -> list[SupersededLabel]:
    """Return for each pair the one that is superseded."""
    told = []
    for row, before in again:
        older = before if row.known_at >= before.known_at else row
        facts = {name: getattr(older, name) for name in ("correct", "label", "source", "given_at", "known_at")}
        told.append(SupersededLabel(feedback=before, **facts))
    return told


def _row(model: RegisteredModel, verdict: Verdict, entry: PredictionLog, *, source: str, actor: Actor) -> Feedback:
    place, now = place_of(verdict.prediction), clock.now()
    predicted = entry.predictions[place]
    correct = verdict.correct
    if correct is None and model.task in _CLASSES:
        correct = verdict.label == predicted
    return Feedback(
        model=model,
        version_id=entry.version_id,
        entry_id=entry.pk,
        place=place,
        predicted_at=entry.at,
        predicted=predicted,
        correct=correct,
        label=verdict.label,
        giver=_giver(model, verdict, actor),
        subject=pseudonym(model.workspace_id, verdict.subject),
        source=source,
        user_id=actor.user_id,
        given_at=now,
        known_at=verdict.known_at or now,
    )


def _giver(model: RegisteredModel, verdict: Verdict, actor: Actor) -> str:
    return f"subject:{pseudonym(model.workspace_id, verdict.subject)}" if verdict.subject else f"user:{actor.user_id}"


def _faults(model: RegisteredModel, verdict: Verdict, entry: PredictionLog, *, pointer: str) -> list[Problem]:
    told = (*_of_words(verdict, entry), *_of_label(model, verdict, entry))
    return [Problem(f"{pointer}/{field}", code, text) for field, code, text in told]


def _of_words(verdict: Verdict, entry: PredictionLog) -> list[tuple[str, str, str]]:
    found = []
    if verdict.correct is None and verdict.label is None:
        found.append(("correct", "required", "Say whether the prediction was correct, or give the label that was true."))
    if "@" in verdict.subject:
        text = "The subject looks like an e-mail address. Send a pseudonym that says nothing of the person."
        found.append(("subject", "not_a_pseudonym", text))
    elif verdict.subject and not _PSEUDONYM.fullmatch(verdict.subject):
        text = "A subject is a pseudonym of at most 64 letters, digits and the signs _ . : -."
        found.append(("subject", "not_a_pseudonym", text))
    if verdict.known_at is not None and not entry.at <= verdict.known_at <= clock.now():
        found.append(("known_at", "bad_time", "A label becomes known after the prediction, and not in the future."))
    return found


def _of_label(model: RegisteredModel, verdict: Verdict, entry: PredictionLog) -> list[tuple[str, str, str]]:
    if verdict.label is None:
        return []
    predicted = entry.predictions[place_of(verdict.prediction)]
    if model.task == Task.CLUSTERING:
        return [("label", "no_label", "Groups have no true labels. Say whether the answer was correct.")]
    if model.task in _AMOUNTS and not _is_amount(verdict.label):
        return [("label", "wrong_type", "The label of such a prediction is a number.")]
    if model.task == Task.ANOMALY and (type(verdict.label) is not int or verdict.label not in (-1, 1)):
        return [("label", "wrong_type", "The label is -1 for an unusual row and 1 for a usual one.")]
    if model.task == Task.CLASSIFICATION:
        schema = TableSchema.from_json(entry.version.schema)
        if type(verdict.label) not in _label_types(schema.target_kind):
            shown = ", ".join(schema.class_names[:10])
            return [("label", "wrong_type", f"The label is written as the classes of the model are: {shown}.")]
        if meant := _meant(verdict.label, schema.classes):
            text = f"The model knows no class {verdict.label[:80]!r}. Did you mean {meant!r}?"
            return [("label", "unknown_class", text)]
    if model.task in _CLASSES and verdict.correct is not None and verdict.correct != (verdict.label == predicted):
        text = "The label and the verdict contradict each other: leave one of them out."
        return [("correct", "contradiction", text)]
    return []


def _meant(label: Any, classes: tuple[Any, ...]) -> str:
    """Return the class that a text is but for its case and the space around it; a new class is none of them, and may be told."""
    if not isinstance(label, str) or label in classes:
        return ""
    alike = [str(one) for one in classes if str(one).strip().casefold() == label.strip().casefold()]
    return alike[0] if alike else ""


def _is_amount(label: Any) -> bool:
    return isinstance(label, int | float) and not isinstance(label, bool) and abs(label) <= _LARGEST


def _label_types(kind: ColumnKind | None) -> tuple[type, ...]:
    """Return what a class may be written as; a class that the model has never seen may be the true one."""
    if kind == ColumnKind.BOOLEAN:
        return (bool,)
    return (int, float) if kind in {ColumnKind.INTEGER, ColumnKind.NUMBER} else (str,)
