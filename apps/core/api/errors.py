"""The one place where errors become answers: RFC 9457 problem documents."""

import logging
import sqlite3
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.core.api.renderers import dump_json
from apps.core.constraints import words_of_unique_violation
from apps.core.errors import DATABASE_AWAY, Conflict, PlatformError, Problem, StorageFull

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_TYPES = "/api/v1/docs/#problem-"
_BUSY_SECONDS = 5
_WRONG_HOST = "The Host header names no address of this platform."  # Django's own words are for who sets it up
_PG_DISK_FULL = "53100"


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into a problem document; `None` lets an unknown one become a 500 (DRF's handler protocol)."""
    described = describe(error)
    if described is None:
        return None
    set_rollback()
    status, code, title, detail, problems, retry_after = described
    request = context.get("request")
    body = problem_body(status, code, title, detail, request.path if request else "", problems)
    response = Response(body, status=status, content_type=MEDIA_TYPE)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = getattr(error, "auth_header", "Bearer")
    return response


def problem_body(
    status: int, code: str, title: str, detail: str, instance: str, problems: list[Problem] | None = None
) -> dict[str, Any]:
    """Return the members of a problem document."""
    errors = [{"pointer": p.pointer, "code": p.code, "detail": p.detail} for p in problems or []]
    return {
        "type": f"{_TYPES}{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": instance,
        "errors": errors,
    }


Described = tuple[int, str, str, str, list[Problem], int | None]


def describe(error: Exception) -> Described | None:
    """Return status, code, title, detail, faults and seconds to wait for any error a client may see."""
    if isinstance(error, PlatformError):
        return error.status, error.code, error.title, error.detail, error.problems, error.retry_after
    if isinstance(error, exceptions.ValidationError):
        problems = list(_faults(error.detail, ""))
        return 422, "invalid", "The request is understood but invalid", _summary(problems), problems, None
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, DATABASE_AWAY):
        logger.warning("The database did not answer: %s", error)
        if _is_full_disk(error):
            return describe(StorageFull("The disk is full. Free some space and try again; nothing was changed."))
        return (
            503,
            "database_busy",
            "A part of the platform is not available",
            "The database did not answer. Try again.",
            [],
            _BUSY_SECONDS,
        )
    if isinstance(error, IntegrityError):
        return _of_constraint(error)
    return _of_django(error)


def _is_full_disk(error: Exception) -> bool:
    cause = error.__cause__
    return (
        getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or getattr(cause, "sqlstate", None) == _PG_DISK_FULL
    )


def _of_constraint(error: IntegrityError) -> Described | None:
    """Describe a write that another request was quicker with; a broken constraint of another kind is our fault."""
    words = words_of_unique_violation(error)
    return None if words is None else (Conflict.status, Conflict.code, Conflict.title, words, [], None)


_WHAT_TO_DO = {
    exceptions.NotAuthenticated: " Send your key as `Authorization: Bearer KEY`.",
    exceptions.UnsupportedMediaType: " Send JSON, with the header `Content-Type: application/json`; files as multipart/form-data.",
    exceptions.NotAcceptable: " Accept application/json.",
}


def _of_framework(error: exceptions.APIException) -> Described:
    wait = getattr(error, "wait", None)
    retry_after = max(1, int(wait)) if wait is not None else None
    detail = error.detail if isinstance(error.detail, str) else str(error.default_detail)
    code = "unreadable_request" if isinstance(error, exceptions.ParseError) else str(error.default_code)
    title = HTTPStatus(error.status_code).phrase.capitalize()
    return error.status_code, code, title, f"{detail}{_WHAT_TO_DO.get(type(error), '')}", [], retry_after


def _of_django(error: Exception) -> Described | None:
    if isinstance(error, Http404):
        return 404, "not_found", "Not found", "Nothing with this address in your workspaces.", [], None
    if isinstance(error, PermissionDenied):
        return 403, "forbidden", "Your role or key does not allow this", str(error) or "Not allowed.", [], None
    if isinstance(error, RequestDataTooBig):
        return 413, "too_large", "Too large", "The body is larger than this route accepts.", [], None
    if isinstance(error, DjangoValidationError):
        problems = [Problem("", "invalid", text) for text in error.messages]
        return 422, "invalid", "The request is understood but invalid", _summary(problems), problems, None
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent | SuspiciousOperation | BadRequest):
        detail = _WRONG_HOST if isinstance(error, DisallowedHost) else str(error) or "The request cannot be read."
        return 400, "unreadable_request", "The request cannot be read", detail, [], None
    return None


def _faults(detail: Any, pointer: str) -> Iterator[Problem]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _faults(inner, pointer + step)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from _faults(inner, f"{pointer}/{index}" if isinstance(inner, dict) else pointer)
    else:
        yield Problem(pointer, str(getattr(detail, "code", "invalid")), str(detail))


def _summary(problems: list[Problem]) -> str:
    if not problems:
        return "The request is invalid."
    first = problems[0]
    where = f"{first.pointer}: " if first.pointer else ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}{first.detail}{more}"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 404: a problem document below the API, a page elsewhere."""
    return _as_problem(request, 404, exception) or defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 400 in the caller's form."""
    return _as_problem(request, 400, exception) or defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 403 in the caller's form."""
    return _as_problem(request, 403, exception) or defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer 500 in the caller's form; the details are in the log only."""
    return _as_problem(request, 500, None) or defaults.server_error(request)


def _as_problem(request: HttpRequest, status: int, exception: Exception | None) -> HttpResponse | None:
    if not request.path.startswith(("/api/", "/v2/")):
        return None
    described = _of_django(exception) if exception else None
    code = described[1] if described else "error"
    detail = described[3] if described else "Something went wrong on our side; the operator's log has the details."
    body = problem_body(status, code, HTTPStatus(status).phrase, detail, request.path)
    return HttpResponse(dump_json(body), status=status, content_type=MEDIA_TYPE)
