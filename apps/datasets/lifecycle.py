"""The legal changes of a version under check, as compare-and-set; a run that lost its lease changes nothing."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from apps.core import clock
from apps.core.artifacts import safe_join
from apps.core.errors import Unavailable
from apps.core.instance import hold
from apps.datasets.models import Dataset, DatasetVersion

LEASE = timedelta(seconds=60)
PATIENCE = timedelta(seconds=30)  # how long a message is worth waiting for; then it is void, and another is sent
REST = timedelta(minutes=2)
MOST_ATTEMPTS = 3
_Status = DatasetVersion.Status


def claim(version_id: UUID) -> UUID | None:
    """Take a version that waits for its check; return the token that its run must show, None when it is not to be had."""
    token, now = uuid.uuid4(), clock.now()
    waiting = DatasetVersion.objects.filter(pk=version_id, status=_Status.CHECKING, token__isnull=True)
    taken = waiting.update(token=token, lease_until=now + LEASE, attempt=F("attempt") + 1, held_up_by="")
    return token if taken else None


def renew(version_id: UUID, token: UUID) -> bool:
    """Hold the lease a while longer; False when it was lost."""
    held = DatasetVersion.objects.filter(pk=version_id, token=token, status=_Status.CHECKING)
    return bool(held.update(lease_until=clock.now() + LEASE))


def hold_file(path: str) -> None:
    """Make sure that a file is there until the caller's transaction ends, in which a row names it.

    Files are named by their content: an erasure may destroy the same bytes of another row at this moment.
    """
    hold()
    if not safe_join(Path(settings.DATASETS_DIR), path).is_file():
        raise Unavailable(
            "The file was taken away while it was filed, by an erasure of the same bytes. Send it again.", retry_after=1
        )


@transaction.atomic
def accept(version_id: UUID, token: UUID, *, kind: str, is_asked: bool = False, **facts: Any) -> bool:
    """Make a version ready, with all that was found; False when the lease was lost.

    Its data set is of this kind from now on where that was asked for, or where it had none.
    """
    held = DatasetVersion.objects.filter(pk=version_id, token=token, status=_Status.CHECKING)
    if not held.exists():
        return False
    hold_file(facts["table_path"])
    if not held.update(status=_Status.READY, checked_at=clock.now(), token=None, lease_until=None, **facts):
        return False
    datasets = Dataset.objects.filter(versions=version_id)
    (datasets if is_asked else datasets.filter(kind="")).update(kind=kind)
    return True


def refuse(version_id: UUID, token: UUID, *, problems: list[dict[str, Any]], reading: dict[str, Any]) -> bool:
    """Refuse a version whole; False when the lease was lost."""
    held = DatasetVersion.objects.filter(pk=version_id, token=token, status=_Status.CHECKING)
    facts = {"problems": problems, "reading": reading, "checked_at": clock.now(), "token": None, "lease_until": None}
    return bool(held.update(status=_Status.REFUSED, **facts))


def give_back(version_id: UUID, token: UUID, *, reason: str) -> bool:
    """Return a version whose check died to those that wait; refuse it after `MOST_ATTEMPTS`."""
    held = DatasetVersion.objects.filter(pk=version_id, token=token, status=_Status.CHECKING)
    if held.filter(attempt__gte=MOST_ATTEMPTS).exists():
        problem = {"row": None, "column": None, "code": "check_died", "detail": reason}
        return refuse(version_id, token, problems=[problem], reading={})
    return bool(held.update(token=None, lease_until=None, send_again_at=clock.now()))


def postpone(version_id: UUID, token: UUID, *, reason: str) -> bool:
    """Return a version to those that wait because the platform could not check it; that costs it no attempt."""
    held = DatasetVersion.objects.filter(pk=version_id, token=token, status=_Status.CHECKING)
    later = clock.now() + REST
    kept = {"attempt": F("attempt") - 1, "held_up_by": reason, "send_again_at": later}
    return bool(held.update(token=None, lease_until=None, **kept))


def take_unsent(most: int) -> list[UUID]:
    """Return waiting versions whose message is due, the oldest first; each is due again after `PATIENCE`."""
    now = clock.now()
    due = Q(send_again_at__isnull=True) | Q(send_again_at__lte=now)
    waiting = DatasetVersion.objects.filter(due, status=_Status.CHECKING, token__isnull=True)
    chosen = list(waiting.order_by("created_at").values_list("pk", flat=True)[:most])
    waiting.filter(pk__in=chosen).update(send_again_at=now + PATIENCE)
    return chosen


def expired() -> list[tuple[UUID, UUID]]:
    """Return id and token of the versions whose run let its lease expire."""
    held = DatasetVersion.objects.filter(status=_Status.CHECKING, token__isnull=False)
    lost = held.filter(lease_until__lt=clock.now()) | held.filter(lease_until__isnull=True)
    return list(lost.values_list("pk", "token"))
