"""`python -m tests.hostile.dying DATABASE`: do the platform's work in children that die, or run out of disk, at a chosen point.

Each line of its input names a job; a child is forked for it, so that the libraries are imported once. A line of output says
how the child ended, how much memory it took on top of what it began with, the seconds of processor, and what it told.
"""

import importlib
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.hostile.disks import fill

# point of a training: where it is, whether it lies before or after the call, and which call it is
POINTS: dict[str, tuple[str, str, str, int]] = {
    "before anything is staged": ("apps.training.engine.training", "_save", "before", 1),
    "between the native files and the predictor": ("apps.training.engine.training", "storage_guard", "before", 2),
    "between two arrays of the predictor": ("numpy", "save", "after", 7),
    "when all is staged": ("apps.training.engine.training", "_check_parity", "after", 1),
    "between the schema and the seal": ("apps.registry.files", "seal_folder", "before", 1),
    "between the flush of two files": ("apps.core.artifacts", "sha256_of", "after", 3),
    "between the card and the manifest": ("apps.registry.files", "write_atomically", "after", 1),
    "while the manifest stands beside its place": ("apps.core.artifacts", "_sync_folder", "before", -1),
    "before the rename": ("apps.registry.files", "publish_folder", "before", 1),
    "between the rename and the row": ("apps.registry.actions", "_version_row", "before", 1),
    "between the row and its alias": ("apps.registry.actions", "_point", "before", 1),
    "between the alias and the campaign's end": ("apps.training.lifecycle", "complete", "before", 1),
    "before the commit": ("apps.training.lifecycle", "complete", "after", 1),
    "after the commit": ("apps.training.engine.training", "_file_and_complete", "after", 1),
}
NOWHERE = "redis://127.0.0.1:1/0"  # no broker: a message is refused at once


def die() -> None:
    """End as the kernel ends a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def act_at(point: str, act: Callable[[], None]) -> None:
    """Have `act` happen at a point of the next filing."""
    module, name, when, which = POINTS[point]
    if which < 0:
        _in_the_second_atomic_write(act)
        return
    place = importlib.import_module(module)
    real, calls = getattr(place, name), [0]

    def called(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == which and when == "before":
            act()
        done = real(*args, **kwargs)
        if calls[0] == which and when == "after":
            act()
        return done

    setattr(place, name, called)


def _in_the_second_atomic_write(act: Callable[[], None]) -> None:
    from apps.registry import files

    real, calls = files.write_atomically, [0]

    def called(*args: Any, **kwargs: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            real_fsync = os.fsync

            def fsync(handle: int) -> None:
                real_fsync(handle)
                act()

            os.fsync = fsync
        real(*args, **kwargs)

    files.write_atomically = called


class Moments:
    """Counts the moments at which a process changes something: each write to the database, each commit, each flushed file."""

    def __init__(self, fatal: int) -> None:
        self.fatal, self.count = fatal, 0

    def come(self) -> None:
        """Count one, and die if it is the fatal one."""
        self.count += 1
        if self.count == self.fatal:
            die()

    def watch(self) -> None:
        """Have every moment come from now on."""
        from django.db import connection

        connection.execute_wrappers.append(self._statement)
        real_commit, real_fsync = connection._commit, os.fsync

        def commit() -> None:
            self.come()
            real_commit()
            self.come()

        def fsync(handle: int) -> None:
            self.come()
            real_fsync(handle)

        connection._commit = commit
        os.fsync = fsync

    def _statement(self, execute: Any, sql: str, *given: Any) -> Any:
        if sql.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}:
            self.come()
        return execute(sql, *given)


def train(job: dict[str, Any]) -> None:
    """Run a claimed campaign; at `point` it dies, or its disk fills up, or files may grow to `room` bytes only."""
    from apps.training.engine import training as engine

    if "point" in job:
        act_at(job["point"], partial(fill, Path(job["models"])) if job.get("fills") else die)
    if "room" in job:
        _have_little_room_while_saving(job["room"])
    engine.run(UUID(job["campaign"]), UUID(job["token"]), job["attempt"])


def _have_little_room_while_saving(size: int) -> None:
    """Let files grow to `size` while native files and predictor are written; the database is on another disk."""
    from apps.training.engine import training as engine

    real = engine._save

    def save(*args: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        try:
            real(*args)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    engine._save = save


def ask(job: dict[str, Any]) -> dict[str, Any]:
    """Answer a request as a web process does, and die at its moment `fatal`."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    moments = Moments(job["fatal"])
    moments.watch()
    given: dict[str, Any] = {"headers": job["headers"]}
    if "file" in job:
        given["data"] = {**job["body"], "file": SimpleUploadedFile("data.csv", job["file"].encode())}
    else:
        given |= {"data": job["body"], "content_type": "application/json"}
    answer = getattr(Client(), job["method"])(job["path"], **given)
    moments.come()
    return {"status": answer.status_code, "moments": moments.count}


def check(job: dict[str, Any]) -> None:
    """Check a claimed upload under the limits of its own process."""
    from django.conf import settings

    from apps.datasets.engine import check as check_version

    limit = settings.UPLOAD_CHECK_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    check_version(UUID(job["version"]), UUID(job["token"]))


JOBS: dict[str, Callable[[dict[str, Any]], Any]] = {"train": train, "ask": ask, "check": check}


def work(job: dict[str, Any], told: int) -> None:
    """Do one job; never returns."""
    from django.conf import settings

    settings.ML_MODELS_DIR, settings.DATASETS_DIR = job["models"], job["datasets"]
    settings.UPLOAD_WAIT_SECONDS = 0.0
    size = _resident()
    try:
        answer = JOBS[job["do"]](job) or {}
        used = resource.getrusage(resource.RUSAGE_SELF)
        answer |= {"seconds": used.ru_utime + used.ru_stime, "grown": used.ru_maxrss * 1024 - size}
        os.write(told, json.dumps(answer).encode())
    except Exception:
        logging.getLogger(__name__).exception("The job ended badly")
        os._exit(1)
    os._exit(0)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Wait for jobs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.test")
    os.environ["REDIS_URL"] = NOWHERE
    import django
    from django.conf import settings
    from django.urls import get_resolver

    settings.DATABASES["default"]["NAME"] = sys.argv[1]
    django.setup()
    from apps.datasets import engine as _checks  # noqa: F401  (a warm child has it)
    from apps.training.engine import training as engine

    engine.warm_up()
    _ = get_resolver().url_patterns
    for line in sys.stdin:
        heard, told = os.pipe()
        child = os.fork()
        if child == 0:
            work(json.loads(line), told)
        os.close(told)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answer = os.read(heard, 65_536) or b"{}"
        os.close(heard)
        print(json.dumps({"code": ended, **json.loads(answer)}), flush=True)


if __name__ == "__main__":
    main()
