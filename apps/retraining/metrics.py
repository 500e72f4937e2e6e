"""What Prometheus is told of retraining."""

from collections.abc import Iterator

from django.db.models import Count, Q
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from apps.core.metrics import gauge
from apps.retraining.models import RetrainingDecision, RetrainingPolicy


def figures() -> Iterator[Metric]:
    """Tell what was decided, and how many models have a policy."""
    decided = CounterMetricFamily("mlplatform_retraining_decisions", "Retraining decisions by outcome.", labels=["outcome"])
    found = RetrainingDecision.objects.aggregate(
        left=Count("pk", filter=Q(retrain=False)),
        failed=Count("pk", filter=Q(retrain=True) & ~Q(error="")),
        retrained=Count("pk", filter=Q(retrain=True, error="")),
    )
    for outcome, count in found.items():
        decided.add_metric([outcome], count)
    yield decided
    policies = gauge("retraining_policies", "Models that have a retraining policy.")
    policies.add_metric([], RetrainingPolicy.objects.filter(model__archived_at__isnull=True).count())
    yield policies
