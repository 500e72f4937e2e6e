"""Reads of drift checks."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from apps.algorithms.schema import Task
from apps.feedback.models import Feedback
from apps.monitoring.models import DriftReport
from apps.registry.models import ModelVersion, RegisteredModel

_WRITTEN_LATE = timedelta(minutes=10)  # a label may be given before a look at them, and written after it
_HELD = 5  # checks whose estimates are held against labels that come late


def last_judged(version: ModelVersion, *, before: datetime | None = None) -> DriftReport | None:
    """Return a version's newest completed check that had rows enough to be judged."""
    judged = DriftReport.objects.filter(version=version, status=DriftReport.Status.COMPLETED)
    judged = judged.exclude(state=DriftReport.State.UNKNOWN)
    if before is not None:
        judged = judged.filter(until__lte=before)
    return judged.order_by("-until").first()


def last_completed(version: ModelVersion, *, but: UUID) -> DriftReport | None:
    """Return a version's newest completed check besides one, whatever it found."""
    done = DriftReport.objects.filter(version=version, status=DriftReport.Status.COMPLETED).exclude(pk=but)
    return done.order_by("-until").first()


def estimates_to_hold(version: ModelVersion) -> list[DriftReport]:
    """Return the newest checks of a version whose estimates were not held against all labels that came since."""
    said = (
        Feedback.objects.filter(model_id=version.model_id).order_by("-given_at").values_list("given_at", flat=True).first()
    )
    if said is None:
        return []
    done = DriftReport.objects.filter(version=version, status=DriftReport.Status.COMPLETED).exclude(estimate={})
    newest = done.select_related("version", "version__model").order_by("-until")[:_HELD]
    return [report for report in newest if report.held_at is None or report.held_at <= said + _WRITTEN_LATE]


def recent_checks(version: ModelVersion, most: int) -> list[DriftReport]:
    """Return a version's last checks, the newest first."""
    return list(DriftReport.objects.filter(version=version).defer("histograms").order_by("-until", "-created_at")[:most])


def open_check(model: RegisteredModel) -> DriftReport | None:
    """Return the check of a model that waits or runs."""
    unfinished = (DriftReport.Status.PENDING, DriftReport.Status.RUNNING)
    return DriftReport.objects.filter(model=model, status__in=unfinished).first()


def versions_of_open_checks(model_id: UUID) -> list[UUID]:
    """Return the versions of a model whose checks wait or run."""
    unfinished = (DriftReport.Status.PENDING, DriftReport.Status.RUNNING)
    return list(DriftReport.objects.filter(model_id=model_id, status__in=unfinished).values_list("version_id", flat=True))


def checkable_models(workspace_ids: list[UUID] | None = None) -> QuerySet[RegisteredModel]:
    """Return the models that have a live version and are no forecasts; those of some workspaces only, if they are given."""
    live = RegisteredModel.objects.filter(
        archived_at__isnull=True, aliases__name="champion", aliases__until__isnull=True
    ).exclude(task=Task.FORECAST)
    return live if workspace_ids is None else live.filter(workspace_id__in=workspace_ids)
