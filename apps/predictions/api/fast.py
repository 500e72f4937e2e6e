"""The short way for predictions: answers in the event loop when all that is needed is in memory already.

It answers nothing but plain successes. Whatever is unknown, unusual or refused goes the long way through Django, which
checks it again and words the refusal; so there is one place for rules and one for errors. What the long way learned (the
key's reach, the champion) is remembered for fractions of a second.
"""

import io
import logging
import re
import time
from collections.abc import Awaitable, Callable
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from prometheus_client import Histogram

from apps.core.api.parsers import parse_json_of_any_depth
from apps.core.api.renderers import dump_json
from apps.core.errors import PlatformError
from apps.core.logs import about, request_id
from apps.core.metrics import REQUESTS
from apps.core.middleware import ID_HEADER, PageMiddleware
from apps.core.permissions import Act
from apps.predictions import actions
from apps.predictions.cache import champions, predictors
from apps.workspaces.api.authentication import key_in
from apps.workspaces.recent_keys import recent_keys
from apps.workspaces.selectors import key_digest

logger = logging.getLogger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

_PATH = re.compile(r"/api/v1/models/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/predict/")
_ROUTE = "/api/v1/models/<uuid:pk>/predict/"  # as the resolver knows it
_ID = ID_HEADER.lower().encode()
_LENGTH = re.compile(rb"[0-9]{1,7}")
_LONGEST = 1024**2  # a longer body would hold up the loop: threads are for those
_ASKED = ({"data"}, {"data", "subject"})
_TYPES = (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
_ACCEPTED = {b"*/*", b"application/*", b"application/json"}
_WHERE = {b"host", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto"}


class ShortWay:
    """Wraps the Django application."""

    def __init__(self, django: Application) -> None:
        self.django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a prediction from memory, or hand the request on untouched."""
        match = _PATH.fullmatch(scope["path"]) if scope.get("method") == "POST" else None
        own = _own_headers(scope) if match else None
        if match is None or own is None:
            await self.django(scope, receive, send)
            return
        began = time.perf_counter()
        body = await _body(receive)
        headers = dict(scope["headers"])
        known = request_id(headers[_ID].decode("latin-1") if _ID in headers else None)
        with about(request=known):
            answer = from_memory(UUID(match[1]), headers, body) if body is not None else None
        if answer is None:
            await self.django(scope, _again(body, receive), send)
            return
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*own, length, (_ID, known.encode())]})
        await send({"type": "http.response.body", "body": answer})
        _counted().observe(time.perf_counter() - began)


@cache
def _counted() -> Histogram:
    return REQUESTS.labels("POST", _ROUTE, "200")


def _own_headers(scope: Scope) -> Headers | None:
    """Return the headers of an answer; None for a request that the long way must see."""
    headers = dict(scope["headers"])
    if len(headers) != len(scope["headers"]) or scope.get("query_string") or not _is_usual(headers):
        return None
    where = tuple((name, value) for name, value in headers.items() if name in _WHERE)
    return _headers_for(scope["path"], scope.get("scheme", "http"), where)


def _is_usual(headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"")
    return (
        headers.get(b"content-type", b"").lower() in _TYPES
        and _takes_json(headers.get(b"accept", b"*/*"))
        and b"idempotency-key" not in headers
        and _LENGTH.fullmatch(length) is not None
        and int(length) <= _LONGEST
    )


def _takes_json(accept: bytes) -> bool:
    return any(kind.partition(b";")[0].strip() in _ACCEPTED for kind in accept.split(b","))


@lru_cache(maxsize=1_000)
def _headers_for(path: str, scheme: str, where: Headers) -> Headers | None:
    """Return what Django's middleware adds to an answer; None when it refuses the host or sends plain HTTP elsewhere."""
    asked = {"type": "http", "method": "POST", "path": path, "scheme": scheme, "query_string": b"", "headers": list(where)}
    request = ASGIRequest(asked, io.BytesIO())
    try:
        request.get_host()
        answer = SecurityMiddleware(XFrameOptionsMiddleware(PageMiddleware(_empty)))(request)
    except DisallowedHost:
        return None
    if not isinstance(answer, HttpResponse) or answer.status_code != HTTPStatus.OK:
        return None
    return tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.items())


def _empty(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(content_type="application/json")


async def _body(receive: Receive) -> bytes | None:
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes | None, receive: Receive) -> Receive:
    """Give the body that was read once more, then whatever follows."""
    waiting = [] if body is None else [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> dict[str, Any]:
        if body is None:
            return {"type": "http.disconnect"}
        return waiting.pop() if waiting else await receive()

    return replay


def from_memory(model_id: UUID, headers: dict[bytes, bytes], body: bytes) -> bytes | None:
    """Return the answer's bytes, or None when the long way must decide."""
    clear = key_in(headers.get(b"authorization", b"").decode("latin-1"))
    if clear is None:
        return None
    access = recent_keys.get(key_digest(clear))
    champion = champions.get(model_id)
    if access is None or champion is None or not access.may(Act.PREDICT, champion.workspace_id):
        return None
    try:
        parsed = parse_json_of_any_depth(body)
        if not isinstance(parsed, dict) or parsed.keys() not in _ASKED:
            return None
        subject = parsed.get("subject")
        if subject is not None and not actions.is_subject(subject):
            return None
        loaded = predictors.peek(champion.version_for(parsed["data"], subject))
        if loaded is None or loaded.forecaster is not None:  # many series take long: not in the loop
            return None
        done = actions.predict_in_memory(loaded, model_id=model_id, rows=parsed["data"], actor=access.actor, subject=subject)
        return None if done is None else dump_json(done.as_json())
    except PlatformError:
        return None
    except Exception:
        logger.exception("The short way failed on model %s; the long way answers", model_id)
        return None
