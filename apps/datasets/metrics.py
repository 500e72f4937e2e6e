"""What Prometheus is told of uploads."""

from collections.abc import Iterator

from django.db.models import Count, Min
from prometheus_client.metrics_core import Metric

from apps.core.metrics import counts, oldest
from apps.datasets.models import DatasetVersion


def figures() -> Iterator[Metric]:
    """Tell how many uploads there are, and for how long the oldest that is not checked has waited."""
    status = DatasetVersion.Status
    found = dict(DatasetVersion.objects.order_by().values_list("status").annotate(count=Count("pk")))
    yield counts("uploads", "Uploads by status.", "status", found, status.values)
    since = DatasetVersion.objects.filter(status=status.CHECKING).aggregate(at=Min("created_at"))["at"]
    yield oldest("upload_oldest_waiting_seconds", "How long the oldest upload that is not checked has waited.", since)
