"""The menu: which algorithms there are and what they take."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService
from apps.core.api.viewsets import KnownQueriesOnly
from apps.core.errors import NotFound
from apps.core.permissions import Act


class AlgorithmSerializer(serializers.Serializer[Any]):
    """One algorithm of the menu."""

    name = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    tasks = serializers.ListField(child=serializers.CharField())
    input_kind = serializers.CharField()
    needs_target = serializers.BooleanField()
    parameters = serializers.JSONField(help_text="JSON Schema of the hyperparameters, with defaults.")
    reference = serializers.CharField()


def entry_as_json(service: type[BaseMLService]) -> dict[str, Any]:
    """Return one service as the menu shows it."""
    return {
        "name": service.slug,
        "title": service.title,
        "summary": service.summary,
        "tasks": [str(task) for task in service.tasks],
        "input_kind": service.input_kind,
        "needs_target": service.needs_target,
        "parameters": service.parameters_schema(),
        "reference": service.reference,
    }


class AlgorithmViewSet(KnownQueriesOnly):
    """Read the catalogue."""

    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "retrieve": Act.READ}

    @extend_schema(responses=AlgorithmSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the algorithms there are; a model may also be of `auto`, which compares those fit for its task."""
        page = self.paginate_queryset(catalog.entries())
        return self.get_paginated_response([entry_as_json(service) for service in page or []])

    @extend_schema(responses=AlgorithmSerializer, parameters=[OpenApiParameter("name", str, OpenApiParameter.PATH)])
    def retrieve(self, request: Request, name: str) -> Response:
        """Show one algorithm."""
        for service in catalog.entries():
            if service.slug == name:
                return Response(entry_as_json(service))
        raise NotFound("There is no algorithm of this name; GET /api/v1/algorithms/ lists them.")
