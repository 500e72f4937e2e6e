"""The legal changes of a message in the outbox, as compare-and-set with a lease.

A message is sent once at least: a process that dies between sending and saying so has it sent again, under the same id.
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.alerts.models import Channel, Delivery
from apps.alerts.quiet import day_of, quiet_until
from apps.core import clock

MOST_ATTEMPTS = 8
LEASE = timedelta(seconds=60)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=2)
_FACTOR = 3  # 10 s, 30 s, 90 s, … : eight tries in about three hours
_JITTER = 0.2
Status, Purpose = Delivery.Status, Delivery.Purpose


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send a message: its row as it stands, and the token to show with what came of it."""

    delivery: Delivery
    channel: Channel
    token: UUID


def claim(delivery_id: UUID, render: Callable[[Delivery, Channel], dict[str, Any]]) -> Claim | None:
    """Take a message that is due; None when it is not to be had, has to wait, or is held back.

    What it says is fixed at its first try (`render`), so that every try says the same.
    """
    with transaction.atomic():
        channel = Channel.objects.select_for_update(of=("self",), no_key=True).filter(deliveries=delivery_id).first()
        due = Delivery.objects.select_for_update().filter(pk=delivery_id, status=Status.PENDING, next_at__lte=clock.now())
        delivery: Delivery | None = due.first()
        if channel is None or delivery is None or not _may_go(delivery, channel):
            return None
        delivery.status, delivery.token = Status.SENDING, uuid.uuid4()
        delivery.lease_until = clock.now() + LEASE
        delivery.attempt += 1
        if delivery.message is None:
            delivery.message = render(delivery, channel)
        delivery.save()
        return Claim(delivery, channel, delivery.token)


def sent(claim: Claim) -> bool:
    """Note that a message went out; False when the lease was lost."""
    return bool(_held(claim).update(status=Status.SENT, error="", token=None, finished_at=clock.now()))


def fail(claim: Claim, reason: str) -> bool:
    """Give a message up, in words; False when the lease was lost."""
    return bool(_held(claim).update(status=Status.FAILED, error=reason, token=None, finished_at=clock.now()))


def try_later(claim: Claim, reason: str, *, wait: timedelta | None = None) -> bool:
    """Have a message tried again; the last try, and that of a test, gives it up. False when the lease was lost."""
    if claim.delivery.attempt >= MOST_ATTEMPTS:
        return fail(claim, f"{reason} It was tried {claim.delivery.attempt} times.")
    if claim.delivery.purpose == Purpose.TEST:
        return fail(claim, reason)
    after = clock.now() + max(wait or timedelta(), pause_after(claim.delivery.attempt))
    return bool(_held(claim).update(status=Status.PENDING, error=reason, token=None, lease_until=None, next_at=after))


def pause_after(attempt: int) -> timedelta:
    """Return how long to wait after so many tries: ever longer, and not the same for all."""
    wait: timedelta = min(_LONGEST_WAIT, _FIRST_WAIT * _FACTOR ** (attempt - 1))
    return wait * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  (no secret)


def take_back_expired() -> None:
    """Return what a dead process held to what waits; give up what died too often."""
    now = clock.now()
    lost = Delivery.objects.filter(Q(lease_until__lt=now) | Q(lease_until=None), status=Status.SENDING)
    died = f"The process that sent it died {MOST_ATTEMPTS} times."
    lost.filter(attempt__gte=MOST_ATTEMPTS).update(status=Status.FAILED, error=died, token=None, finished_at=now)
    lost.filter(attempt__lt=MOST_ATTEMPTS).update(status=Status.PENDING, token=None, lease_until=None, next_at=now)


def due(*, overdue: timedelta = timedelta()) -> QuerySet[Delivery]:
    """Return the messages that are due, the longest first; those that have been for a while only, if one is given."""
    waiting: QuerySet[Delivery] = Delivery.objects.filter(status=Status.PENDING, next_at__lte=clock.now() - overdue)
    return waiting.order_by("next_at", "pk")


def _may_go(delivery: Delivery, channel: Channel) -> bool:
    """Say whether a message may go now; else note what becomes of it. The caller holds its channel's row."""
    if delivery.purpose == Purpose.TEST:
        return True
    if not channel.enabled:
        return _hold_back(delivery, "The channel is switched off.")
    now = clock.now()
    end = quiet_until(now, begins=channel.quiet_from, ends=channel.quiet_until, zone=channel.time_zone)
    if end is not None:
        delivery.next_at = end
        delivery.save(update_fields=["next_at"])
        return False
    return delivery.purpose == Purpose.SUMMARY or delivery.day is not None or _is_in_budget(delivery, channel, now)


def _is_in_budget(delivery: Delivery, channel: Channel, now: datetime) -> bool:
    """Take a message from the day's budget; once it is spent, hold back what comes and say so, once a day."""
    day = day_of(now, channel.time_zone)
    if Delivery.objects.filter(channel=channel, day=day, purpose=Purpose.ALERT).count() < channel.budget:
        delivery.day = day
        return True
    Delivery.objects.get_or_create(channel=channel, day=day, purpose=Purpose.SUMMARY, defaults={"next_at": now})
    return _hold_back(delivery, f"The budget of {channel.budget} messages a day was spent.")


def _hold_back(delivery: Delivery, reason: str) -> bool:
    delivery.status, delivery.error, delivery.finished_at = Status.SUPPRESSED, reason, clock.now()
    delivery.save(update_fields=["status", "error", "finished_at"])
    return False


def _held(claim: Claim) -> QuerySet[Delivery]:
    found: QuerySet[Delivery] = Delivery.objects.filter(pk=claim.delivery.pk, token=claim.token, status=Status.SENDING)
    return found
