"""Are disk, workers and beat well? Looked at by a periodic task; where that one is silent, by another worker that lives.

A dead beat sends no task and a dead worker runs none, so the workers of trainings and of upkeep have a thread that sees
whether somebody still looks and sends (those that fork children do not: a thread and a fork do not go together). Where none
of them is left nothing can be sent: that only `/readyz` tells, to whatever watches it from outside.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django import db
from django.conf import settings

from apps.alerts import lifecycle, sending
from apps.alerts.actions import end_alerts, raise_alert
from apps.alerts.models import SEVERITY_OF, Kind, MachineWatch
from apps.alerts.selectors import workspaces_for_the_machine
from apps.core import clock
from apps.core.health import beat_seen_at, least_free, unserved_queues

logger = logging.getLogger(__name__)
_BETWEEN_LOOKS = timedelta(seconds=50)
_SILENCE = timedelta(seconds=120)  # after it somebody else looks
_OVERDUE = timedelta(seconds=60)  # what is due for so long nobody sends
_PATIENCE = timedelta(seconds=80)  # so long something is not well before it is told: a restart is no death
_AGAIN = timedelta(hours=1)
_BEAT_PATIENCE = timedelta(minutes=2)
_TICK_SECONDS = 30.0
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not well."""

    key: str
    kind: Kind
    title: str
    sentence: str
    details: dict[str, Any] = field(default_factory=dict)


KEYS = ("machine:disk", "machine:workers", "machine:beat")


def faults(now: datetime) -> Iterator[Fault]:
    """Look at the machine; yield what is not well."""
    free, least = least_free(), settings.ALERT_DISK_FREE_BYTES
    if free < least:
        left, asked = f"{free // _MIB}", f"{least // _MIB}"
        text = f"{left} MiB are free, fewer than the {asked} MiB asked for. Free some space: without it trainings and uploads fail."
        details = {"free_bytes": free, "least_bytes": least}
        yield Fault("machine:disk", Kind.DISK, "The disk of the platform is nearly full.", text, details)
    missing = unserved_queues()
    if missing:
        text = f"Nobody serves {', '.join(missing)}: what is sent there waits. Start the worker again; manage.py doctor names it."
        yield Fault("machine:workers", Kind.WORKER_DEAD, "A worker of the platform is dead.", text, {"queues": missing})
    seen = beat_seen_at()
    if seen is None or now - seen > _BEAT_PATIENCE:
        text = "It has sent nothing for two minutes: nothing is checked or retrained by the clock. Start beat again."
        details = {"seen_at": seen.isoformat() if seen else None}
        yield Fault("machine:beat", Kind.WORKER_DEAD, "The scheduler of the platform is dead.", text, details)


def look_if_due(*, after: timedelta = _BETWEEN_LOOKS) -> bool:
    """Look, unless somebody has within a while; whoever comes first does. Say whether it was looked."""
    now = clock.now()
    watch, made = MachineWatch.objects.get_or_create(only=True, defaults={"looked_at": now})
    stale = MachineWatch.objects.filter(only=True, looked_at=watch.looked_at)
    if not made and (now - watch.looked_at < after or not stale.update(looked_at=now)):
        return False
    found = {fault.key: fault for fault in faults(now)}
    suspects = {key: _suspected(fault, watch.suspects.get(key), now) for key, fault in found.items()}
    MachineWatch.objects.filter(only=True).update(suspects=suspects)
    end_alerts(keys=[key for key in KEYS if key not in found])
    return True


def _suspected(fault: Fault, before: dict[str, str] | None, now: datetime) -> dict[str, str]:
    """Return since when something is not well and when it was last told; tell it once it has lasted, and each hour."""
    known = {"since": now.isoformat(), **(before or {})}
    told = known.get("told")
    is_lasting = now - datetime.fromisoformat(known["since"]) >= _PATIENCE
    if is_lasting and (told is None or now - datetime.fromisoformat(told) >= _AGAIN):
        _tell(fault)
        known["told"] = now.isoformat()
    return known


def _tell(fault: Fault) -> None:
    for workspace_id in workspaces_for_the_machine(fault.kind, SEVERITY_OF[fault.kind]):
        raise_alert(
            workspace_id=workspace_id,
            kind=fault.kind,
            key=fault.key,
            title=fault.title,
            sentence=fault.sentence,
            details=fault.details,
            is_lasting=True,
        )


def stand_by() -> threading.Thread:
    """Start this process's thread that stands in where nobody looks or sends."""
    thread = threading.Thread(target=_stand_by, name="alerts-stand-by", daemon=True)
    thread.start()
    return thread


def _stand_by() -> None:
    while True:
        time.sleep(_TICK_SECONDS)
        try:
            stand_in()
        except Exception:
            logger.exception("Nobody looked at the machine in the place of beat.")  # the next tick tries again
        finally:
            db.connections.close_all()  # children that are forked later must not inherit an open line


def stand_in() -> None:
    """Look where nobody has for long, and as often as others would once something is not well; send what nobody sends."""
    is_suspect = MachineWatch.objects.exclude(suspects={}).exists()
    has_looked = look_if_due(after=_BETWEEN_LOOKS if is_suspect else _SILENCE)
    if has_looked or lifecycle.due(overdue=_OVERDUE).exists():
        sending.dispatch()
