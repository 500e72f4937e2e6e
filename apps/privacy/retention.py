"""What is older than a workspace keeps it is removed: once a day, in portions, each with its audit entry.

Kept is what is not older than so many days to the moment; at the boundary itself it is kept. A verdict holds the answer
that it judges, so it outlives the log's row. A drift check that waits or runs still reads its window: the log of its model is
kept from the beginning of that window; a check that is done holds counts, and reads no row again.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min, QuerySet

from apps.core import clock
from apps.core.artifacts import remove_folder
from apps.core.instance import private_folder
from apps.feedback.models import Feedback, FeedbackSample, LabelFile
from apps.feedback.selectors import sample_file
from apps.monitoring.models import DriftReport
from apps.predictions.models import PredictionLog
from apps.privacy.models import SubjectRequest
from apps.privacy.selectors import models_of_workspace, retention_of
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

logger = logging.getLogger(__name__)
_AT_ONCE = 1_000
_LEFT_FOR = timedelta(days=1)  # files that no row names: something may be about to name them


def apply() -> dict[str, int]:
    """Remove what is past its time in every workspace; return how much of what."""
    total: dict[str, int] = {}
    now = clock.now()
    for workspace in Workspace.objects.order_by("pk"):
        for name, count in apply_to(workspace, now=now).items():
            total[name] = total.get(name, 0) + count
    total["exports"] = _expired_exports(now)
    _sweep_private(now)
    logger.info("Retention: removed %s", ", ".join(f"{count} {name}" for name, count in sorted(total.items())))
    return total


def apply_to(workspace: Workspace, *, now: datetime) -> dict[str, int]:
    """Remove what is past its time in one workspace."""
    days = retention_of(workspace.pk)
    removed = {"predictions": 0}
    for model_id in models_of_workspace(workspace.pk).values_list("pk", flat=True):
        limit = _log_limit(model_id, now - timedelta(days=days.predictions))
        old = PredictionLog.objects.filter(model_id=model_id, at__lt=limit)
        removed["predictions"] += _remove(workspace, "predictions", old, limit)
    said_before = now - timedelta(days=days.feedback)
    said = Feedback.objects.filter(model__workspace=workspace, given_at__lt=said_before)
    removed["feedback"] = _remove(workspace, "feedback", said, said_before)
    removed["samples"] = _remove_samples(workspace, now=now, days=days.samples)
    return removed


def _log_limit(model_id: UUID, limit: datetime) -> datetime:
    """Return before when a model's log may be removed: a drift check under way still reads its window."""
    unfinished = (DriftReport.Status.PENDING, DriftReport.Status.RUNNING)
    read = DriftReport.objects.filter(model_id=model_id, status__in=unfinished).aggregate(since=Min("since"))["since"]
    return min(limit, read) if read is not None else limit


def _remove(
    workspace: Workspace, what: str, rows: QuerySet[Any], limit: datetime, gone: Callable[[list[Any]], None] | None = None
) -> int:
    """Delete rows in portions; each is one transaction with its audit entry, so that a kill leaves none untold."""
    total = 0
    while True:
        with transaction.atomic():
            chosen = (
                list(rows.order_by("pk")[:_AT_ONCE])
                if gone
                else list(rows.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])
            )
            if not chosen:
                return total
            pks = [one.pk for one in chosen] if gone else chosen
            count = rows.model.objects.filter(pk__in=pks).delete()[1].get(rows.model._meta.label, 0)
            details = {"what": what, "removed": count, "before": limit.isoformat()}
            record_audit(actor=SYSTEM, workspace_id=workspace.pk, verb="retention.remove", target=workspace, details=details)
        if gone:
            gone(chosen)
        logger.info("Retention: %d %s of workspace %s from before %s removed", count, what, workspace.pk, limit.isoformat())
        total += count


def _remove_samples(workspace: Workspace, *, now: datetime, days: int) -> int:
    def unlink(samples: list[FeedbackSample]) -> None:
        for sample in samples:
            sample_file(sample).unlink(missing_ok=True)

    own = FeedbackSample.objects.filter(model__workspace=workspace)
    limit = now - timedelta(days=days)
    old = own.filter(consented_at__lt=limit) | own.filter(expires_at__lt=now)
    return _remove(workspace, "samples", old, limit, unlink)


def _expired_exports(now: datetime) -> int:
    expired = SubjectRequest.objects.exclude(file_path="").filter(expires_at__lt=now)
    removed = 0
    for request in expired:
        (private_folder("exports") / request.file_path).unlink(missing_ok=True)
        removed += SubjectRequest.objects.filter(pk=request.pk).exclude(file_path="").update(file_path="")
    return removed


def _sweep_private(now: datetime) -> None:
    """Remove private files that no row names and that are older than a day: whoever made or removed them died meanwhile."""
    named = {
        "samples": set(FeedbackSample.objects.values_list("path", flat=True)),
        "exports": set(SubjectRequest.objects.exclude(file_path="").values_list("file_path", flat=True)),
    }
    unread = LabelFile.objects.filter(status__in=(LabelFile.Status.PENDING, LabelFile.Status.RUNNING))
    named["labels"] = set(unread.values_list("path", flat=True))
    for name, kept in named.items():
        folder = private_folder(name)
        for path in folder.iterdir():
            if path.name not in kept and _age(path, now) > _LEFT_FOR:
                logger.info("Removing %s, which no row names.", path.name)
                remove_folder(path) if path.is_dir() else path.unlink(missing_ok=True)


def _age(path: Path, now: datetime) -> timedelta:
    return timedelta(seconds=now.timestamp() - path.stat().st_mtime)
