"""The first attempt of a request with an `Idempotency-Key`: its record is written in the transaction of the work itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import models

from apps.workspaces.models import IdempotencyRecord

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who asks for what, under which key."""

    user_id: int
    route: str
    key: str
    request_sha256: str

    def found(self) -> IdempotencyRecord | None:
        """Return the record of this key, by this attempt or one before it."""
        where = {"user_id": self.user_id, "route": self.route, "key": self.key}
        record: IdempotencyRecord | None = IdempotencyRecord.objects.filter(**where).first()
        return record

    def file(self) -> IdempotencyRecord:
        """Write the record; an `IntegrityError` tells that another attempt was first."""
        record: IdempotencyRecord = IdempotencyRecord.objects.create(
            user_id=self.user_id, route=self.route, key=self.key, request_sha256=self.request_sha256
        )
        return record


@dataclass(slots=True)
class _Filing:
    attempt: Attempt
    kind: type[models.Model]
    record: IdempotencyRecord | None = None


_under_way: ContextVar[_Filing | None] = ContextVar("attempt_under_way", default=None)


@contextmanager
def filed_with_the_work(attempt: Attempt, kind: type[models.Model]) -> Iterator[None]:
    """Have the first audit entry within file the record, in its own transaction, with the row of `kind` that was made."""
    token = _under_way.set(_Filing(attempt, kind))
    try:
        yield
    finally:
        _under_way.reset(token)


def note_work(target: object, workspace_id: UUID | None) -> None:
    """File the attempt under way, if any; called by every verb within its transaction."""
    filing = _under_way.get()
    if filing is None:
        return
    if filing.record is None:
        filing.record = filing.attempt.file()
    if isinstance(target, filing.kind):
        filing.record.target_id = str(target.pk)
    filing.record.workspace_id = workspace_id
    filing.record.save(update_fields=["target_id", "workspace_id"])
