"""Bounds on request bodies, kept before anything of a body is.

Under ASGI, Django spools the whole body to disk before it looks at the address. So the bound stands in front of it: what
announces too much is refused unread, what announces nothing is counted, and who is nobody's user may send a form, no more.
"""

import asyncio
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, parse_cookie

from apps.core.api.errors import MEDIA_TYPE, describe, problem_body
from apps.core.api.renderers import dump_json
from apps.core.artifacts import storage_guard
from apps.core.errors import DATABASE_AWAY, PlatformError, StorageFull, TooLarge, Unauthenticated
from apps.datasets.incoming import ROOM_FOR_FIELDS, incoming_folder, too_large
from apps.workspaces.api.authentication import access_with_key, key_in

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OF_ANYBODY = 64 * 1024
_ID = r"[0-9a-f-]{36}"
UPLOADS = re.compile(rf"/api/v1/datasets(?:/{_ID}/versions)?/?|/datasets/(?:upload|{_ID}/upload)/")
_COPIES = 3  # the body, the file in it, and the file in its place, for a moment all at once
_LINGER_SECONDS = 5.0


class BoundedBodies:
    """Wraps the HTTP application."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; end it with a problem document as soon as its body passes a bound."""
        headers = dict(scope["headers"])
        announced = _announced(headers)
        if announced is not None and announced <= OF_ANYBODY:
            await self.inner(scope, receive, send)
            return
        started = False

        async def answer(message: dict[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        body = _Body(scope, headers, receive)
        try:
            await body.admit(announced or 0)
            await self.inner(scope, body.receive, answer)
        except (PlatformError, *DATABASE_AWAY) as refusal:
            if started:
                raise
            await _refuse(scope, receive, send, refusal)


class _Body:
    """A body on its way in."""

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> None:
        self._headers, self._receive = headers, receive
        self._is_upload = UPLOADS.fullmatch(scope["path"]) is not None
        self._is_known = False
        self._counted = 0

    async def admit(self, size: int) -> None:
        """Raise the refusal of a body that is, or already was, this long."""
        if size <= OF_ANYBODY:
            return
        if self._is_upload and size > settings.UPLOAD_MAX_BYTES + ROOM_FOR_FIELDS:
            raise too_large()
        if not self._is_upload and size > settings.JSON_MAX_BYTES:
            limit = settings.JSON_MAX_BYTES // 1024**2
            raise TooLarge(f"This address takes at most {limit} MiB at once. Send fewer rows, or upload them as a data set.")
        if not self._is_known:
            await self._ask_who(size)

    async def _ask_who(self, size: int) -> None:
        if not await database_sync_to_async(_is_known, thread_sensitive=False)(self._headers):
            raise Unauthenticated(f"Sign in, or send a valid API key: from others, {OF_ANYBODY // 1024} KiB are read.")
        if shutil.disk_usage(incoming_folder()).free < _COPIES * size:
            raise StorageFull("The disk has no room for a file of this size. Free some space and try again.")
        self._is_known = True

    async def receive(self) -> dict[str, Any]:
        """Give the next part, counted."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._counted += len(message.get("body", b""))
            await self.admit(self._counted)
        return message


def _announced(headers: dict[bytes, bytes]) -> int | None:
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() else None


def _is_known(headers: dict[bytes, bytes]) -> bool:
    """Tell whether a key or a session that opens something comes with the request."""
    clear = key_in(headers.get(b"authorization", b"").decode("latin-1"))
    if clear is not None:
        return access_with_key(clear) is not None
    session = parse_cookie(headers.get(b"cookie", b"").decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    if not session:
        return False
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session)
    return get_user(request).is_authenticated


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Exception) -> None:
    described = describe(refusal)
    assert described is not None
    status, code, title, detail, problems, retry_after = described
    body = dump_json(problem_body(status, code, title, detail, scope["path"], problems))
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), "connection": "close"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if isinstance(refusal, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await _linger(receive)
    await send({"type": "http.response.body", "body": b""})


async def _linger(receive: Receive) -> None:
    """Let the sender see the answer: to close at once would cut it off while it still writes. Nothing is kept."""
    until = time.monotonic() + _LINGER_SECONDS
    while time.monotonic() < until:
        try:
            message = await asyncio.wait_for(receive(), timeout=max(0.0, until - time.monotonic()))
        except TimeoutError:
            return
        if message["type"] != "http.request" or not message.get("more_body"):
            return


class SpoolingHandler(ASGIHandler):
    """Django, with long bodies spooled on the disk of the uploads; a full one is said in words."""

    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> Any:
        """Return the whole body as a file."""
        place = str(Path(settings.DATASETS_DIR) / "incoming")  # made by whoever let a long body pass
        body = SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE, dir=place)  # noqa: SIM115  (Django closes it)
        try:
            with storage_guard():
                await _fill(body, receive)
        except BaseException:
            body.close()
            raise
        return body

    def create_request(self, scope: Mapping[str, Any], body_file: Any) -> Any:
        """Make the request, with the length that a body sent in chunks did not announce: Django reads none without."""
        length = str(body_file.tell()).encode()
        body_file.seek(0)
        if _announced(dict(scope["headers"])) is None:
            scope = {**scope, "headers": [*scope["headers"], (b"content-length", length)]}
        return super().create_request(scope, body_file)


async def _fill(body: Any, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        body.write(message.get("body", b""))
        more = message.get("more_body", False)
