"""Runs a check in a child process with limits of memory and time, so that no file can hurt the worker."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings

from apps.core import clock
from apps.datasets import lifecycle
from apps.datasets.actions import send_check
from apps.datasets.models import DatasetVersion

logger = logging.getLogger(__name__)
_RENEW_SECONDS = 15.0
_PATIENCE = timedelta(seconds=20)  # a message that is this late is sent again
_GRACE_SECONDS = 24 * 3600


def check_in_child(version_id: UUID, token: UUID) -> None:
    """Check a claimed version; a child that dies gives it back with words."""
    command = [sys.executable, "-m", "apps.datasets.checking", str(version_id), str(token)]
    child = subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + settings.UPLOAD_CHECK_SECONDS
    while True:
        try:
            code = child.wait(timeout=_RENEW_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline or not lifecycle.renew(version_id, token):
                child.kill()
                child.wait()
                code = None
                break
    if code:
        lifecycle.give_back(version_id, token, reason=_words(code))
    elif code is None:
        minutes = settings.UPLOAD_CHECK_SECONDS // 60
        lifecycle.give_back(version_id, token, reason=f"Reading the file took more than {minutes} minutes. Split it.")


def _words(code: int) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    limit = settings.UPLOAD_CHECK_MEMORY_BYTES / 1024**2
    return f"The process that read the file died ({how}), perhaps at its memory limit of {limit:.0f} MiB. Split the file, or send Parquet."


def dispatch_waiting() -> None:
    """Give back expired checks and send those that wait too long."""
    for version_id, token in lifecycle.expired():
        lifecycle.give_back(version_id, token, reason="The process that read the file died three times.")
    late = clock.now() - _PATIENCE
    waiting = DatasetVersion.objects.filter(status=DatasetVersion.Status.CHECKING, token__isnull=True, created_at__lt=late)
    for version in waiting.order_by("created_at")[:100]:
        send_check(version)


def sweep_files() -> None:
    """Remove files below DATASETS_DIR that no row names, older than a day."""
    root = Path(settings.DATASETS_DIR)
    kept = {path for pair in DatasetVersion.objects.values_list("upload_path", "table_path") for path in pair}
    for path in _old_files(root):
        if path.relative_to(root).as_posix() not in kept:
            logger.info("Removed %s, which nothing refers to.", path.name)
            path.unlink(missing_ok=True)


def _old_files(root: Path) -> Iterator[Path]:
    limit = time.time() - _GRACE_SECONDS
    for folder in ("incoming", "uploads", "tables"):
        for path in (root / folder).rglob("*"):
            if path.is_file() and path.stat().st_mtime < limit:
                yield path
