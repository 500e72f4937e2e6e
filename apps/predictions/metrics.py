"""What Prometheus is told of predictions: counted as they are made, for the log is too long to be looked through."""

import threading
from collections.abc import Callable, Iterator
from uuid import UUID

from django.db.models import Count, Min
from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric

from apps.core.metrics import counted, counts, oldest
from apps.predictions.models import BatchPrediction

_MOST_VERSIONS = 1_000  # that a process tells apart; the others are one
_OTHER = "other"
_NAMES = ["model", "version"]
_ROWS = Counter("mlplatform_predicted_rows", "Rows answered, by model and version.", _NAMES, registry=counted)
_SECONDS = Histogram(
    "mlplatform_prediction_seconds",
    "Prediction requests by model and version, and how long the predictor took.",
    _NAMES,
    registry=counted,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0),
)
NOT_LOGGED = Counter("mlplatform_predictions_not_logged", "Requests that the prediction log refused.", registry=counted)
_Count = Callable[[float], None]
_known: dict[UUID, tuple[_Count, _Count]] = {}
_lock = threading.Lock()


def count_prediction(*, model_id: UUID, version_id: UUID, number: int, rows: int, seconds: float) -> None:
    """Count an answered request."""
    inc, observe = _known.get(version_id) or _first(model_id, version_id, number)
    inc(rows)
    observe(seconds)


def _first(model_id: UUID, version_id: UUID, number: int) -> tuple[_Count, _Count]:
    with _lock:
        labels = (_OTHER, _OTHER) if len(_known) >= _MOST_VERSIONS else (str(model_id), str(number))
        found = _ROWS.labels(*labels).inc, _SECONDS.labels(*labels).observe
        if labels[0] != _OTHER:
            _known[version_id] = found
        return found


def figures() -> Iterator[Metric]:
    """Tell of batches."""
    status = BatchPrediction.Status
    found = dict(BatchPrediction.objects.order_by().values_list("status").annotate(count=Count("pk")))
    yield counts("batches", "Batch predictions by status.", "status", found, status.values)
    since = BatchPrediction.objects.filter(status=status.PENDING).aggregate(at=Min("created_at"))["at"]
    yield oldest("batch_oldest_waiting_seconds", "How long the oldest batch that waits has waited.", since)
