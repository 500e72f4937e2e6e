"""What Prometheus is told of campaigns."""

from collections.abc import Iterator

from django.db.models import Count, F, Min, Sum
from prometheus_client.core import SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from apps.core.metrics import counts, oldest
from apps.training.models import TrainingCampaign

_Status = TrainingCampaign.Status
_OPEN = (_Status.PENDING, _Status.TRAINING)


def waiting() -> Iterator[Metric]:
    """Tell of campaigns that wait or train."""
    campaigns = TrainingCampaign.objects.order_by()
    found = dict(campaigns.filter(status__in=_OPEN).values_list("status").annotate(count=Count("pk")))
    yield counts("campaigns_open", "Campaigns that wait or train.", "status", found, _OPEN)
    since = campaigns.filter(status=_Status.PENDING).aggregate(at=Min("created_at"))["at"]
    yield oldest("campaign_oldest_waiting_seconds", "How long the oldest campaign that waits has waited.", since)


def durations() -> Iterator[Metric]:
    """Tell of the campaigns that ended, and how long they trained."""
    ended = TrainingCampaign.objects.order_by().exclude(status__in=_OPEN)
    found = dict(ended.values_list("status").annotate(count=Count("pk")))
    known = [status for status in _Status.values if status not in _OPEN]
    yield counts("campaigns_ended", "Campaigns that ended, by how.", "status", found, known)
    seconds = SummaryMetricFamily(
        "mlplatform_training_seconds", "How long completed campaigns trained, from claim to end.", labels=["algorithm"]
    )
    trained = ended.filter(status=_Status.COMPLETED, started_at__isnull=False).values("algorithm")
    for row in trained.annotate(count=Count("pk"), sum=Sum(F("finished_at") - F("started_at"))).order_by("algorithm"):
        seconds.add_metric([row["algorithm"]], row["count"], max(0.0, row["sum"].total_seconds()))
    yield seconds
