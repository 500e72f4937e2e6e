"""The menu: which algorithms there are and what they take."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService
from apps.core.errors import NotFound
from apps.core.permissions import Act

_ENTRY = inline_serializer(
    "Algorithm",
    {
        "name": serializers.CharField(),
        "title": serializers.CharField(),
        "summary": serializers.CharField(),
        "tasks": serializers.ListField(child=serializers.CharField()),
        "input_kind": serializers.CharField(),
        "needs_target": serializers.BooleanField(),
        "parameters": serializers.JSONField(help_text="JSON Schema of the hyperparameters, with defaults."),
        "reference": serializers.CharField(),
    },
)


@extend_schema_serializer(many=False, component_name="AlgorithmList")
class _Menu(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = serializers.ListField(child=_ENTRY)


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


class AlgorithmViewSet(ViewSet):
    """Read the catalogue."""

    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "retrieve": Act.READ}

    @extend_schema(responses=_Menu)
    def list(self, request: Request) -> Response:
        """List the algorithms there are."""
        results = [entry_as_json(service) for service in catalog.entries()]
        return Response({"count": len(results), "next": None, "previous": None, "results": results})

    @extend_schema(responses=_ENTRY, parameters=[OpenApiParameter("name", str, OpenApiParameter.PATH)])
    def retrieve(self, request: Request, name: str) -> Response:
        """Show one algorithm."""
        for service in catalog.entries():
            if service.slug == name:
                return Response(entry_as_json(service))
        raise NotFound("There is no algorithm of this name; GET /api/v1/algorithms/ lists them.")
