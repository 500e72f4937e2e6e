"""The legal changes of a batch, as compare-and-set with a lease."""

import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from apps.core import clock
from apps.core.models import Instance
from apps.predictions.models import BatchPrediction

LEASE = timedelta(seconds=120)
MOST_ATTEMPTS = 3
_Status = BatchPrediction.Status


@transaction.atomic
def claim(batch_id: UUID) -> UUID | None:
    """Take a batch that waits; None when it is not to be had, or enough are at work: uploads are checked beside them."""
    Instance.objects.select_for_update().get_or_create(
        only=True
    )  # one claim at a time: two would both count the other's as waiting
    at_work = BatchPrediction.objects.filter(status=_Status.RUNNING, lease_until__gte=clock.now())
    if at_work.count() >= settings.BATCH_MAX_RUNNING:
        return None
    token = uuid.uuid4()
    waiting = BatchPrediction.objects.filter(pk=batch_id, status=_Status.PENDING)
    taken = waiting.update(status=_Status.RUNNING, token=token, lease_until=clock.now() + LEASE, attempt=F("attempt") + 1)
    return token if taken else None


def renew(batch_id: UUID, token: UUID) -> bool:
    """Hold the lease a while longer; False when it was lost."""
    return bool(_held(batch_id, token).update(lease_until=clock.now() + LEASE))


def complete(batch_id: UUID, token: UUID, **facts: Any) -> bool:
    """End a batch well; False when the lease was lost."""
    return bool(_held(batch_id, token).update(status=_Status.COMPLETED, finished_at=clock.now(), token=None, **facts))


def fail(batch_id: UUID, token: UUID, *, reason: str) -> bool:
    """End a batch badly, in words; False when the lease was lost."""
    return bool(_held(batch_id, token).update(status=_Status.FAILED, finished_at=clock.now(), token=None, error=reason))


def take_back_expired() -> None:
    """Return batches whose run died to those that wait; fail those that died too often."""
    lost = Q(lease_until__lt=clock.now()) | Q(lease_until__isnull=True)
    expired = BatchPrediction.objects.filter(lost, status=_Status.RUNNING)
    words = "The process that scored this data set died three times. Split the data set, or look at the worker's log."
    expired.filter(attempt__gte=MOST_ATTEMPTS).update(
        status=_Status.FAILED, error=words, finished_at=clock.now(), token=None
    )
    expired.filter(attempt__lt=MOST_ATTEMPTS).update(status=_Status.PENDING, token=None, lease_until=None)


def _held(batch_id: UUID, token: UUID) -> Any:
    return BatchPrediction.objects.filter(pk=batch_id, token=token, status=_Status.RUNNING)
