"""`Idempotency-Key` on any POST: a retry gets the first answer, and the work is done once.

The record commits with the work, so a process that is killed at any moment leaves both or neither, and a retry finds
the answer or does the work anew: nothing has to time out. A view says which way its actions go:

- As a rule record, work and answer are one transaction. A second request at the same moment waits at the record's
  unique index (PostgreSQL) or for the write lock (SQLite), and then finds the answer.
- `waits`: an upload takes seconds before and after its transaction, and none may stay open so long. The verb's first
  audit entry files the record in the verb's own transaction; the answer is added once it is known. A retry that comes
  in between, or after a kill, reads the object as it stands.
- `repeatable`: a prediction changes nothing, so it is answered first and its answer kept after, if it is short. A longer
  one is computed anew for a retry: kept bodies must not pile up.

Answers of 2xx and 422 are kept, for a day; any other is tried anew. An answer that shows a secret (`secret`) is never
kept: its retry is told so, and makes no second one. What is kept is the text as it left, so a replay is the same to
the letter.
"""

import hashlib
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import orjson
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.errors import MEDIA_TYPE
from apps.core.api.renderers import dump_json
from apps.core.errors import InvalidInput, Problem
from apps.workspaces.attempts import Attempt, filed_with_the_work
from apps.workspaces.models import IdempotencyRecord

HEADER = "Idempotency-Key"
LONGEST = 200
LONGEST_REPEATABLE = 64 * 1024
_REFUSED = 422

Work = Callable[[], Any]


class Replay(Exception):
    """Another attempt with this key was first; its record has the answer."""

    def __init__(self, record: IdempotencyRecord) -> None:
        super().__init__()
        self.record = record


def attempt_of(request: Request) -> Attempt | None:
    """Return the attempt that a POST with a key is, None without one; raise `Replay` when it is a retry."""
    key = request.headers.get(HEADER)
    if request.method != "POST" or not key:
        return None
    if len(key) > LONGEST or not key.isprintable():
        text = f"An idempotency key has at most {LONGEST} printable characters."
        raise InvalidInput(text, [Problem(HEADER, "bad_key", text)])
    attempt = Attempt(cast("User", request.user).pk, request.path[:300], key, _digest(request))
    _replay_if_found(attempt)
    return attempt


def _replay_if_found(attempt: Attempt) -> None:
    record = attempt.found()
    if record is None:
        return
    if record.request_sha256 != attempt.request_sha256:
        text = "This idempotency key was used with another request. Use a new key for new work."
        raise InvalidInput(text, [Problem(HEADER, "idempotency_mismatch", text)])
    raise Replay(record)


def in_one_transaction(attempt: Attempt, work: Work, workspace_id: Callable[[], UUID | None], *, secret: bool) -> Any:
    """Do the work, with its record and answer in the same transaction."""
    try:
        with transaction.atomic():
            record = attempt.file()
            response = work()
            _complete(record, response, workspace_id(), secret=secret)
    except IntegrityError:
        _replay_if_found(attempt)
        raise
    return response


def beside_a_wait(attempt: Attempt, work: Work, kind: type[models.Model]) -> Any:
    """Do work that files its own record; add the answer after."""
    try:
        with filed_with_the_work(attempt, kind):
            response = work()
    except IntegrityError:
        _replay_if_found(attempt)
        raise
    record = attempt.found()
    if record is not None:
        _complete(record, response, record.workspace_id, secret=False)
    return response


def answer_first(attempt: Attempt, work: Work, workspace_id: Callable[[], UUID | None]) -> Any:
    """Do work that changes nothing, then keep its answer if it is short."""
    response = work()
    if is_kept(response) and len(dump_json(response.data)) <= LONGEST_REPEATABLE:
        keep(attempt, response, workspace_id())
    return response


def keep(attempt: Attempt, response: Response, workspace_id: UUID | None) -> None:
    """Keep an answer to which no record belongs yet; replay the answer of another attempt that was first."""
    try:
        with transaction.atomic():
            _complete(attempt.file(), response, workspace_id, secret=False)
    except IntegrityError:
        _replay_if_found(attempt)


def is_kept(response: Any) -> bool:
    """Say whether a retry gets this answer."""
    return isinstance(response, Response) and (response.status_code < 300 or response.status_code == _REFUSED)


def _complete(record: IdempotencyRecord, response: Any, workspace_id: UUID | None, *, secret: bool) -> None:
    if not is_kept(response):
        record.delete()
        return
    record.status = response.status_code
    record.workspace_id = workspace_id
    record.location = response.headers.get("Location", "")
    if not secret:
        record.answer = "" if response.data is None else dump_json(response.data).decode()
    record.save(update_fields=["status", "workspace_id", "location", "answer"])


def replayed(record: IdempotencyRecord) -> Response:
    """Return the kept answer."""
    headers = {"Idempotent-Replay": "true", **({"Location": record.location} if record.location else {})}
    kind = MEDIA_TYPE if record.status == _REFUSED else None
    body = orjson.Fragment(record.answer) if record.answer else None
    return Response(body, status=record.status, headers=headers, content_type=kind)


def _digest(request: Request) -> str:
    digest = hashlib.sha256()
    if request.content_type.startswith("multipart/"):
        for name, file in sorted(request.FILES.items()):
            digest.update(f"{name}:{file.name}:{file.size}".encode())
            for chunk in file.chunks():
                digest.update(chunk)
            file.seek(0)
        digest.update(repr(sorted(request.POST.lists())).encode())
    else:
        digest.update(dump_json(request.data))
    return digest.hexdigest()
