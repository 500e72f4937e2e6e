"""The language of pages, and forms whose body cannot be taken in: it is read before any page's code runs."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import render
from django.utils import translation

from apps.core.errors import PlatformError

_MACHINES, _DOCS = ("/api/v1/", "/v2/"), "/api/v1/docs/"


class PagesInTheirLanguage(LocaleMiddleware):
    """Speak to a browser in its language; programs are answered in the one language of the API's description."""

    def process_request(self, request: HttpRequest) -> None:
        """Choose the language of this request."""
        super().process_request(request)
        if request.path.startswith(_MACHINES) and request.path != _DOCS:
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.LANGUAGE_CODE


class FormMiddleware:
    """Read a posted form; a file over the cap or a full disk becomes a page of words."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _named: Any) -> HttpResponseBase | None:
        """Return the page that says why, or None to go on."""
        if request.method != "POST" or request.path.startswith(_MACHINES):
            return None
        try:
            request.POST  # noqa: B018  (Django reads the body at the first look)
        except PlatformError as error:
            return render(request, "refused.html", {"error": error}, status=error.status)
        return None
