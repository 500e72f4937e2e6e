"""Is each part there? Small probes that the readiness route and `manage.py doctor` share."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

_LEAST_FREE_BYTES = 500 * 1024**2
_PATIENCE_SECONDS = 1.0


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
    except DatabaseError as error:
        return Finding("database", is_well=False, detail=type(error).__name__, advice="Start it, or check DATABASE_URL.")
    if waiting:
        return Finding("database", is_well=False, detail=f"{len(waiting)} migrations wait", advice="Run manage.py migrate.")
    return Finding("database", is_well=True, detail=connection.vendor)


def check_broker() -> Finding:
    """Open a connection to the broker."""
    try:
        with current_app.connection_for_write(connect_timeout=_PATIENCE_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=int(_PATIENCE_SECONDS))
    except (OperationalError, OSError):
        return Finding("broker", is_well=False, detail="it does not answer", advice="Start Redis, or check REDIS_URL.")
    return Finding("broker", is_well=True, detail="it answers")


def check_storage() -> Finding:
    """Write and remove a file in each place that must keep files, and look at the space left."""
    for place in (settings.ML_MODELS_DIR, settings.DATASETS_DIR):
        probe = Path(place) / f".probe-{os.getpid()}"
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"well")
            probe.unlink()
        except OSError as error:
            advice = f"Make {place} writable for this user, or free some space."
            return Finding("storage", is_well=False, detail=f"{place}: {error.strerror}", advice=advice)
    free = shutil.disk_usage(settings.ML_MODELS_DIR).free
    if free < _LEAST_FREE_BYTES:
        return Finding("storage", is_well=False, detail=f"{free // 1024**2} MiB free", advice="Free some space.")
    return Finding("storage", is_well=True, detail=f"{free / 1024**3:.1f} GiB free")


def check_workers() -> Finding:
    """Ask the workers to answer, and see that the training queue has one."""
    advice = "Start one: celery -A mlplatform worker -Q ml_training --pool=threads -c 1."
    try:
        queues = current_app.control.inspect(timeout=_PATIENCE_SECONDS).active_queues() or {}
    except (OperationalError, OSError):
        return Finding("workers", is_well=False, detail="the broker does not answer", advice="Start the broker first.")
    served = {queue["name"] for found in queues.values() for queue in found}
    missing = [name for name in ("ml_training", "celery") if name not in served]
    if missing:
        return Finding("workers", is_well=False, detail=f"no worker serves {', '.join(missing)}", advice=advice)
    return Finding("workers", is_well=True, detail=f"{len(queues)} answer")


PROBES: tuple[Callable[[], Finding], ...] = (check_database, check_broker, check_storage, check_workers)
