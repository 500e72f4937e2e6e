"""What Prometheus reads, and who may read it."""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from apps.core.errors import Forbidden
from apps.core.metrics import exposition
from apps.core.permissions import Scope

_PROMETHEUS = "prometheus"  # what `request.auth` is for who brings the token


class MetricsToken(BaseAuthentication):
    """Accept `Authorization: Bearer METRICS_TOKEN`, compared in constant time; any other key is left to the others."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return Prometheus, None for anybody else."""
        scheme, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        wanted = settings.METRICS_TOKEN
        if scheme.lower() != "bearer" or not wanted or not constant_time_compare(given.strip(), wanted):
            return None
        return AnonymousUser(), _PROMETHEUS

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme in the 401 answer."""
        return "Bearer"


class ForOperators(BasePermission):
    """Let Prometheus in, and staff of the platform: what is told is of all workspaces."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the caller operates the platform; a member who does not is told what is needed."""
        if request.auth == _PROMETHEUS:
            return True
        if not request.user or not request.user.is_authenticated:
            return False
        if str(request.method) not in {"GET", "HEAD"}:
            raise MethodNotAllowed(str(request.method))
        if not request.user.is_staff or getattr(request.auth, "scope", None) != Scope.ADMIN:
            raise Forbidden(
                "These figures are of all workspaces: they take METRICS_TOKEN, or staff with a key of scope admin."
            )
        return True


class MetricsView(APIView):
    """What the platform counted, for Prometheus."""

    authentication_classes = [
        MetricsToken,
        *cast("list[type[BaseAuthentication]]", api_settings.DEFAULT_AUTHENTICATION_CLASSES),
    ]
    permission_classes = [ForOperators]
    http_method_names = ["get", "head"]

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Return the metrics in Prometheus' text format; for `METRICS_TOKEN` and for staff."""
        return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
