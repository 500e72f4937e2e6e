"""What Prometheus is told of drift."""

from collections.abc import Iterator

from django.db.models import Count, Min, OuterRef, Subquery
from prometheus_client.metrics_core import Metric

from apps.core.metrics import counts, gauge, oldest
from apps.monitoring.models import DriftReport
from apps.registry.metrics import newest_champions
from apps.registry.models import ModelVersion


def figures() -> Iterator[Metric]:
    """Tell of drift checks, and what the newest of each live version found."""
    status = DriftReport.Status
    found = dict(DriftReport.objects.order_by().values_list("status").annotate(count=Count("pk")))
    yield counts("drift_checks", "Drift checks by status.", "status", found, status.values)
    since = DriftReport.objects.filter(status=status.PENDING).aggregate(at=Min("created_at"))["at"]
    yield oldest("drift_check_oldest_waiting_seconds", "How long the oldest drift check that waits has waited.", since)
    yield from _newest()


def _newest() -> Iterator[Metric]:
    share = gauge("drift_share", "Share of a model's importance that drifts, by the newest check.", "model", "version")
    alarm = gauge("drift_alarm", "1 while the newest check of a live version is an alarm.", "model", "version")
    champions = {span.version_id: span for span in newest_champions()}
    judged = DriftReport.objects.filter(version=OuterRef("pk"), status=DriftReport.Status.COMPLETED)
    newest = Subquery(judged.exclude(state=DriftReport.State.UNKNOWN).order_by("-until").values("pk")[:1])
    chosen = ModelVersion.objects.filter(pk__in=champions).annotate(report=newest).values_list("report", flat=True)
    reports = DriftReport.objects.filter(pk__in=[pk for pk in chosen if pk]).only("version_id", "state", "share")
    for report in reports:
        labels = [str(champions[report.version_id].model_id), str(champions[report.version_id].version.number)]
        share.add_metric(labels, report.share or 0.0)
        alarm.add_metric(labels, float(report.state == DriftReport.State.ALARM))
    yield from (share, alarm)
