"""Verbs on detections: review, say what counts as an alert, hide what is harmless, forget what is old."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.algorithms.schema import Task
from apps.core import clock
from apps.core.errors import Conflict, InvalidInput, NotFound, Problem
from apps.detections import lifecycle
from apps.detections.detectors.alerts import label_key
from apps.detections.detectors.suppression import problems_with
from apps.detections.models import Collection, Detection, DetectionRule, SuppressionRule
from apps.detections.selectors import classes_of, columns_of, rule_of, to_be_swept
from apps.registry.models import RegisteredModel
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

MOST_AT_ONCE = 1_000
MOST_LABELS = 100
MOST_RULES = 100
_SWEPT_AT_ONCE = 1_000
_MEANWHILE = "Somebody else has reviewed it meanwhile. Look at it again, then decide."
_READ_BACK = timedelta(minutes=5)  # as far as clocks of hosts may differ


@dataclass(frozen=True, slots=True)
class Reviewed:
    """How many detections a review of many moved, and how many stood there already."""

    changed: int
    unchanged: int


@transaction.atomic
def review(*, detection: Detection, status: str, note: str | None, was: str | None, actor: Actor) -> Detection:
    """Give one detection a verdict; `was` is the status that the reviewer saw, None for whatever it is now."""
    before = was or detection.status
    _check_change(before, status)
    if not lifecycle.change([detection.pk], before=before, after=status, note=note, user_id=actor.user_id):
        raise Conflict(_MEANWHILE)
    details = {"before": before, "after": status}
    record_audit(
        actor=actor, workspace_id=detection.workspace_id, verb="detection.review", target=detection, details=details
    )
    reviewed: Detection = Detection.objects.select_related("model", "version", "reviewed_by").get(pk=detection.pk)
    return reviewed


@transaction.atomic
def review_many(
    *, workspace: Workspace, ids: Sequence[UUID], status: str, note: str | None, was: str | None, actor: Actor
) -> Reviewed:
    """Give detections of one workspace the same verdict, all or none; raise `NotFound` where one is not there."""
    wanted = list(dict.fromkeys(ids))
    held = Detection.objects.select_for_update().filter(pk__in=wanted, workspace=workspace).order_by("pk")
    found: dict[UUID, str] = dict(held.values_list("pk", "status"))
    if len(found) < len(wanted):
        raise NotFound
    faults = [
        Problem(f"/ids/{place}", "conflict", f"Detection {place}: {text}")
        for place, pk in enumerate(ids)
        if (text := _why_not(found[pk], status, was))
    ]
    if faults:
        text = f"{len(faults)} of these cannot get this verdict: they have another that it does not follow. Nothing was changed."
        raise Conflict(text, faults[:50])
    moved = 0
    before = {one: [pk for pk, present in found.items() if present == one] for one in set(found.values()) - {status}}
    for one, which in before.items():
        moved += lifecycle.change(which, before=one, after=status, note=note, user_id=actor.user_id)
    details = {"after": status, "before": dict(Counter(found.values())), "changed": moved}
    record_audit(actor=actor, workspace_id=workspace.pk, verb="detection.review_many", target=workspace, details=details)
    return Reviewed(moved, len(found) - moved)


def _check_change(before: str, after: str) -> None:
    if text := _why_not(before, after, None):
        raise Conflict(text)


def _why_not(before: str, after: str, was: str | None) -> str:
    if was is not None and was != before:
        return _MEANWHILE
    if lifecycle.is_legal(before, after):
        return ""
    return "This verdict does not follow the one it has: confirm it, or take that one back first."


@transaction.atomic
def set_rule(*, model: RegisteredModel, settings: Mapping[str, Any], actor: Actor) -> DetectionRule:
    """Say which answers of a model are alerts; raise `InvalidInput` that names each bad setting.

    What was answered while a rule was off is no alert when it is on again.
    """
    if model.task not in (Task.ANOMALY, Task.CLASSIFICATION):
        raise Conflict("Only models of anomalies and of classes have alerts.")
    labels, least = settings["labels"], settings["least_score"]
    problems = [
        *_problems_with_labels(model, labels, is_on=settings["is_on"]),
        *_problems_with_score(model, "least_score", least),
    ]
    if problems:
        raise InvalidInput(problems[0].detail, problems)
    held: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    was_on = rule_of(held).is_on
    wanted = {"is_on": settings["is_on"], "labels": labels, "least_score": least}
    rule, _ = DetectionRule.objects.update_or_create(model=held, defaults={**wanted, "updated_by_id": actor.user_id})
    if rule.is_on and not was_on:
        now = clock.now()
        Collection.objects.update_or_create(model=held, defaults={"since": now, "until": now - _READ_BACK})
    record_audit(actor=actor, workspace_id=model.workspace_id, verb="detection_rule.set", target=model, details=wanted)
    return rule


def _problems_with_score(model: RegisteredModel, field: str, score: float | None) -> list[Problem]:
    """Return what is wrong with a bound on scores; of anomalies each model has a scale of its own."""
    if score is None or (0 <= score <= 1) or (model.task == Task.ANOMALY and math.isfinite(score)):
        return []
    text = "The score of a class is its probability: give a number between 0 and 1."
    if model.task == Task.ANOMALY:
        text = "A score is a finite number."
    return [Problem(f"/{field}", "bad_value", text)]


def _problems_with_labels(model: RegisteredModel, labels: list[Any], *, is_on: bool) -> list[Problem]:
    if model.task == Task.ANOMALY:
        text = "A model of anomalies has no labels: what it calls unusual is the alert."
        return [Problem("/labels", "bad_value", text)] if labels else []
    if is_on and not labels:
        return [Problem("/labels", "required", "Name the labels that are alerts, as they stand in the data set.")]
    known = classes_of(model)
    if known is None:
        return []
    keys, shown = set(map(label_key, known)), ", ".join(map(str, known[:10]))
    return [
        Problem(f"/labels/{place}", "unknown_label", f"The model answers no {str(label)[:80]!r}; it answers {shown}.")
        for place, label in enumerate(labels)
        if label_key(label) not in keys
    ]


@transaction.atomic
def make_suppression(*, model: RegisteredModel, fields: Mapping[str, Any], actor: Actor) -> SuppressionRule:
    """Hide what is known to be harmless, from now on; raise `InvalidInput` that names each fault."""
    _check_suppression(model, fields, given=fields)
    held: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    if SuppressionRule.objects.filter(model=held).count() >= MOST_RULES:
        raise Conflict(f"The model has {MOST_RULES} suppression rules already. Delete one that is not needed.")
    rule: SuppressionRule = SuppressionRule.objects.create(model=held, created_by_id=actor.user_id, **fields)
    _audit(rule, "suppression.create", actor)
    return rule


@transaction.atomic
def change_suppression(*, rule: SuppressionRule, fields: Mapping[str, Any], actor: Actor) -> SuppressionRule:
    """Change a suppression rule for what is found from now on; what it hid stays hidden."""
    held: SuppressionRule | None = SuppressionRule.objects.select_for_update().filter(pk=rule.pk).first()
    if held is None:
        raise NotFound
    present = {name: getattr(held, name) for name in ("conditions", "least_score", "most_score", "reason", "until")}
    _check_suppression(rule.model, {**present, **fields}, given=fields)
    for name, value in fields.items():
        setattr(held, name, value)
    held.save(update_fields=list(fields))
    _audit(held, "suppression.change", actor)
    return held


@transaction.atomic
def delete_suppression(*, rule: SuppressionRule, actor: Actor) -> None:
    """Take a suppression rule away; what it hid stays hidden, and the audit trail keeps what it said."""
    _audit(rule, "suppression.delete", actor)
    rule.delete()


def _audit(rule: SuppressionRule, verb: str, actor: Actor) -> None:
    details = {
        "conditions": rule.conditions,
        "scores": [rule.least_score, rule.most_score],
        "reason": rule.reason,
        "until": rule.until.isoformat() if rule.until else None,
    }
    record_audit(actor=actor, workspace_id=rule.model.workspace_id, verb=verb, target=rule, details=details)


def _check_suppression(model: RegisteredModel, fields: Mapping[str, Any], *, given: Mapping[str, Any]) -> None:
    """Refuse a rule as it would be; a bound or a time that stands already is not looked at again."""
    problems = problems_with(fields["conditions"], kinds=columns_of(model))
    least, most = fields["least_score"], fields["most_score"]
    if not fields["conditions"] and least is None and most is None:
        text = "Give a condition on a column, or a score: a rule without any would hide everything."
        problems.append(Problem("/conditions", "required", text))
    for name in ("least_score", "most_score"):
        problems += _problems_with_score(model, name, fields[name]) if name in given else []
    if (least if least is not None else -math.inf) > (most if most is not None else math.inf):
        problems.append(Problem("/least_score", "bad_value", "The least score is above the most."))
    until: datetime | None = fields["until"]
    if "until" in given and until is not None and until <= clock.now():
        problems.append(Problem("/until", "bad_time", "The rule would have ended already: give a time to come."))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidInput(f"{problems[0].detail}{more}", problems)


def sweep_detections() -> int:
    """Forget what nobody has reviewed for longer than it is kept; return how many. What was reviewed stays."""
    before = clock.now() - timedelta(days=settings.DETECTIONS_KEEP_DAYS)
    swept = 0
    while ids := list(to_be_swept(before).order_by().values_list("pk", flat=True)[:_SWEPT_AT_ONCE]):
        swept += Detection.objects.filter(pk__in=ids, status=Detection.Status.NEW).delete()[1].get("detections.Detection", 0)
    return swept
