"""Guessing passwords is slowed down: failed sign-ins are counted by address and by name, at every door.

The counts are rows of the database: every process sees them, they outlive a restart, and they need no other server to
be up. A try is written down before the password is looked at, so a burst of requests at once gets no more tries than a
patient caller; a try that succeeds is taken away again. So that nobody can lock others out, the count by name does not
hold at an address from which the user has signed in before.
"""

import ipaddress
import logging
import math
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.throttling import BaseThrottle

from apps.core import clock
from apps.core.errors import Throttled
from apps.workspaces.models import FailedSignIn, KnownAddress

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures within so long; then every try is refused until the oldest of them is that old."""

    most: int
    within: timedelta


OF_ADDRESS = Limit(30, timedelta(minutes=10))
OF_NAME = Limit(10, timedelta(minutes=1))
KEPT_FOR = max(OF_ADDRESS.within, OF_NAME.within)
KNOWN_FOR = timedelta(days=90)


class CountedBackend(ModelBackend):
    """Django's own check of names and passwords, behind the counts; raises `Throttled` to who tries too often."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return the user whose name and password these are, or None."""
        if username is None or password is None:
            return None
        address = address_of(request)
        attempt = _begin(username, address)
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            attempt.delete()
            if address:
                KnownAddress.objects.update_or_create(
                    user=user, address_digest=_digest(address), defaults={"seen_at": clock.now()}
                )
        return user


def address_of(request: HttpRequest | None) -> str:
    """Return where a request comes from, seen through `NUM_PROXIES` proxies; an IPv6 network counts as one address."""
    given = BaseThrottle().get_ident(request) if request is not None else None  # type: ignore[arg-type]  # it reads META only
    try:
        address = ipaddress.ip_address(given or "")
    except ValueError:
        return given or ""
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped  # what a server that listens in both families shows of an IPv4 caller
    return str(mapped or ipaddress.ip_network((address, 64), strict=False))


def _begin(name: str, address: str) -> FailedSignIn:
    """Write a try down, or raise `Throttled` when one of its counts is full."""
    name_digest, address_digest = _digest(_one_spelling(name)), _digest(address) if address else ""
    counts: list[tuple[dict[str, str], Limit]] = []
    if address:
        counts.append(({"address_digest": address_digest}, OF_ADDRESS))
    if not KnownAddress.objects.filter(user__username=name, address_digest=address_digest).exists():
        counts.append(({"name_digest": name_digest}, OF_NAME))
    for where, limit in counts:
        _refuse_beyond(limit.most - 1, where, limit)
    attempt: FailedSignIn = FailedSignIn.objects.create(
        name_digest=name_digest, address_digest=address_digest, at=clock.now()
    )
    try:
        for where, limit in counts:  # once more: others may have come in between
            if _refuse_beyond(limit.most, where, limit) == limit.most:
                logger.warning("Sign-ins from %s: the last of %d tries; further ones wait.", address or "?", limit.most)
    except Throttled:
        attempt.delete()
        raise
    return attempt


def _refuse_beyond(most: int, where: dict[str, str], limit: Limit) -> int:
    """Return how many tries count now, or raise when they are more than `most`."""
    since = clock.now() - limit.within
    times = list(
        FailedSignIn.objects.filter(**where, at__gt=since).order_by("-at").values_list("at", flat=True)[: limit.most + 1]
    )
    if len(times) <= most:
        return len(times)
    seconds = max(1, math.ceil((times[limit.most - 1] - since).total_seconds()))
    raise Throttled(f"Too many failed attempts to sign in. Wait {seconds} seconds, then try again.", retry_after=seconds)


def _one_spelling(name: str) -> str:
    return unicodedata.normalize("NFKC", name)[:150].casefold()


def _digest(text: str) -> str:
    return salted_hmac("apps.workspaces.throttling", text, algorithm="sha256").hexdigest()
