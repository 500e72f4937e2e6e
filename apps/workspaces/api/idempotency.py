"""`Idempotency-Key` on any POST: a retry gets the first answer, and the work is done once."""

import hashlib
from datetime import timedelta
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.api.errors import MEDIA_TYPE
from apps.core.api.renderers import dump_json
from apps.core.errors import Conflict, InvalidInput, Problem
from apps.workspaces.models import IdempotencyRecord

HEADER = "Idempotency-Key"
LONGEST = 200
_ABANDONED = timedelta(minutes=5)
_FIRST_FAILURE = 500


def begin(request: Request) -> IdempotencyRecord | Response | None:
    """Return the record of a first attempt, the stored answer of a retry, or None when the client sent no key."""
    key = request.headers.get(HEADER)
    if request.method != "POST" or not key:
        return None
    if len(key) > LONGEST or not key.isprintable():
        text = f"An idempotency key has at most {LONGEST} printable characters."
        raise InvalidInput(text, [Problem(HEADER, "bad_key", text)])
    digest = _digest(request)
    where = {"user_id": request.user.pk, "route": request.path[:300], "key": key}
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(**where, request_sha256=digest)
    except IntegrityError:
        return _second(IdempotencyRecord.objects.get(**where), digest)


def _second(record: IdempotencyRecord, digest: str) -> IdempotencyRecord | Response:
    if record.request_sha256 != digest:
        text = "This idempotency key was used with another request. Use a new key for new work."
        raise InvalidInput(text, [Problem(HEADER, "idempotency_mismatch", text)])
    if record.status is None:
        taken = IdempotencyRecord.objects.filter(pk=record.pk, status=None, created_at__lt=clock.now() - _ABANDONED)
        if taken.update(created_at=clock.now()):
            return record
        raise Conflict("The first request with this idempotency key is still under way.", retry_after=2)
    headers = {"Location": record.location} if record.location else {}
    kind = MEDIA_TYPE if record.status >= 400 else None
    return Response(record.body, status=record.status, headers={**headers, "Idempotent-Replay": "true"}, content_type=kind)


def finish(record: IdempotencyRecord, response: Any) -> None:
    """Keep the answer; a failure of ours is forgotten, so that a retry may work."""
    data = getattr(response, "data", None)
    if response.status_code >= _FIRST_FAILURE or not isinstance(response, Response):
        record.delete()
        return
    record.status = response.status_code
    record.body = orjson.loads(dump_json(data)) if data is not None else None
    record.location = response.headers.get("Location", "")
    record.save(update_fields=["status", "body", "location"])


def _digest(request: Request) -> str:
    digest = hashlib.sha256()
    if request.content_type.startswith("multipart/"):
        for name, file in sorted(request.FILES.items()):
            digest.update(f"{name}:{file.name}:{file.size}".encode())
            for chunk in file.chunks():
                digest.update(chunk)
            file.seek(0)
        digest.update(repr(sorted(request.POST.items())).encode())
    else:
        digest.update(dump_json(request.data))
    return digest.hexdigest()
