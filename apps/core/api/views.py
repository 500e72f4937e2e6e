"""Health and the description of the API."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.api.errors import MEDIA_TYPE, problem_body
from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import PlatformError
from apps.core.health import recent_findings

_RETRY_SECONDS = "10"
# What frameworks and the health routes refuse with, besides the platform's own errors.
_OTHER_PROBLEMS = (
    (401, "authentication_failed", "The key or the password is wrong"),
    (403, "permission_denied", "Permission denied"),
    (405, "method_not_allowed", "Method not allowed"),
    (406, "not_acceptable", "Not acceptable"),
    (422, "refused", "The file is refused; nothing of it was kept for training"),
    (500, "error", "Something went wrong on our side"),
    (503, "database_busy", "A part of the platform is not available"),
    (503, "not_ready", "A part of the platform is not available"),
)


class PublicView(APIView):
    """Open to all: it tells nothing about anybody's data."""

    permission_classes = [AllowAny]
    authentication_classes = []


class AliveView(PublicView):
    """The process answers."""

    @extend_schema(responses=OpenApiTypes.OBJECT, auth=[])
    def get(self, request: Request) -> Response:
        """Return 200 while the process answers."""
        return Response({"status": "alive"})


class ReadyView(PublicView):
    """Every part that work needs is there."""

    @extend_schema(responses=OpenApiTypes.OBJECT, auth=[])
    def get(self, request: Request) -> Response:
        """Return 200 when database, broker, storage and workers are well; else 503 naming those that are not."""
        findings = recent_findings()
        parts = {f.part: {"well": f.is_well, "detail": f.detail} for f in findings}
        if all(f.is_well for f in findings):
            return Response({"status": "ready", "parts": parts})
        named = "; ".join(f"{f.part}: {f.detail}" for f in findings if not f.is_well)
        body = problem_body(503, "not_ready", "A part of the platform is not available", named, request.path)
        return Response({**body, "parts": parts}, 503, headers={"Retry-After": _RETRY_SECONDS}, content_type=MEDIA_TYPE)


class SchemaView(SpectacularAPIView):
    """The OpenAPI 3.1 document; JSON unless YAML is asked for."""

    permission_classes = [AllowAny]
    authentication_classes = []
    renderer_classes = [OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer]


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the API's description in Swagger UI, and the kinds of problem that a problem's `type` points at."""
    kinds: list[type[PlatformError]] = [*PlatformError.__subclasses__(), ArtifactDamaged]
    raised = {kind.code: (kind.status, kind.code, kind.title) for kind in kinds}
    problems = sorted({*raised.values(), *_OTHER_PROBLEMS})
    return render(request, "core/swagger.html", {"problems": problems})
