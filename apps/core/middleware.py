"""What every answer gets: an id, and is counted; what pages get: a policy without inline code, times in the readers' zone."""

import time
from collections.abc import Callable
from http import HTTPStatus
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, is_valid_path, resolve
from django.utils import timezone

from apps.core.logs import about, request_id
from apps.core.metrics import count_request

POLICY = (
    "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
ID_HEADER = "X-Request-ID"
NO_ROUTE = "(none)"  # static files, and addresses that lead nowhere
_API = "/api/v1/"
_MACHINES = (_API, "/v2/")


class WatchedMiddleware:
    """Count and time every answer, by the pattern of its route; give it an id that the log lines of its request say too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        began = time.perf_counter()
        known = request_id(request.headers.get("X-Request-ID"))
        with about(request=known):
            response = self.get_response(request)
        response.headers[ID_HEADER] = known
        route = f"/{request.resolver_match.route}" if request.resolver_match else NO_ROUTE
        count_request(str(request.method), route, response.status_code, time.perf_counter() - began)
        return response


class PageMiddleware:
    """Add the policy to every answer; show times on pages (not in the API, which speaks UTC) in `PAGES_TIME_ZONE`.

    Whoever opens an address that only takes a form (a reload after a refusal, a switch of the language there, a
    bookmark) is led to the page above it instead of to a bare 405.
    """

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
            if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method in {"GET", "HEAD"}:
                response = redirect(page_above(request.path))
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class ClosingSlashMiddleware:
    """Take an address of the API without its closing slash for the one with it: a redirect would lose the body of a POST."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        path = request.path_info
        closed = f"{path}/"
        if closed.startswith(_API) and not path.endswith("/") and not is_valid_path(path) and is_valid_path(closed):
            request.path_info, request.path = closed, f"{request.path}/"
        return self.get_response(request)


def page_above(path: str) -> str:
    """Return the nearest address above one that only takes what a form sends: `/models/1/` for `/models/1/train/`."""
    while path := path.rstrip("/").rpartition("/")[0]:
        try:
            resolve(f"{path}/")
        except Resolver404:
            continue
        return f"{path}/"
    return "/"
