"""The audit trail chained by hashes: who alters or removes an entry breaks every link after it.

Each workspace has a chain, and the entries of none have one. A link is `SHA-256(hash of the link before + canonical JSON of
the entry)`. An entry is chained right after its transaction has committed, in a short one that holds the row of the chain's
head: a verb keeps no lock of it, so verbs of one workspace neither wait for each other nor deadlock over it. What a
process that was killed in between leaves unchained, the next verb of the workspace chains, or a task within minutes.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.core import clock
from apps.workspaces.models import AuditEntry, AuditHead, AuditLink

FIRST = "0" * 64  # what stands before the first link
_AT_ONCE = 1_000
_LEFT_BEHIND = timedelta(days=30)  # how far back the task looks for what was left unchained


def chain_of(workspace_id: UUID | None) -> str:
    """Return the name of a workspace's chain; "" is that of the entries of none."""
    return "" if workspace_id is None else str(workspace_id)


def canonical(entry: Any) -> bytes:
    """Return an entry as the bytes that are hashed: the same in every database, for a number may come back as another kind."""
    told = {
        "id": entry.pk,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "workspace": chain_of(entry.workspace_id),
        "user": entry.user_id,
        "api_key_prefix": entry.api_key_prefix,
        "verb": entry.verb,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "details": _plain(entry.details),
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value) + 0.0)
    return value


def next_hash(before: str, entry: Any) -> str:
    """Return the hash of the link that follows `before`."""
    return hashlib.sha256(before.encode() + canonical(entry)).hexdigest()


def chain_with_commit(entry: AuditEntry) -> None:
    """Have an entry chained as soon as its transaction commits."""
    transaction.on_commit(partial(seal, chain_of(entry.workspace_id), entry.pk), robust=True)


def seal(chain: str, entry_id: int | None = None) -> int:
    """Chain the entries of one chain that came after its last, and this one; return how many there were."""
    if entry_id is not None and AuditLink.objects.filter(entry_id=entry_id).exists():
        return 0
    with transaction.atomic():
        AuditHead.objects.get_or_create(chain=chain, defaults={"hash": FIRST, "at": clock.now()})
        head = AuditHead.objects.select_for_update().get(chain=chain)
        fresh = Q(pk__gt=head.last_entry) | (Q(pk=entry_id) if entry_id is not None else Q())
        return append(head, _unchained(entries_of(chain).filter(fresh)))


def seal_left_behind() -> int:
    """Chain what processes that died left unchained; return how many entries there were."""
    recent = _unchained(AuditEntry.objects.filter(at__gte=clock.now() - _LEFT_BEHIND))
    total = 0
    for workspace_id in recent.order_by().values_list("workspace_id", flat=True).distinct():
        chain = chain_of(workspace_id)
        for entry_id in list(recent.filter(workspace_id=workspace_id).order_by("pk").values_list("pk", flat=True)):
            total += seal(chain, entry_id)
    return total


def append(head: Any, entries: QuerySet[Any], links: Any = AuditLink.objects) -> int:
    """Add entries to a chain whose head is held; also for a migration, which brings its own tables."""
    count = 0
    waiting: list[Any] = []
    for entry in entries.order_by("pk").iterator(_AT_ONCE):
        head.hash = next_hash(head.hash, entry)
        head.entries += 1
        head.last_entry = max(head.last_entry, entry.pk)
        waiting.append(links.model(chain=head.chain, place=head.entries, entry_id=entry.pk, hash=head.hash))
        count += 1
        if len(waiting) == _AT_ONCE:
            links.bulk_create(waiting)
            waiting = []
    links.bulk_create(waiting)
    if count:
        head.at = clock.now()
        head.save()
    return count


def entries_of(chain: str) -> QuerySet[AuditEntry]:
    """Return the entries of one chain, in no order."""
    rows: QuerySet[AuditEntry] = AuditEntry.objects.order_by()
    return rows.filter(workspace_id=UUID(chain)) if chain else rows.filter(workspace__isnull=True)


def _unchained(entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
    return entries.exclude(Exists(AuditLink.objects.filter(entry_id=OuterRef("pk"))))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was written: the `place` in the chain, and the id of the entry where it is known."""

    place: int
    entry: int | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of looking at one chain: how many links were looked at, its head, what is wrong, what waits to be chained."""

    chain: str
    looked_at: int
    entries: int
    hash: str
    at: datetime | None
    waiting: int
    faults: tuple[Fault, ...]

    @property
    def is_intact(self) -> bool:
        """Say whether nothing was altered or removed."""
        return not self.faults


def chains() -> list[str]:
    """Return the names of all chains there are, and of those that should be."""
    begun = set(AuditHead.objects.values_list("chain", flat=True))
    linked = set(AuditLink.objects.order_by().values_list("chain", flat=True).distinct())
    meant = {chain_of(one) for one in AuditEntry.objects.order_by().values_list("workspace_id", flat=True).distinct()}
    return sorted(begun | linked | meant)


def verify(chain: str, *, newest: int | None = None, most_faults: int = 100) -> Verified:
    """Look at every link of a chain, or at the `newest` so many; the head is looked at in either case."""
    head = AuditHead.objects.filter(chain=chain).first()
    first = max(1, head.entries - newest + 1) if head is not None and newest is not None else 1
    state = _Walk(chain, first)
    for fault in state.faults(head):
        if len(state.found) < most_faults:
            state.found.append(fault)
    return Verified(
        chain=chain,
        looked_at=state.looked_at,
        entries=head.entries if head else 0,
        hash=head.hash if head else FIRST,
        at=head.at if head else None,
        waiting=_unchained(entries_of(chain)).count() if newest is None else _waiting_after(chain, head),
        faults=tuple(state.found),
    )


def _waiting_after(chain: str, head: AuditHead | None) -> int:
    return int(_unchained(entries_of(chain).filter(pk__gt=head.last_entry if head else 0)).count())


class _Walk:
    """One walk along a chain, from the link of place `first`."""

    def __init__(self, chain: str, first: int) -> None:
        self.chain, self.first, self.looked_at = chain, first, 0
        self.found: list[Fault] = []

    def faults(self, head: AuditHead | None) -> Iterator[Fault]:
        before, place, entry_id = FIRST, self.first - 1, None
        if self.first > 1:
            last = AuditLink.objects.filter(chain=self.chain, place=place).first()
            before = last.hash if last else ""
        for links in self._portions():
            entries = AuditEntry.objects.in_bulk([link.entry_id for link in links])
            for link in links:
                self.looked_at += 1
                if link.place != place + 1:
                    text = f"{link.place - place - 1} links before place {link.place} were removed."
                    yield Fault(place + 1, None, "link_removed", text)
                yield from self._fault_of(link, entries.get(link.entry_id), before, contiguous=link.place == place + 1)
                before, place, entry_id = link.hash, link.place, link.entry_id
        if (place, before) != ((head.entries, head.hash) if head else (0, FIRST)):
            text = f"The chain ends at place {place}; its head says {head.entries if head else 0}. The newest links were removed or altered."
            yield Fault(place, entry_id, "end_differs", text)

    def _fault_of(self, link: AuditLink, entry: AuditEntry | None, before: str, *, contiguous: bool) -> Iterator[Fault]:
        if entry is None:
            yield Fault(link.place, link.entry_id, "removed", f"Entry {link.entry_id} was removed.")
        elif chain_of(entry.workspace_id) != self.chain or (contiguous and next_hash(before, entry) != link.hash):
            text = f"Entry {link.entry_id} ({entry.verb}), or the link before it, was altered."
            yield Fault(link.place, link.entry_id, "altered", text)

    def _portions(self) -> Iterator[Sequence[AuditLink]]:
        place = self.first
        while links := list(AuditLink.objects.filter(chain=self.chain, place__gte=place).order_by("place")[:_AT_ONCE]):
            yield links
            place = links[-1].place + 1


def is_held_by(chain: str, entries: int, digest: str) -> bool:
    """Say whether a head that was noted down elsewhere is still a link of its chain."""
    if entries == 0:
        return digest == FIRST
    return AuditLink.objects.filter(chain=chain, place=entries, hash=digest).exists()
