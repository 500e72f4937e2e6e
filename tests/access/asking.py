"""Asking as each of the callers, each request undone again, with what it wrote."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.access.rules import CALLERS, UNKNOWN, Form
from tests.access.world import World

_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_TOKEN = re.compile(rb'(csrfmiddlewaretoken" value="|csrftoken=)[^";]*')
_SAVEPOINT = re.compile(r"(?<=SAVEPOINT ).*")  # each has a name of its own
_CHANGING = {"Content-Length", "Set-Cookie", "X-Request-ID"}


@dataclass(frozen=True)
class Asked:
    """An answer, the statements that wrote to the database (a session's own row does not count), and which it ran at all."""

    status: int
    headers: dict[str, str]
    body: bytes
    writes: list[tuple[str, Any]]
    statements: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def without(self, *ids: str) -> str:
        """Return what the caller sees, but for these ids and what changes from answer to answer."""
        headers = {name: value for name, value in self.headers.items() if name not in _CHANGING}
        seen = json.dumps([self.status, headers, _TOKEN.sub(b"", self.body).decode("utf-8", "replace")])
        for one in ids:
            seen = seen.replace(one, "ID")
        return seen


@contextmanager
def noted() -> Iterator[list[tuple[str, Any]]]:
    """Note what is asked of the database."""
    found: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


@contextmanager
def noted_writes() -> Iterator[list[tuple[str, Any]]]:
    """Note what is written to the database; it is there when the block has ended."""
    writes: list[tuple[str, Any]] = []
    with noted() as ran:
        yield writes
    writes += writes_of(ran)


def writes_of(ran: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the statements that write, but for a session's own."""
    return [(sql, params) for sql, params in ran if _WRITES.match(sql) and "django_session" not in sql]


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is written within."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class Asking:
    """A browser signed in as each caller who has a password, and the key of each who has one."""

    def __init__(self, world: World) -> None:
        self._keys = {**world.keys, "revoked": world.revoked}
        people: dict[str, User] = {caller: getattr(world.cast, caller) for caller in CALLERS if caller not in UNKNOWN}
        self._client = Client(raise_request_exception=False)  # one: each loads the middleware anew
        self._sessions = {caller: _signed_in(user) for caller, user in people.items()}

    def browser(self, caller: str) -> Client:
        """Return the browser as this caller has it, for what takes more than one request; there is but one."""
        self._client.cookies = SimpleCookie(self._sessions.get(caller, ""))
        return self._client

    def __call__(
        self, caller: str, method: str, address: str, sends: dict[str, Any] | None = None, *, by_key: bool, **headers: str
    ) -> Asked:
        """Ask with the caller's key, or from the caller's browser; nothing that this writes stays."""
        client = self.browser("" if by_key else caller)
        headers.setdefault("Origin", "https://evil.example")
        if caller in self._keys and (by_key or caller in UNKNOWN):
            headers["Authorization"] = f"Bearer {self._keys[caller]}"
        body, kind = encoded(sends)
        with undone(), noted() as ran:
            answer = client.generic(method, address, body, kind, headers=headers)
            content = _content(answer)
        return Asked(
            answer.status_code, dict(answer.items()), content, writes_of(ran), [_SAVEPOINT.sub("", sql) for sql, _ in ran]
        )


def _signed_in(user: User) -> str:
    browser = Client()
    browser.force_login(user)
    return browser.cookies.output(header="", sep=";")


def encoded(sends: dict[str, Any] | None) -> tuple[bytes, str]:
    """Return a body as it is sent."""
    if isinstance(sends, Form):
        return encode_multipart(BOUNDARY, sends), MULTIPART_CONTENT
    return json.dumps(sends or {}).encode(), "application/json"


def _content(answer: Any) -> bytes:
    """Return the body; an event stream is not begun."""
    if not answer.streaming:
        return bytes(answer.content)
    return b"" if answer.is_async else b"".join(answer.streaming_content)
