"""HTTP doors of monitoring."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.queries import ChoiceFilter
from apps.core.errors import NotFound
from apps.core.permissions import Act
from apps.monitoring import actions
from apps.monitoring.api.serializers import DriftReportSerializer, DriftReportsSerializer, ListedDriftReportSerializer
from apps.monitoring.models import DriftReport
from apps.registry.models import RegisteredModel
from apps.registry.selectors import is_live_model
from apps.workspaces.api.viewsets import ScopedViewSet


class DriftFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?status=`, `?state=`."""

    status = ChoiceFilter(choices=DriftReport.Status.choices)
    state = ChoiceFilter(choices=DriftReport.State.choices)

    class Meta:
        model = DriftReport
        fields: ClassVar[list[str]] = ["status", "state"]


class StartDriftViewSet(ScopedViewSet):
    """Ask for drift checks."""

    queryset = RegisteredModel.objects.filter(archived_at__isnull=True)
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"check_one": Act.TRAIN, "check_every": Act.TRAIN}

    @extend_schema(request=None, responses={202: DriftReportSerializer})
    def check_one(self, request: Request, pk: UUID) -> Response:
        """Compare what a model answered since the last check with what it learned from; a worker does it."""
        report = actions.start_check(model=self.get_object(), actor=self.access.actor)
        return Response(DriftReportSerializer(report).data, status.HTTP_202_ACCEPTED, headers=_location(report))

    @extend_schema(operation_id="models_detect_drift_every", request=None, responses={202: DriftReportsSerializer})
    def check_every(self, request: Request) -> Response:
        """Check every model with a live version, in all workspaces where the caller may train."""
        mine = [workspace for workspace in self.access.roles if self.access.may(Act.TRAIN, workspace)]
        for workspace in mine:
            self.access.require(Act.TRAIN, workspace)
        if not mine:
            raise self.access.refusal(Act.TRAIN, list(self.access.roles.values()))
        reports = actions.start_checks(workspace_ids=mine, actor=self.access.actor)
        return Response({"reports": DriftReportSerializer(reports, many=True).data}, status.HTTP_202_ACCEPTED)


class DriftViewSet(ScopedViewSet):
    """Read drift checks."""

    queryset = DriftReport.objects.select_related("version")
    serializer_class = DriftReportSerializer
    filterset_class = DriftFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "until"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "retrieve": Act.READ}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the checks of the model named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return DriftReport.objects.none()
        return super().get_queryset().filter(model_id=self.kwargs["model_id"], model__archived_at__isnull=True)

    @extend_schema(responses=ListedDriftReportSerializer(many=True))
    def list(self, request: Request, model_id: UUID) -> Response:
        """List a model's checks, newest first; each one's histograms are shown by itself."""
        if not is_live_model(model_id, self.access.workspace_ids):
            raise NotFound
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset().defer("histograms")))
        return self.get_paginated_response(ListedDriftReportSerializer(page, many=True).data)

    def retrieve(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Show one check."""
        return Response(self.get_serializer(self.get_object()).data)


def _location(report: DriftReport) -> dict[str, str]:
    return {"Location": f"/api/v1/models/{report.model_id}/drift/{report.pk}/"}
