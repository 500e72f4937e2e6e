"""HTTP doors of detections."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.api.pagination import PAGES
from apps.core.api.queries import ChoiceFilter, TimeFilter, chosen, unreadable, whole_number
from apps.core.errors import NotFound
from apps.core.permissions import Act
from apps.detections import actions, selectors
from apps.detections.api.serializers import (
    DetectionSerializer,
    DetectionWithHistorySerializer,
    NextSerializer,
    ReviewedSerializer,
    ReviewOfManySerializer,
    RuleSerializer,
    ShownRuleSerializer,
    ShownSuppressionSerializer,
    StatisticsSerializer,
    SuppressionSerializer,
    VerdictOnDetectionSerializer,
)
from apps.detections.detectors.choice import METHOD
from apps.detections.models import Detection, SuppressionRule
from apps.detections.selectors import Statistics
from apps.registry.models import RegisteredModel
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.models import Workspace

_RECENT_DAYS, _WINDOW_DAYS, _MOST_DAYS, _MOST_DAYS_BY_HOUR = 7, 30, 3_650, 31
_MOST_STATISTICS = 366
_NEXT, _MOST_NEXT = 10, 50
SHOWN = ("false", "true", "any")


class DetectionFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?workspace=`, `?model=`, `?version=`, `?status=`, `?since=`, `?until=`, `?min_score=`, `?suppressed=`."""

    workspace = filters.UUIDFilter(field_name="workspace_id")
    model = filters.UUIDFilter(field_name="model_id")
    version = filters.NumberFilter(field_name="version__number", min_value=1, max_value=2**31 - 1)
    status = ChoiceFilter(choices=Detection.Status.choices)
    since = TimeFilter(field_name="occurred_at", lookup_expr="gte")
    until = TimeFilter(field_name="occurred_at", lookup_expr="lt")
    min_score = filters.NumberFilter(field_name="score", lookup_expr="gte")
    suppressed = ChoiceFilter(
        choices=[(name, name) for name in SHOWN], method="as_is", help_text="false without it: what is hidden is not listed."
    )

    class Meta:
        model = Detection
        fields: ClassVar[list[str]] = []

    def as_is(self, queryset: QuerySet[Any], _name: str, _value: str) -> QuerySet[Any]:
        """Leave it to `filter_queryset`, which is asked without a value too."""
        return queryset

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what is asked for; without a word on it, what is not suppressed."""
        kept: QuerySet[Any] = super().filter_queryset(queryset)
        asked = self.form.cleaned_data.get("suppressed") or SHOWN[0]
        return kept if asked == "any" else kept.filter(is_suppressed=asked == "true")


_FILTERS = tuple(DetectionFilter.base_filters)


class DetectionViewSet(ScopedViewSet):
    """List and review what was found."""

    queryset = Detection.objects.all()
    serializer_class = DetectionSerializer
    filterset_class = DetectionFilter
    ordering_fields: ClassVar[list[str]] = ["occurred_at", "found_at", "score", "reviewed_at"]
    queries: ClassVar[dict[str, tuple[str, ...]]] = {
        "recent": ("days", *PAGES, *_FILTERS, "ordering"),
        "next": ("count", *_FILTERS, "ordering"),  # which of many are looked at: the first so ordered
    }
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "recent": Act.READ,
        "next": Act.READ,
        "retrieve": Act.READ,
        "partial_update": Act.ANNOTATE,
        "review": Act.ANNOTATE,
    }

    def get_queryset(self) -> QuerySet[Any]:
        """Return the detections of the caller's workspaces."""
        if getattr(self, "swagger_fake_view", False):
            return Detection.objects.none()
        found = selectors.detections_of(self.access.workspace_ids)
        return found.prefetch_related("reviews__user") if self.action == "retrieve" else found

    def list(self, request: Request) -> Response:
        """List what was found, the last answered first."""
        return self._listed(self.get_queryset())

    @extend_schema(
        operation_id="detections_recent",
        parameters=[OpenApiParameter("days", int)],
        responses=DetectionSerializer(many=True),
    )
    def recent(self, request: Request) -> Response:
        """List what was found among the answers of the last `days` (7)."""
        days = _days(request, _RECENT_DAYS, _MOST_DAYS)
        return self._listed(self.get_queryset().filter(occurred_at__gte=clock.now() - timedelta(days=days)))

    def _listed(self, found: QuerySet[Any]) -> Response:
        page = self.paginate_queryset(self.filter_queryset(found))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="detections_next", parameters=[OpenApiParameter("count", int)], responses=NextSerializer, filters=True
    )
    def next(self, request: Request) -> Response:
        """Suggest `count` (10) to review next: near the threshold, and unlike one another and what is reviewed."""
        count = whole_number(request, "count", least=1) or _NEXT
        if count > _MOST_NEXT:
            raise unreadable("count", f"Give a whole number from 1 to {_MOST_NEXT}.")
        found = selectors.next_to_review(self.filter_queryset(self.get_queryset()), count)
        return Response({"method": METHOD, "results": DetectionSerializer(found, many=True).data})

    @extend_schema(responses=DetectionWithHistorySerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one, with every verdict that it was given."""
        return Response(DetectionWithHistorySerializer(self.get_object()).data)

    @extend_schema(request=VerdictOnDetectionSerializer, responses=DetectionSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Give a verdict; 409 where the change is none that may be, or somebody else was quicker."""
        detection = self.get_object()
        given = VerdictOnDetectionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        verdict = {"note": None, "was": None, **given.validated_data}
        done = actions.review(detection=detection, actor=self.access.actor, **verdict)
        return Response(DetectionSerializer(done).data)

    @extend_schema(request=ReviewOfManySerializer, responses={200: ReviewedSerializer, 404: None})
    def review(self, request: Request) -> Response:
        """Give up to 1,000 detections of one workspace the same verdict, all or none."""
        given = ReviewOfManySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        ids = given.validated_data["ids"]
        owners = set(self.get_queryset().filter(pk__in=ids).order_by().values_list("workspace_id", flat=True))
        if len(owners) != 1:
            raise NotFound
        workspace = Workspace.objects.get(pk=owners.pop())
        self.access.require(Act.ANNOTATE, workspace.pk)
        verdict = {"note": None, "was": None, **given.validated_data}
        done = actions.review_many(workspace=workspace, actor=self.access.actor, **verdict)
        return Response(asdict(done))


class OfModelViewSet(ScopedViewSet):
    """A model's statistics, and which of its answers are alerts."""

    queryset = RegisteredModel.objects.filter(archived_at__isnull=True)
    filter_backends = []
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"statistics": ("by", "days")}
    acts: ClassVar[dict[str, Act]] = {"statistics": Act.READ, "rule": Act.READ, "set_rule": Act.TRAIN}

    @extend_schema(
        parameters=[OpenApiParameter("by", str, enum=["day", "hour"]), OpenApiParameter("days", int)],
        responses=StatisticsSerializer,
    )
    def statistics(self, request: Request, pk: UUID) -> Response:
        """Count a model's detections of the last `days` (30) by day or hour; the share of false alarms is of reviewed ones."""
        model = self.get_object()
        by = chosen(request, "by", ["day", "hour"])
        days = _days(request, _WINDOW_DAYS, _MOST_STATISTICS if by == "day" else _MOST_DAYS_BY_HOUR)
        found = selectors.statistics_of(self.get_queryset().filter(pk=model.pk), days=days, by_day=by == "day")
        return Response({"by": by, "days": days, **_as_json(found)})

    @extend_schema(operation_id="models_detection_rule", responses=ShownRuleSerializer)
    def rule(self, request: Request, pk: UUID) -> Response:
        """Show which answers are alerts; of anomalies all that is called unusual, unless told otherwise."""
        return Response(ShownRuleSerializer(selectors.rule_of(self.get_object())).data)

    @extend_schema(operation_id="models_detection_rule_set", request=RuleSerializer, responses=ShownRuleSerializer)
    def set_rule(self, request: Request, pk: UUID) -> Response:
        """Say which answers are alerts from now on; settings that are not given are as by default."""
        model = self.get_object()
        given = RuleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        rule = actions.set_rule(model=model, settings=given.validated_data, actor=self.access.actor)
        return Response(ShownRuleSerializer(rule).data)


class SuppressionViewSet(ScopedViewSet):
    """Rules of one model that hide what is known to be harmless."""

    queryset = SuppressionRule.objects.select_related("model", "created_by")
    serializer_class = ShownSuppressionSerializer
    ordering_fields: ClassVar[list[str]] = ["created_at", "until"]
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "create": Act.TRAIN,
        "retrieve": Act.READ,
        "partial_update": Act.TRAIN,
        "destroy": Act.TRAIN,
    }

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rules of the model named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return SuppressionRule.objects.none()
        return super().get_queryset().filter(model_id=self.kwargs["model_id"], model__archived_at__isnull=True)

    def _model(self) -> RegisteredModel:
        live = RegisteredModel.objects.filter(archived_at__isnull=True).in_workspaces(self.access.workspace_ids)
        model: RegisteredModel | None = live.filter(pk=self.kwargs["model_id"]).first()
        if model is None:
            raise NotFound
        self.access.require(self.acts[self.action], model.workspace_id)
        return model

    def list(self, request: Request, model_id: UUID) -> Response:
        """List a model's suppression rules, the newest first."""
        self._model()
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=SuppressionSerializer, responses={201: ShownSuppressionSerializer})
    def create(self, request: Request, model_id: UUID) -> Response:
        """Hide what meets all these conditions from now on: it is recorded and counted, and not listed."""
        model = self._model()
        given = SuppressionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        rule = actions.make_suppression(model=model, fields=given.validated_data, actor=self.access.actor)
        location = {"Location": f"/api/v1/models/{model.pk}/suppression_rules/{rule.pk}/"}
        return Response(ShownSuppressionSerializer(rule).data, status.HTTP_201_CREATED, headers=location)

    def retrieve(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Show one rule."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=SuppressionSerializer(partial=True), responses=ShownSuppressionSerializer)
    def partial_update(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Change a rule for what is found from now on."""
        rule = self.get_object()
        given = SuppressionSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changed = actions.change_suppression(rule=rule, fields=given.validated_data, actor=self.access.actor)
        return Response(ShownSuppressionSerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Take a rule away; what it hid stays hidden."""
        actions.delete_suppression(rule=self.get_object(), actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _days(request: Request, default: int, most: int) -> int:
    days = whole_number(request, "days", least=1) or default
    if days > most:
        raise unreadable("days", f"Give a whole number from 1 to {most}.")
    return days


def _as_json(found: Statistics) -> dict[str, Any]:
    return {
        "time_zone": settings.PAGES_TIME_ZONE,
        "counted_at": found.counted_at,
        "total": found.total.as_json(),
        "versions": [{"version": one.number, "budget": one.budget, **one.counts.as_json()} for one in found.versions],
        "periods": [{"start": one.start, "hours": one.hours, **one.counts.as_json()} for one in found.periods],
    }
