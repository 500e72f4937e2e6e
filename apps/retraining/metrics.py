"""What Prometheus is told of retraining."""

from collections.abc import Iterator

from django.db.models import Count, Q
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from apps.core.metrics import gauge
from apps.predictions.models import TrafficSplit
from apps.retraining.models import GateReport, RetrainingDecision, RetrainingPolicy


def figures() -> Iterator[Metric]:
    """Tell what was decided, how many models have a policy, what the gate said, and what is compared on live requests."""
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
    judged = CounterMetricFamily(
        "mlplatform_gate_judgements", "Challengers judged by the gate, by outcome.", labels=["outcome"]
    )
    done = dict(GateReport.objects.exclude(outcome="").values_list("outcome").annotate(Count("pk")).order_by())
    for outcome in GateReport.Outcome.values:
        judged.add_metric([outcome], done.get(outcome, 0))
    yield judged
    shared = gauge("traffic_splits", "Challengers that are compared on live requests now.")
    shared.add_metric([], TrafficSplit.objects.filter(ended_at__isnull=True).count())
    yield shared
