"""The dashboard's figures over HTTP, and where the API begins."""

from typing import ClassVar
from uuid import UUID

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.errors import InvalidInput, NotFound, Problem
from apps.core.permissions import Act
from apps.dashboard.selectors import summary_of
from apps.registry.models import RegisteredModel
from apps.workspaces.api.viewsets import ScopedViewSet

_COUNTS = ["total_models", "active_models", "ready_models", "training_models", "needs_retraining"]
_SUMMARY = inline_serializer("DashboardSummary", {name: serializers.IntegerField() for name in _COUNTS})
_BODY = inline_serializer(
    "Dashboard", {"summary": _SUMMARY, "models_by_type": serializers.DictField(child=serializers.IntegerField())}
)


_INDEX = {
    "me": "me",
    "workspaces": "workspace-list",
    "datasets": "dataset-list",
    "algorithms": "algorithm-list",
    "models": "model-list",
    "dashboard": "model-dashboard",
    "campaigns": "campaign-list",
    "batch_predictions": "batch-list",
    "schema": "schema",
    "docs": "docs",
}
_ADDRESSES = inline_serializer("Index", {name: serializers.URLField() for name in _INDEX})


class IndexViewSet(ScopedViewSet):
    """Where the API begins."""

    queryset = RegisteredModel.objects.all()
    acts: ClassVar[dict[str, Act]] = {"retrieve": Act.READ}
    callers_own: ClassVar[frozenset[str]] = frozenset({"retrieve"})

    @extend_schema(responses=_ADDRESSES)
    def retrieve(self, request: Request) -> Response:
        """Return the addresses of the collections and of their description."""
        return Response({name: request.build_absolute_uri(reverse(route)) for name, route in _INDEX.items()})


class DashboardViewSet(ScopedViewSet):
    """Counts over the caller's workspaces, or one of them."""

    queryset = RegisteredModel.objects.all()
    filter_backends = []
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"retrieve": ("workspace",)}
    acts: ClassVar[dict[str, Act]] = {"retrieve": Act.READ}

    @extend_schema(parameters=[OpenApiParameter("workspace", OpenApiTypes.UUID)], responses={200: _BODY, 404: None})
    def retrieve(self, request: Request) -> Response:
        """Return how many models there are, are ready, are training, need retraining."""
        ids = self.access.workspace_ids
        if wanted := request.query_params.get("workspace"):
            try:
                chosen = UUID(wanted)
            except ValueError:
                problem = Problem("workspace", "bad_id", "Give the id of a workspace.")
                raise InvalidInput("The workspace's id cannot be read.", [problem]) from None
            if chosen not in ids:
                raise NotFound
            ids = [chosen]
        return Response(summary_of(ids))
