"""What is shown when a form cannot be trusted to come from a page of ours."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.dashboard.pages.access import place_of, why_not_taken

_OF_ANOTHER_HOST = ("Origin checking failed", "Referer checking failed")  # how Django begins its reasons


def forged_or_stale(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say why a form was not taken, and lead back to its page, where it can be sent again."""
    back = place_of(request)
    if "HX-Request" in request.headers:
        messages.warning(request, why_not_taken(request))
        return HttpResponse(status=403, headers={"HX-Redirect": back})
    cause = "age" if settings.CSRF_COOKIE_NAME in request.COOKIES else "cookie"
    if reason.startswith(_OF_ANOTHER_HOST):
        cause = "host"
    return render(request, "stale.html", {"back": back, "cause": cause}, status=403)
