"""Rows that stand for work: claimed by compare-and-set, held by a lease, taken back when a run died.

pending ──> running ──> completed | failed; the model is an `apps.core.models.LeasedRow`.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from apps.core import clock

PENDING, RUNNING, COMPLETED, FAILED = "pending", "running", "completed", "failed"
OPEN = (PENDING, RUNNING)


class LeaseLost(Exception):
    """Another run holds the row now: this one must stop and write nothing."""


@dataclass(frozen=True)
class Leases:
    """The changes of one kind of work; `died` is what is said of a row whose runs died `most_attempts` times."""

    of: models.Manager[Any]
    lease: timedelta
    died: str
    most_attempts: int = 3

    def claim(self, pk: UUID) -> UUID | None:
        """Take what waits; return the token that its run must show, None when it is not to be had."""
        token = uuid.uuid4()
        until = clock.now() + self.lease
        waiting = self._rows.filter(pk=pk, status=PENDING)
        taken = waiting.update(status=RUNNING, token=token, lease_until=until, attempt=F("attempt") + 1)
        return token if taken else None

    def hold(self, pk: UUID, token: UUID) -> None:
        """Hold the lease a while longer; raise `LeaseLost` when another run has it."""
        if not self.renew(pk, token):
            raise LeaseLost

    def renew(self, pk: UUID, token: UUID) -> bool:
        """Hold the lease a while longer; False when it was lost."""
        return bool(self._held(pk, token).update(lease_until=clock.now() + self.lease))

    def complete(self, pk: UUID, token: UUID, **facts: Any) -> bool:
        """End it well; False when the lease was lost."""
        return bool(self._held(pk, token).update(status=COMPLETED, finished_at=clock.now(), token=None, **facts))

    def fail(self, pk: UUID, token: UUID, *, reason: str) -> bool:
        """End it badly, in words; False when the lease was lost."""
        return bool(self._held(pk, token).update(status=FAILED, finished_at=clock.now(), token=None, error=reason))

    def take_back_expired(self) -> None:
        """Return what a dead run held to what waits; fail what died too often."""
        lost = Q(lease_until__lt=clock.now()) | Q(lease_until__isnull=True)
        expired = self._rows.filter(lost, status=RUNNING)
        expired.filter(attempt__gte=self.most_attempts).update(
            status=FAILED, error=self.died, finished_at=clock.now(), token=None
        )
        expired.filter(attempt__lt=self.most_attempts).update(status=PENDING, token=None, lease_until=None)

    def at_work(self) -> int:
        """Return how many are held by a run that lives."""
        return int(self._rows.filter(status=RUNNING, lease_until__gte=clock.now()).count())

    def waiting(self, *, before: datetime | None = None) -> list[UUID]:
        """Return the ids of those that wait, the oldest first; only those made before a time if one is given."""
        rows = self._rows.filter(status=PENDING)
        rows = rows if before is None else rows.filter(created_at__lt=before)
        return list(rows.order_by("created_at", "pk").values_list("pk", flat=True))

    @property
    def _rows(self) -> models.QuerySet[Any]:
        return self.of.all()

    def _held(self, pk: UUID, token: UUID) -> models.QuerySet[Any]:
        return self._rows.filter(pk=pk, token=token, status=RUNNING)
