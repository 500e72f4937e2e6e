"""What the platform runs on, as it is now: queues, workers, schedule, disks, the broker, the machine."""

import json
import platform
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import redis
from celery import current_app
from django import get_version
from django.conf import settings
from django.db import connection

from apps.core import clock
from apps.core.broker import BROKER_AWAY, is_redis, messages_in, on_redis
from apps.core.health import Finding, recent_findings

SENT_AT = "sent_at"  # the header in which each message says when it was given to the broker
_PATIENCE_SECONDS = 1.0
_RECENT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in a queue; None where the broker does not say."""

    name: str
    depth: int | None
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker's own figures."""

    version: str
    memory_bytes: int
    limit_bytes: int
    policy: str


@dataclass(frozen=True, slots=True)
class Disk:
    """The room on the disk that holds a kind of files."""

    of: str
    free_bytes: int
    total_bytes: int

    @property
    def used_share(self) -> float:
        """The share that is taken, 0 to 1."""
        return 1 - self.free_bytes / self.total_bytes if self.total_bytes else 1.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that answered."""

    name: str
    pid: int
    queues: tuple[str, ...]
    at_once: int
    done: int


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A periodic task; times in UTC."""

    name: str
    is_on: bool
    last_run: datetime | None
    next_run: datetime | None


def queues() -> tuple[Queue, ...]:
    """Return every queue with its depth and the age of the message that has waited longest."""
    names = sorted((settings.TRAINING_QUEUE, settings.TRIALS_QUEUE, *settings.OTHER_QUEUES))
    if not is_redis():
        return tuple(Queue(name, messages_in(name), None) for name in names)
    found = on_redis(lambda server: _on_redis(server, names))
    return tuple(Queue(name, None, None) for name in names) if found is None else found


def _on_redis(server: "redis.Redis", names: list[str]) -> tuple[Queue, ...]:
    with server.pipeline(transaction=False) as asked:
        for name in names:
            asked.llen(name)
            asked.lindex(name, -1)  # the end that is taken from
        answers = asked.execute()
    now = time.time()
    return tuple(Queue(name, int(answers[2 * i]), _age(answers[2 * i + 1], now)) for i, name in enumerate(names))


def _age(message: bytes | None, now: float) -> float | None:
    """Return how long a message has waited; None of one that does not say, or that is none of ours."""
    if message is None:
        return None
    try:
        sent = json.loads(message)["headers"][SENT_AT]
        return max(0.0, now - float(sent))
    except (ValueError, KeyError, TypeError):
        return None


def broker() -> Broker | None:
    """Return what the broker says of itself; None when it does not answer, or is no Redis."""

    def look(server: "redis.Redis") -> Broker:
        found: dict[str, Any] = server.info()
        memory, limit = int(found.get("used_memory") or 0), int(found.get("maxmemory") or 0)
        return Broker(str(found.get("redis_version", "")), memory, limit, str(found.get("maxmemory_policy", "")))

    return on_redis(look)


def disks() -> tuple[Disk, ...]:
    """Return the room left for models, data sets, and the database where it is a file."""
    places = {"models": Path(settings.ML_MODELS_DIR), "datasets": Path(settings.DATASETS_DIR)}
    if connection.vendor == "sqlite":
        places["database"] = Path(str(connection.settings_dict["NAME"])).parent
    found = []
    for of, place in places.items():
        there = next((path for path in (place, *place.parents) if path.exists()), Path("/"))
        usage = shutil.disk_usage(there)
        found.append(Disk(of, usage.free, usage.total))
    return tuple(found)


def database_bytes() -> int | None:
    """Return the size of the database; None where it does not say."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            return int(cursor.fetchone()[0])
    return None


def workers() -> tuple[Worker, ...]:
    """Ask the workers to answer; those that do within a second, by name."""
    asked = current_app.control.inspect(timeout=_PATIENCE_SECONDS)
    try:
        with ThreadPoolExecutor(2) as both:
            served, told = both.submit(asked.active_queues), both.submit(asked.stats)
            queues_of, stats = served.result() or {}, told.result() or {}
    except BROKER_AWAY:
        return ()
    return tuple(
        Worker(
            name=name,
            pid=int(one.get("pid", 0)),
            queues=tuple(sorted(queue["name"] for queue in queues_of.get(name, ()))),
            at_once=int(one.get("pool", {}).get("max-concurrency", 0)),
            done=sum(one.get("total", {}).values()),
        )
        for name, one in sorted(stats.items())
    )


def schedule() -> tuple[Scheduled, ...]:
    """Return the declared periodic tasks with their last and their next run."""
    from django_celery_beat.models import PeriodicTask

    rows = PeriodicTask.objects.select_related("interval", "crontab").filter(name__in=settings.PERIODIC_TASKS)
    return tuple(Scheduled(row.name, row.enabled, row.last_run_at, _next_run(row)) for row in rows.order_by("name"))


def _next_run(row: Any) -> datetime | None:
    if not row.enabled:
        return None
    now = clock.now()
    last = row.last_run_at or now
    due: datetime = now + row.schedule.remaining_estimate(last) + timedelta(seconds=0.5)
    return max(due.replace(microsecond=0), now)


def versions() -> dict[str, str]:
    """Return which releases of what run here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        database = str(cursor.fetchone()[0])
    return {
        "python": platform.python_version(),
        "django": get_version(),
        "celery": version("celery"),
        connection.vendor: database,
    }


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of this process."""

    cores: int
    load: float
    memory_bytes: int
    memory_free_bytes: int


def machine() -> Machine:
    """Return the machine's load and memory."""
    memory = psutil.virtual_memory()
    return Machine(psutil.cpu_count() or 1, psutil.getloadavg()[0], memory.total, memory.available)


@dataclass(frozen=True, slots=True)
class Look:
    """All of it, at one moment."""

    findings: tuple[Finding, ...]
    queues: tuple[Queue, ...]
    workers: tuple[Worker, ...]
    schedule: tuple[Scheduled, ...]
    disks: tuple[Disk, ...]
    database_bytes: int | None
    broker: Broker | None
    versions: dict[str, str]

    @property
    def is_well(self) -> bool:
        """Say whether every part is well."""
        return all(finding.is_well for finding in self.findings)

    @property
    def beat_sent_at(self) -> datetime | None:
        """When beat sent anything last."""
        return max((task.last_run for task in self.schedule if task.last_run), default=None)


@dataclass
class _Recent:
    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float = float("-inf")
    found: Look | None = None


_recent = _Recent()


def look() -> Look:
    """Return how the platform is, at most a few seconds old: those who look often must not keep the workers busy."""
    with _recent.lock:
        if _recent.found is None or time.monotonic() - _recent.at > _RECENT_SECONDS:
            with ThreadPoolExecutor(1) as beside:
                asked = beside.submit(workers)
                findings = recent_findings()
                _recent.found = Look(
                    findings, queues(), asked.result(), schedule(), disks(), database_bytes(), broker(), versions()
                )
            _recent.at = time.monotonic()
        return _recent.found
