"""Runs a check in a child process with limits of memory and time, so that no file can hurt the worker."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection

from apps.core.errors import DATABASE_AWAY
from apps.core.instance import may_sweep
from apps.datasets import lifecycle
from apps.datasets.actions import send_check
from apps.datasets.lifecycle import LEASE
from apps.datasets.models import DatasetVersion

logger = logging.getLogger(__name__)
_RENEW_SECONDS = 15.0
_PAUSE_SECONDS = 2.0
_TOO_LONG = -1_000  # no exit code
_SENT_AT_ONCE = 100
_GRACE_SECONDS = 24 * 3600


def check_in_child(version_id: UUID, token: UUID) -> None:
    """Check a claimed version; a child that dies gives it back with words, and none outlives this call."""
    command = [sys.executable, "-m", "apps.datasets.checking", str(os.getpid()), str(version_id), str(token)]
    child = subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        _tell(_wait(child, version_id, token), version_id, token)
    finally:
        child.kill()  # does nothing to one that has ended
        child.wait()


def _wait(child: "subprocess.Popen[bytes]", version_id: UUID, token: UUID) -> int | None:
    """Return the exit code of the child, `_TOO_LONG` when its time is over, None when another run may have begun."""
    began = renewed = time.monotonic()
    while time.monotonic() < renewed + LEASE.total_seconds():
        try:
            return child.wait(timeout=_RENEW_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > began + settings.UPLOAD_CHECK_SECONDS:
                return _TOO_LONG
        try:
            if not lifecycle.renew(version_id, token):
                return None
            renewed = time.monotonic()
        except DATABASE_AWAY as error:
            logger.warning("The lease of dataset version %s is not renewed: %s", version_id, error)
            connection.close()
    return None


def _tell(code: int | None, version_id: UUID, token: UUID) -> None:
    """Write how a check ended that could not do so itself."""
    if code == os.EX_TEMPFAIL:
        words = "The database could not be reached. The file is read as soon as it can be."
        _insist(lambda: lifecycle.postpone(version_id, token, reason=words))
    elif code:
        _insist(lambda: lifecycle.give_back(version_id, token, reason=_words(code)))


def _insist(write: Callable[[], object]) -> None:
    """Write the end of a check, also to a database that is away for a while; if it stays away, the lease expires."""
    until = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            write()
        except DATABASE_AWAY:
            if time.monotonic() > until:
                raise
            connection.close()
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _words(code: int) -> str:
    if code == _TOO_LONG:
        return f"Reading the file took more than {settings.UPLOAD_CHECK_SECONDS // 60} minutes. Split it."
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    limit = settings.UPLOAD_CHECK_MEMORY_BYTES / 1024**2
    return f"The process that read the file died ({how}), perhaps at its memory limit of {limit:.0f} MiB. Split the file, or send Parquet."


def dispatch_waiting() -> None:
    """Give back expired checks and send those that wait too long."""
    for version_id, token in lifecycle.expired():
        lifecycle.give_back(version_id, token, reason="The process that read the file died three times.")
    for version_id in lifecycle.take_unsent(_SENT_AT_ONCE):
        send_check(version_id)


def sweep_files(*, grace: int = _GRACE_SECONDS) -> None:
    """Remove files below DATASETS_DIR that no row names, older than a day; none of a store that is another database's."""
    root = Path(settings.DATASETS_DIR)
    if not may_sweep(root):
        return
    kept = {path for pair in DatasetVersion.objects.values_list("upload_path", "table_path") for path in pair}
    for path in _old_files(root, grace):
        if path.relative_to(root).as_posix() not in kept:
            logger.info("Removed %s, which nothing refers to.", path.name)
            path.unlink(missing_ok=True)


def _old_files(root: Path, grace: int) -> Iterator[Path]:
    limit = time.time() - grace
    for folder in ("incoming", "uploads", "tables"):
        for path in (root / folder).rglob("*"):
            if path.is_file() and path.stat().st_mtime < limit:
                yield path
