"""HTTP doors of retraining."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.queries import ChoiceFilter
from apps.core.errors import Conflict, InvalidInput, NotFound, Problem
from apps.core.permissions import Act
from apps.predictions.actions import start_split
from apps.predictions.models import TrafficSplit
from apps.registry.models import RegisteredModel
from apps.registry.selectors import is_live_model
from apps.retraining import actions
from apps.retraining.api.serializers import (
    DecisionSerializer,
    DeclineSerializer,
    GateReportSerializer,
    KeptDecisionSerializer,
    NothingSerializer,
    PolicySerializer,
    TrafficSerializer,
)
from apps.retraining.models import GateReport, RetrainingDecision
from apps.retraining.selectors import policy_as_json
from apps.workspaces.api.viewsets import ScopedViewSet


class PolicyViewSet(ScopedViewSet):
    """Read and set a model's retraining policy, and ask what it would decide now."""

    queryset = RegisteredModel.objects.filter(archived_at__isnull=True)
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"retrieve": Act.READ, "update": Act.TRAIN, "evaluate": Act.READ, "retrain": Act.TRAIN}

    @extend_schema(responses=PolicySerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show the policy; 404 where the model has none and is never retrained by itself."""
        policy = policy_as_json(self.get_object())
        if policy is None:
            raise NotFound("The model has no retraining policy: it is trained by hand alone. PUT one here.")
        return Response(policy)

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def update(self, request: Request, pk: UUID) -> Response:
        """Set the policy whole: settings that are not given are as by default, conditions of null are off.

        What the gate asks of a challenger stands under `gate`.
        """
        model = self.get_object()
        if not isinstance(request.data, dict):
            raise InvalidInput(
                "Send an object.", [Problem("", "not_an_object", 'Send {"feedback": 100, "age_days": 30, …}.')]
            )
        actions.set_policy(model=model, settings=request.data, actor=self.access.actor)
        return Response(policy_as_json(model))

    @extend_schema(request=None, responses=DecisionSerializer)
    def evaluate(self, request: Request, pk: UUID) -> Response:
        """Tell each condition with its value, threshold and whether it is met, and the decision; nothing is trained."""
        return Response(actions.evaluate(model=self.get_object()).as_json())

    @extend_schema(request=None, responses=KeptDecisionSerializer)
    def retrain(self, request: Request, pk: UUID) -> Response:
        """Decide as the schedule does, now, and begin the training if it is due."""
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        model = self.get_object()
        kept = actions.retrain_if_due(model=model, origin=RetrainingDecision.Origin.PERSON, actor=self.access.actor)
        return Response(KeptDecisionSerializer(kept).data)


class DecisionViewSet(ScopedViewSet):
    """Read what was decided."""

    queryset = RetrainingDecision.objects.all()
    serializer_class = KeptDecisionSerializer
    ordering_fields: ClassVar[list[str]] = ["at"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the decisions on the model named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return RetrainingDecision.objects.none()
        return super().get_queryset().filter(model_id=self.kwargs["model_id"], model__archived_at__isnull=True)

    def list(self, request: Request, model_id: UUID) -> Response:
        """List the decisions on a model, newest first."""
        if not is_live_model(model_id, self.access.workspace_ids):
            raise NotFound
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class GateFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?status=`, `?outcome=`."""

    status = ChoiceFilter(choices=GateReport.Status.choices)
    outcome = ChoiceFilter(choices=GateReport.Outcome.choices)

    class Meta:
        model = GateReport
        fields: ClassVar[list[str]] = ["status", "outcome"]


class StartGateViewSet(ScopedViewSet):
    """Ask the gate."""

    queryset = RegisteredModel.objects.filter(archived_at__isnull=True)
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"judge": Act.TRAIN}

    @extend_schema(request=None, responses={202: GateReportSerializer})
    def judge(self, request: Request, pk: UUID) -> Response:
        """Judge the challenger beside the champion on rows that neither has learned from; nothing is promoted by it."""
        report = actions.start_judgement(model=self.get_object(), actor=self.access.actor)
        headers = {"Location": f"/api/v1/models/{report.model_id}/gate_reports/{report.pk}/"}
        return Response(GateReportSerializer(report).data, status.HTTP_202_ACCEPTED, headers=headers)


class GateReportViewSet(ScopedViewSet):
    """Read what the gate said, and approve or decline what passed it."""

    queryset = GateReport.objects.select_related("champion", "challenger", "model")
    serializer_class = GateReportSerializer
    filterset_class = GateFilter
    ordering_fields: ClassVar[list[str]] = ["created_at"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "retrieve": Act.READ, "approve": Act.PROMOTE, "decline": Act.PROMOTE}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the judgements of the model named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return GateReport.objects.none()
        return super().get_queryset().filter(model_id=self.kwargs["model_id"], model__archived_at__isnull=True)

    def list(self, request: Request, model_id: UUID) -> Response:
        """List the judgements of a model's challengers, newest first."""
        if not is_live_model(model_id, self.access.workspace_ids):
            raise NotFound
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Show one judgement."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=GateReportSerializer)
    def approve(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Promote a challenger that passed and waits for approval; not by whoever began its training."""
        report = actions.approve(report=self.get_object(), actor=self.access.actor)
        return Response(self.get_serializer(report).data)

    @extend_schema(request=DeclineSerializer, responses=GateReportSerializer)
    def decline(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Leave the champion live though the challenger passed; what waits for approval holds up the next retraining."""
        report = self.get_object()
        given = DeclineSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        report = actions.decline(report=report, actor=self.access.actor, reason=given.validated_data["reason"])
        return Response(self.get_serializer(report).data)


class TrafficViewSet(ScopedViewSet):
    """Compare a challenger with the champion on live requests."""

    queryset = TrafficSplit.objects.select_related("champion__model", "challenger__model", "model")
    serializer_class = TrafficSerializer
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "start": Act.PROMOTE, "end": Act.PROMOTE}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the comparisons of the model named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return TrafficSplit.objects.none()
        return super().get_queryset().filter(model_id=self.kwargs["model_id"], model__archived_at__isnull=True)

    def list(self, request: Request, model_id: UUID) -> Response:
        """List a model's comparisons, newest first, with how they stand."""
        if not is_live_model(model_id, self.access.workspace_ids):
            raise NotFound
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=TrafficSerializer, responses={201: TrafficSerializer})
    def start(self, request: Request, model_id: UUID) -> Response:
        """Have the challenger answer a share of the requests (`ab`), or answer again beside the champion (`shadow`)."""
        model = (
            RegisteredModel.objects.in_workspaces(self.access.workspace_ids).filter(pk=model_id, archived_at=None).first()
        )
        if model is None:
            raise NotFound
        self.access.require(Act.PROMOTE, model.workspace_id)
        given = TrafficSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        split = start_split(model=model, actor=self.access.actor, **given.validated_data)
        return Response(TrafficSerializer(split).data, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=TrafficSerializer)
    def end(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """End a comparison: the champion answers everything again."""
        split = self.get_object()
        if not actions.end_comparison(split=split, actor=self.access.actor):
            raise Conflict("This comparison has ended already.")
        split.refresh_from_db()
        return Response(TrafficSerializer(split).data)
