"""Is each part there? Small probes that the readiness route and `manage.py doctor` share."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery import current_app
from django import db
from django.conf import settings
from django.db import connection
from django.db.models import Max

from apps.core import clock
from apps.core.broker import BROKER_AWAY, eviction_policy, memory_share
from apps.core.instance import is_away, stores

_LEAST_FREE_BYTES = 500 * 1024**2
_MOST_BROKER_MEMORY = 0.9
_PATIENCE_SECONDS = 1.0
_BEAT_PATIENCE = timedelta(minutes=2)
_RECENT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found; `advice` says what to do when it is not well."""

    part: str
    is_well: bool
    detail: str
    advice: str = ""


def check_database() -> Finding:
    """Ask the database for one row, and whether its tables are those of this release."""
    from django.db.migrations.executor import MigrationExecutor

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except db.Error as error:
        return Finding("database", is_well=False, detail=type(error).__name__, advice="Start it, or check DATABASE_URL.")
    if waiting:
        return Finding(
            "database",
            is_well=False,
            detail=_count(len(waiting), "1 migration waits", "migrations wait"),
            advice="Run manage.py migrate.",
        )
    return Finding("database", is_well=True, detail=connection.vendor)


def check_broker() -> Finding:
    """Open a connection to the broker."""
    try:
        with current_app.connection_for_write(connect_timeout=_PATIENCE_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=int(_PATIENCE_SECONDS))
    except BROKER_AWAY:
        return Finding("broker", is_well=False, detail="it does not answer", advice="Start Redis, or check REDIS_URL.")
    policy = eviction_policy()
    if policy not in {None, "noeviction"}:
        advice = "Set maxmemory-policy noeviction: any other one removes waiting work when memory is short."
        return Finding("broker", is_well=False, detail=f"it may evict ({policy})", advice=advice)
    if (share := memory_share() or 0.0) > _MOST_BROKER_MEMORY:
        advice = "Raise its maxmemory, or remove what else it holds: it soon takes no message, and jobs start late."
        return Finding("broker", is_well=False, detail=f"{share:.0%} of its memory is used", advice=advice)
    return Finding("broker", is_well=True, detail="it answers")


def check_storage() -> Finding:
    """Write and remove a file in each place that must keep files, and look at the space left."""
    for place in stores():
        try:
            if is_away(place):
                advice = f"Mount the disk of {place}; if nothing was ever in it, run manage.py migrate."
                return Finding("storage", is_well=False, detail=f"{place}: its files are not there", advice=advice)
            with tempfile.NamedTemporaryFile(dir=place, prefix=".probe-") as probe:
                probe.write(b"well")
        except OSError as error:
            advice = f"Make {place} writable for this user, or free some space."
            return Finding("storage", is_well=False, detail=f"{place}: {error.strerror}", advice=advice)
    free, fullest = _fullest()
    if free < _LEAST_FREE_BYTES:
        detail = f"{fullest}: {free // 1024**2} MiB free"
        return Finding("storage", is_well=False, detail=detail, advice="Free some space.")
    return Finding("storage", is_well=True, detail=f"{free / 1024**3:.1f} GiB free")


def least_free() -> int:
    """Return how many bytes are free on the fullest disk that keeps files."""
    return _fullest()[0]


def _fullest() -> tuple[int, Path]:
    return min((shutil.disk_usage(place).free, place) for place in stores())


def check_workers() -> Finding:
    """Ask the workers to answer, and see that every queue has one."""
    try:
        queues = _queues_by_worker()
    except BROKER_AWAY:
        return Finding("workers", is_well=False, detail="the broker does not answer", advice="Start the broker first.")
    if missing := _without_worker(queues):
        advice = f"Start what serves them: {'; '.join(_workers_of(missing))}."
        return Finding("workers", is_well=False, detail=f"no worker serves {', '.join(missing)}", advice=advice)
    return Finding("workers", is_well=True, detail=_count(len(queues), "1 worker answers", "workers answer"))


def unserved_queues() -> list[str] | None:
    """Return the queues that no worker serves; None where the broker does not say."""
    try:
        return _without_worker(_queues_by_worker())
    except BROKER_AWAY:
        return None


def _queues_by_worker() -> dict[str, Any]:
    return current_app.control.inspect(timeout=_PATIENCE_SECONDS).active_queues() or {}


def _without_worker(queues: dict[str, Any]) -> list[str]:
    served = {queue["name"] for found in queues.values() for queue in found}
    return [name for name in (settings.TRAINING_QUEUE, settings.TRIALS_QUEUE, *settings.OTHER_QUEUES) if name not in served]


def _workers_of(queues: list[str]) -> list[str]:
    """Return the commands of the workers that serve these queues: trials are processes, a training supervises its own."""
    command = "celery -A mlplatform worker -Q"
    others = [name for name in queues if name != settings.TRIALS_QUEUE]
    pool = " --pool=threads -c 1" if settings.TRAINING_QUEUE in others else ""
    trials = [f"{command} {settings.TRIALS_QUEUE} -c {settings.SEARCH_TRIALS_AT_ONCE}"] if len(others) < len(queues) else []
    return [*([f"{command} {','.join(others)}{pool}"] if others else []), *trials]


def check_schedule() -> Finding:
    """See that the declared schedule is in the database, and that beat has sent something of late."""
    from django_celery_beat.models import PeriodicTask

    try:
        tasks = PeriodicTask.objects.filter(name__in=settings.PERIODIC_TASKS).order_by("name")
        rows = list(tasks.values_list("name", "enabled", "last_run_at"))
    except db.Error as error:
        return Finding("schedule", is_well=False, detail=type(error).__name__, advice="Start the database first.")
    if len(rows) < len(settings.PERIODIC_TASKS):
        missing = _count(len(settings.PERIODIC_TASKS) - len(rows), "1 of its tasks is missing", "of its tasks are missing")
        return Finding("schedule", is_well=False, detail=missing, advice="Run manage.py migrate: it writes them.")
    off = [name for name, enabled, _ in rows if not enabled]
    if len(off) == len(rows):
        return Finding("schedule", is_well=False, detail="all is switched off", advice="Enable the tasks in the admin.")
    last = max((run for _, _, run in rows if run), default=None)
    if last is None or clock.now() - last > _BEAT_PATIENCE:
        detail = "beat never ran" if last is None else f"beat sent nothing since {last:%Y-%m-%d %H:%M} UTC"
        return Finding("schedule", is_well=False, detail=detail, advice="Start it: celery -A mlplatform beat.")
    told = f"; switched off: {', '.join(off)}" if off else ""
    return Finding("schedule", is_well=True, detail=f"{len(rows)} tasks, beat runs{told}")


def beat_seen_at() -> datetime | None:
    """Return when beat last sent a task of the declared schedule."""
    from django_celery_beat.models import PeriodicTask

    found: datetime | None = PeriodicTask.objects.filter(name__in=settings.PERIODIC_TASKS).aggregate(at=Max("last_run_at"))[
        "at"
    ]
    return found


PROBES: tuple[Callable[[], Finding], ...] = (check_database, check_broker, check_storage, check_workers, check_schedule)


@dataclass
class _Recent:
    """What the probes found a moment ago: those who ask often must not keep the workers busy with answering."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float = float("-inf")
    findings: tuple[Finding, ...] = ()


_recent = _Recent()


def recent_findings(seconds: float = _RECENT_SECONDS) -> tuple[Finding, ...]:
    """Return what the probes find, at most a few seconds old; one caller looks at a time."""
    with _recent.lock:
        if time.monotonic() - _recent.at > seconds:
            _recent.findings = tuple(probe() for probe in PROBES)
            _recent.at = time.monotonic()
        return _recent.findings


def _count(count: int, one: str, many: str) -> str:
    """Say how many of something there are."""
    return one if count == 1 else f"{count} {many}"
