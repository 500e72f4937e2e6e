"""The legal changes of what a server was told, as compare-and-set with a lease.

Everything is sent once at least: a process that dies between sending and saying so has it sent again, and what is there already
is found by its tag.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.core import clock
from apps.core.leases import LeaseLost
from apps.tracking.models import TrackedModel, TrackedRun

LEASE = timedelta(seconds=60)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(days=1)
_LONGEST_FAILURE_COUNT = 30


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send what belongs to a model."""

    tracked: TrackedModel
    token: UUID

    def hold(self) -> None:
        """Hold the lease a while longer; raise `LeaseLost` when another run has it."""
        if not _held(self).update(lease_until=clock.now() + LEASE):
            raise LeaseLost


def claim(server: str, model_id: UUID, *, at_once: bool = False) -> Claim | None:
    """Take a model that nobody sends and whose turn it is; None when it is not to be had."""
    tracked, _ = TrackedModel.objects.get_or_create(server=server, model_id=model_id)
    now, token = clock.now(), uuid.uuid4()
    free = TrackedModel.objects.filter(Q(token=None) | Q(lease_until__lt=now), pk=tracked.pk)
    if not at_once:
        free = free.filter(Q(next_at=None) | Q(next_at__lte=now))
    if not free.update(token=token, lease_until=now + LEASE):
        return None
    tracked.refresh_from_db()
    return Claim(tracked, token)


def call_it(claim: Claim, name: str) -> None:
    """Note what the model is called on the server."""
    if not _held(claim).update(name=name):
        raise LeaseLost
    claim.tracked.name = name


def note_aliases(claim: Claim, aliases: dict[str, str]) -> None:
    """Note where the aliases point on the server."""
    if not _held(claim).update(aliases=aliases):
        raise LeaseLost
    claim.tracked.aliases = aliases


def give_back(claim: Claim) -> None:
    """End a run that went well; nothing is done where the lease was lost."""
    _held(claim).update(token=None, lease_until=None, failures=0, next_at=None, error="")


def try_later(claim: Claim, reason: str) -> None:
    """End a run that the server stopped, in words."""
    failures = min(claim.tracked.failures + 1, _LONGEST_FAILURE_COUNT)
    _held(claim).update(token=None, lease_until=None, failures=failures, next_at=_after(failures), error=reason)


def release(claim: Claim) -> None:
    """Let go of a model whose sending broke off by a fault of ours."""
    _held(claim).update(token=None, lease_until=None)


def note_sent(claim: Claim, campaign_id: UUID, *, run_id: str, version: str) -> None:
    """Note that a campaign is there as a whole."""
    claim.hold()
    told = {"run_id": run_id, "version": version, "sent_at": clock.now(), "failures": 0, "next_at": None, "error": ""}
    TrackedRun.objects.update_or_create(server=claim.tracked.server, campaign_id=campaign_id, defaults=told)


def note_refused(claim: Claim, campaign_id: UUID, reason: str) -> None:
    """Note that the server does not take a campaign; it is tried again ever more rarely, and the others go on."""
    claim.hold()
    run, _ = TrackedRun.objects.get_or_create(server=claim.tracked.server, campaign_id=campaign_id)
    run.failures = min(run.failures + 1, _LONGEST_FAILURE_COUNT)
    run.next_at, run.error = _after(run.failures), reason
    run.save(update_fields=["failures", "next_at", "error"])


def forget_sent(server: str, campaigns: list[UUID]) -> None:
    """Have campaigns sent again, and the aliases of their models, whatever the server was told."""
    TrackedRun.objects.filter(server=server, campaign_id__in=campaigns).update(sent_at=None, version="")
    TrackedModel.objects.filter(server=server, model__campaigns__in=campaigns).update(aliases={})


def _after(failures: int) -> datetime:
    wait: timedelta = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(failures - 1, 12))
    return clock.now() + wait


def _held(claim: Claim) -> QuerySet[TrackedModel]:
    found: QuerySet[TrackedModel] = TrackedModel.objects.filter(pk=claim.tracked.pk, token=claim.token)
    return found
