"""The legal changes of a subject's request, as compare-and-set with a lease; one is at work at a time."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.core.instance import hold
from apps.core.leases import Leases
from apps.privacy.models import SubjectRequest

requests = Leases(
    SubjectRequest.objects,
    lease=timedelta(seconds=120),
    died="The process that worked on this died twenty times. Look at the worker's log, then ask again: it goes on where it was.",
    most_attempts=20,  # an erasure goes on where it was: each try comes further
)


class LeaseLost(Exception):
    """Another run has this request now."""


@transaction.atomic
def claim(request_id: UUID) -> UUID | None:
    """Take a request that waits; None when it is not to be had, or another is at work: two would write one file anew."""
    hold()
    return None if requests.at_work() else requests.claim(request_id)


def postpone(request_id: UUID, token: UUID, *, reason: str) -> bool:
    """Return a request to those that wait, for something else must end first; that costs it no attempt."""
    held = SubjectRequest.objects.filter(pk=request_id, token=token, status=SubjectRequest.Status.RUNNING)
    kept = {"attempt": F("attempt") - 1, "waits_for": reason, "lease_until": None}
    return bool(held.update(status=SubjectRequest.Status.PENDING, token=None, **kept))


def note(request_id: UUID, token: UUID, *, counts: dict[str, int] | None = None, destroy: list[str] | None = None) -> None:
    """Add to what a run has done, in the transaction in which it was done; raise `LeaseLost` when the run has ended."""
    held = SubjectRequest.objects.select_for_update().filter(pk=request_id, token=token)
    found: SubjectRequest | None = held.filter(status=SubjectRequest.Status.RUNNING).first()
    if found is None:
        raise LeaseLost
    for name, count in (counts or {}).items():
        found.counts[name] = found.counts.get(name, 0) + count
    found.to_destroy = [*found.to_destroy, *(path for path in destroy or [] if path and path not in found.to_destroy)]
    found.save(update_fields=["counts", "to_destroy"])


def complete(request_id: UUID, token: UUID, **facts: Any) -> None:
    """End a request well, or raise `LeaseLost`."""
    if not requests.complete(request_id, token, waits_for="", **facts):
        raise LeaseLost
