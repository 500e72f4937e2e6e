"""Count answers and detections by version and hour: each hour that something was logged or reviewed in since the last count."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncHour

from apps.core import clock
from apps.detections.engine.collecting import OVERLAP
from apps.detections.models import Collection, Detection, DetectionStatistics
from apps.detections.selectors import collections
from apps.predictions.models import PredictionLog

_HOUR = timedelta(hours=1)
_HOURS_AT_ONCE = 48
_COUNTS = {
    "detections": Q(is_suppressed=False),
    "suppressed": Q(is_suppressed=True),
    "confirmed": Q(is_suppressed=False, status=Detection.Status.CONFIRMED),
    "false_positives": Q(is_suppressed=False, status=Detection.Status.FALSE_POSITIVE),
    "resolved": Q(is_suppressed=False, status=Detection.Status.RESOLVED),
}
_NEVER_SHRINK = ("rows", "detections", "suppressed")  # the log and what nobody reviewed are swept one day
_Counts = dict[str, int]


def count_hours() -> int:
    """Bring the statistics of every model up to date; return how many hours were counted."""
    return sum(_count(mark.pk) for mark in collections())


@transaction.atomic
def _count(mark_id: int) -> int:
    """Count one model's touched hours; its mark is held meanwhile, so that two counts come one after the other."""
    began = clock.now()
    mark: Collection = Collection.objects.select_for_update().get(pk=mark_id)
    since = mark.counted_until or mark.since
    logged = PredictionLog.objects.filter(model_id=mark.model_id, logged_at__gte=since)
    changed = Detection.objects.filter(model_id=mark.model_id, changed_at__gte=since)
    hours = sorted({*_hours(logged, "at"), *_hours(changed, "occurred_at")})
    for start in range(0, len(hours), _HOURS_AT_ONCE):
        _write(mark.model_id, hours[start : start + _HOURS_AT_ONCE])
    Collection.objects.filter(pk=mark_id).update(counted_until=max(since, began - OVERLAP))
    return len(hours)


def _hours(rows: QuerySet[Any], field: str) -> Iterator[datetime]:
    found = rows.order_by().annotate(hour=TruncHour(field, tzinfo=UTC)).values_list("hour", flat=True)
    yield from found.distinct().iterator()


def _write(model_id: UUID, hours: list[datetime]) -> None:
    known = DetectionStatistics.objects.filter(model_id=model_id, hour__in=hours)
    counts: dict[tuple[UUID, datetime], _Counts] = {
        (one.version_id, one.hour): {name: getattr(one, name) for name in _NEVER_SHRINK} for one in known
    }
    for hour, counted in (*_answered(model_id, hours), *_detected(model_id, hours)):
        own = counts.setdefault((counted.pop("version_id"), hour), {})
        for name, number in counted.items():
            own[name] = max(number, own.get(name, 0)) if name in _NEVER_SHRINK else number
    now = clock.now()
    DetectionStatistics.objects.bulk_create(
        (
            DetectionStatistics(model_id=model_id, version_id=version, hour=hour, counted_at=now, **own)
            for (version, hour), own in counts.items()
        ),
        update_conflicts=True,
        unique_fields=["version", "hour"],
        update_fields=["rows", *_COUNTS, "counted_at"],
        batch_size=500,
    )


def _answered(model_id: UUID, hours: list[datetime]) -> Iterator[tuple[datetime, dict[str, Any]]]:
    log = PredictionLog.objects.filter(model_id=model_id, at__gte=hours[0], at__lt=hours[-1] + _HOUR)
    return _by_hour(log, "at", hours, rows=Sum("row_count"))


def _detected(model_id: UUID, hours: list[datetime]) -> Iterator[tuple[datetime, dict[str, Any]]]:
    found = Detection.objects.filter(model_id=model_id, occurred_at__gte=hours[0], occurred_at__lt=hours[-1] + _HOUR)
    return _by_hour(found, "occurred_at", hours, **{name: Count("pk", filter=which) for name, which in _COUNTS.items()})


def _by_hour(
    those: QuerySet[Any], field: str, hours: list[datetime], **counts: Any
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    wanted = set(hours)
    grouped = those.order_by().annotate(hour=TruncHour(field, tzinfo=UTC)).values("version_id", "hour").annotate(**counts)
    for one in grouped:
        hour = one.pop("hour")
        if hour in wanted:
            yield hour, one
