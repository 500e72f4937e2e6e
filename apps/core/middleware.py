"""What every page gets: a content security policy without inline code, and times in the readers' zone."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

POLICY = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_MACHINES = ("/api/v1/", "/v2/")


class PageMiddleware:
    """Add the policy to every answer; show times on pages (not in the API, which speaks UTC) in `PAGES_TIME_ZONE`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.zone = ZoneInfo(settings.PAGES_TIME_ZONE)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        if request.path.startswith(_MACHINES):
            response = self.get_response(request)
        else:
            with timezone.override(self.zone):
                response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
