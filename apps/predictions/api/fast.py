"""The short way for predictions: answers in the event loop when all that is needed is in memory already.

It answers nothing but plain successes. Whatever is unknown, unusual or refused goes the long way through Django, which
checks it again and words the refusal; so there is one place for rules and one for errors. What the long way learned (the
key's reach, the champion) is remembered for fractions of a second.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from apps.core.api.parsers import parse_json_of_any_depth
from apps.core.api.renderers import dump_json
from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.predictions import actions
from apps.predictions.cache import champions, predictors
from apps.workspaces.api.authentication import recent_keys

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATH = re.compile(r"/api/v1/models/([0-9a-f-]{36})/predict/")
_LONGEST = 1024**2  # a longer body would hold up the loop: threads are for those
_SCHEMES = (b"bearer ", b"token ")
_HEADERS = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]


class ShortWay:
    """Wraps the Django application."""

    def __init__(self, django: Application) -> None:
        self.django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a prediction from memory, or hand the request on untouched."""
        match = _PATH.fullmatch(scope["path"]) if scope.get("method") == "POST" else None
        headers = dict(scope["headers"]) if match else {}
        if match is None or not _is_usual(headers):
            await self.django(scope, receive, send)
            return
        body = await _body(receive)
        answer = from_memory(UUID(match[1]), headers, body) if body is not None else None
        if answer is None:
            await self.django(scope, _again(body, receive), send)
            return
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": answer})


def _is_usual(headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"")
    return (
        headers.get(b"content-type", b"").startswith(b"application/json")
        and b"idempotency-key" not in headers
        and length.isdigit()
        and int(length) <= _LONGEST
    )


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
    given = headers.get(b"authorization", b"")
    if not given.lower().startswith(_SCHEMES):
        return None
    clear = given.partition(b" ")[2].strip()
    access = recent_keys.get(hashlib.sha256(clear).hexdigest())
    champion = champions.get(model_id)
    if access is None or champion is None or not access.may(Act.PREDICT, champion.workspace_id):
        return None
    loaded = predictors.peek(champion.version_id)
    if loaded is None:
        return None
    try:
        parsed = parse_json_of_any_depth(body)
        rows = parsed.get("data") if isinstance(parsed, dict) else None
        done = actions.answer(model_id=model_id, loaded=loaded, rows=rows, actor=access.actor)
    except PlatformError:
        return None
    return dump_json(done.as_json())
