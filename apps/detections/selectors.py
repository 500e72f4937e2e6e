"""Reads of detections: the queue, what to review next, which models are read, which rules hold."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncHour

from apps.algorithms.schema import TableSchema, Task
from apps.core import clock
from apps.core.shares import Rate, rate
from apps.detections.detectors.alerts import Alerting
from apps.detections.detectors.choice import Candidate, next_places
from apps.detections.detectors.suppression import Condition, Suppression
from apps.detections.models import Collection, Detection, DetectionRule, DetectionStatistics, SuppressionRule
from apps.predictions.models import PredictionLog
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of

MOST_CANDIDATES = 400
_MOST_REVIEWED = 100
_SAID = {
    "confirmed": Detection.Status.CONFIRMED,
    "false_positives": Detection.Status.FALSE_POSITIVE,
    "resolved": Detection.Status.RESOLVED,
}


def detections_of(workspace_ids: Iterable[UUID]) -> QuerySet[Detection]:
    """Return the detections of these workspaces, the last answered first, without those of archived models."""
    mine = Detection.objects.in_workspaces(list(workspace_ids)).filter(model__archived_at__isnull=True)
    return mine.select_related("model", "version", "reviewed_by")


def next_to_review(waiting: QuerySet[Detection], count: int) -> list[Detection]:
    """Return some of the newest of these that are not reviewed: near the threshold, and unlike one another."""
    fresh = list(waiting.filter(status=Detection.Status.NEW, is_suppressed=False)[:MOST_CANDIDATES])
    models = {one.model_id for one in fresh}
    done = Detection.objects.filter(model_id__in=models).exclude(status=Detection.Status.NEW)
    last = done.order_by("-reviewed_at").only("model_id", "score", "row")[:_MOST_REVIEWED]
    places = next_places([_candidate(one) for one in fresh], [_candidate(one) for one in last], count)
    return [fresh[place] for place in places]


def _candidate(one: Detection) -> Candidate:
    return Candidate(one.model_id, one.score, one.row)


def rule_of(model: RegisteredModel) -> DetectionRule:
    """Return a model's rule; one that was never set is as the task has it: on for anomalies, off for classes."""
    found: DetectionRule | None = DetectionRule.objects.filter(model=model).first()
    return found or DetectionRule(model=model, is_on=model.task == Task.ANOMALY)


def alerting_of(model: RegisteredModel) -> Alerting:
    """Return which answers of a model are alerts."""
    rule = rule_of(model)
    labels = None if model.task == Task.ANOMALY else tuple(rule.labels)
    return Alerting(labels, rule.least_score)


def models_to_read() -> QuerySet[RegisteredModel]:
    """Return the models whose rule is on and whose log holds what was not read yet."""
    is_on = Q(detection_rule__is_on=True) | Q(task=Task.ANOMALY, detection_rule__isnull=True)
    reads = RegisteredModel.objects.filter(is_on, task__in=[Task.ANOMALY, Task.CLASSIFICATION], archived_at__isnull=True)
    logged = PredictionLog.objects.filter(model=OuterRef("pk"))
    mark = "detection_collection"
    after = Q(logged_at__gt=OuterRef(f"{mark}__until")) | Q(
        logged_at=OuterRef(f"{mark}__until"), pk__gt=OuterRef(f"{mark}__until_id")
    )
    unread = Exists(logged.filter(after, logged_at__gte=OuterRef(f"{mark}__until")))
    return reads.filter((Q(**{f"{mark}__isnull": True}) & Exists(logged)) | unread).order_by("pk")


def suppressions_of(model_id: UUID) -> list[Suppression]:
    """Return a model's suppression rules, the oldest first."""
    return [
        Suppression(
            rule.pk,
            tuple(map(Condition.from_json, rule.conditions)),
            rule.least_score,
            rule.most_score,
            rule.until,
        )
        for rule in SuppressionRule.objects.filter(model_id=model_id).order_by("created_at", "pk")
    ]


def counted_rules(workspace_ids: Iterable[UUID], *, model: RegisteredModel | None) -> QuerySet[SuppressionRule]:
    """Return the rules of live models, newest first, with how many detections each hid (`hidden`) and of when the last is."""
    rules = SuppressionRule.objects.in_workspaces(list(workspace_ids)).filter(model__archived_at__isnull=True)
    rules = rules if model is None else rules.filter(model=model)
    hid = Detection.objects.filter(suppressed_by=OuterRef("pk")).order_by().values("suppressed_by")
    counted: QuerySet[SuppressionRule] = rules.annotate(
        hidden=Coalesce(Subquery(hid.annotate(count=Count("pk")).values("count")), 0),
        last_hidden=Subquery(hid.annotate(last=Max("occurred_at")).values("last")),
    )
    return counted.select_related("model", "created_by")


def columns_of(model: RegisteredModel) -> Mapping[str, str] | None:
    """Return what a model's rows hold by column, None where it has no version yet."""
    champion = champion_of(model)
    if champion is None:
        return None
    schema = TableSchema.from_json(champion.schema)
    return {column.name: str(column.kind) for column in (*schema.columns, *schema.unused)}


def classes_of(model: RegisteredModel) -> tuple[Any, ...] | None:
    """Return the labels that a model may answer, None where it has no version yet."""
    champion = champion_of(model)
    return None if champion is None else TableSchema.from_json(champion.schema).classes


def to_be_swept(before: datetime) -> QuerySet[Detection]:
    """Return what nobody has reviewed and was answered before a time, once it is in the statistics."""
    counted = F("model__detection_collection__counted_until")
    return Detection.objects.filter(status=Detection.Status.NEW, occurred_at__lt=before, changed_at__lt=counted)


def collections() -> QuerySet[Collection]:
    """Return how far each live model was read."""
    return Collection.objects.filter(model__archived_at__isnull=True).select_related("model").order_by("pk")


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers and alerts of some time, and what became of them; `detections` are without those that were suppressed."""

    rows: int = 0
    detections: int = 0
    suppressed: int = 0
    confirmed: int = 0
    false_positives: int = 0
    resolved: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def reviewed(self) -> int:
        """How many have a verdict: what is resolved was real."""
        return self.confirmed + self.false_positives + self.resolved

    @property
    def false_positive_rate(self) -> Rate:
        """The share of false alarms among those that have a verdict."""
        return rate(self.false_positives, self.reviewed)

    @property
    def alert_rate(self) -> Rate:
        """The share of answers that were alerts, suppressed or not."""
        return rate(min(self.detections + self.suppressed, self.rows), self.rows)

    def as_json(self) -> dict[str, Any]:
        """Return the API's shape."""
        rates = {"false_positive_rate": self.false_positive_rate.as_json(), "alert_rate": self.alert_rate.as_json()}
        return {**asdict(self), "reviewed": self.reviewed, **rates}


@dataclass(frozen=True, slots=True)
class Period:
    """An hour, or a day of the local calendar with as many hours as it had."""

    start: datetime
    hours: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class VersionCounts:
    """One version's part, beside the share of rows that it was to alert on; None where nobody set one."""

    number: int
    budget: float | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class Statistics:
    """A model's detections by day or hour, empty ones among them, and in all; counted up to `counted_at`."""

    periods: tuple[Period, ...]
    versions: tuple[VersionCounts, ...]
    total: Counts
    counted_at: datetime | None


def statistics_of(models: QuerySet[RegisteredModel], *, days: int, by_day: bool) -> Statistics:
    """Return the detections of these models in the last days, today among them, by the local calendar."""
    today = clock.now().astimezone(local_zone()).date()
    first = today - timedelta(days=days - 1)
    starts = [midnight_of(first + timedelta(days=place)) for place in range(days + 1)]
    kept = _counted(models, starts[0])
    by_hour: dict[datetime, Counts] = defaultdict(Counts)
    for (_, hour), counts in kept.items():
        by_hour[hour] += counts
    periods = _days_of(starts, by_hour) if by_day else _hours_of(starts[0], by_hour)
    versions = _versions_of(kept)
    total = sum((one.counts for one in versions), Counts())
    counted = Collection.objects.filter(model__in=models).aggregate(at=Min("counted_until"))["at"]
    return Statistics(periods, versions, total, counted)


def local_zone() -> ZoneInfo:
    """Return the zone whose days people mean."""
    return ZoneInfo(settings.PAGES_TIME_ZONE)


def midnight_of(day: date) -> datetime:
    """Return when a local day begins, in UTC."""
    return datetime.combine(day, time(), local_zone()).astimezone(UTC)


def _counted(models: QuerySet[RegisteredModel], since: datetime) -> dict[tuple[UUID, datetime], Counts]:
    """Return by version and hour what was counted, and what people said of it up to now: a verdict shows at once."""
    names = [one.name for one in fields(Counts)]
    kept = DetectionStatistics.objects.filter(model__in=models, hour__gte=since).order_by()
    found = {
        (version, hour): replace(Counts(*numbers), **dict.fromkeys(_SAID, 0))
        for version, hour, *numbers in kept.values_list("version_id", "hour", *names)
    }
    seen = Detection.objects.filter(model__in=models, occurred_at__gte=since, is_suppressed=False).order_by()
    by_hour = seen.exclude(status=Detection.Status.NEW).annotate(hour=TruncHour("occurred_at", tzinfo=UTC))
    said = by_hour.values_list("version_id", "hour").annotate(
        **{name: Count("pk", filter=Q(status=status)) for name, status in _SAID.items()}
    )
    for version, hour, *numbers in said:
        counts = found.get((version, hour), Counts())
        detections = max(counts.detections, sum(numbers))  # what is reviewed within the hour is not counted yet
        found[version, hour] = replace(counts, detections=detections, **dict(zip(_SAID, numbers, strict=True)))
    return found


def _versions_of(kept: Mapping[tuple[UUID, datetime], Counts]) -> tuple[VersionCounts, ...]:
    of_each: dict[UUID, Counts] = defaultdict(Counts)
    for (version, _), counts in kept.items():
        of_each[version] += counts
    known = ModelVersion.objects.filter(pk__in=of_each).order_by("number", "pk").values_list("pk", "number", "parameters")
    return tuple(VersionCounts(number, _budget(told), of_each[version]) for version, number, told in known)


def budget_of(version: ModelVersion) -> float | None:
    """Return the share of usual rows that a version was to alert on, None where nobody set one."""
    return _budget(version.parameters)


def _budget(parameters: Mapping[str, Any]) -> float | None:
    share = parameters.get("alert_share")
    return float(share) if isinstance(share, int | float) else None


def _days_of(starts: list[datetime], by_hour: Mapping[datetime, Counts]) -> tuple[Period, ...]:
    of_day: dict[date, Counts] = defaultdict(Counts)
    for hour, counts in by_hour.items():
        of_day[hour.astimezone(local_zone()).date()] += counts
    return tuple(
        Period(start, (end - start) // timedelta(hours=1), of_day[start.astimezone(local_zone()).date()])
        for start, end in pairwise(starts)
    )


def _hours_of(since: datetime, by_hour: Mapping[datetime, Counts]) -> tuple[Period, ...]:
    present = clock.now().replace(minute=0, second=0, microsecond=0)
    hours = [since + timedelta(hours=place) for place in range((present - since) // timedelta(hours=1) + 1)]
    return tuple(Period(hour, 1, by_hour.get(hour, Counts())) for hour in hours)
