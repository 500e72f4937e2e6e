"""`python -m tests.hostile.dying`: file versions as a training process does, and die, or run out of disk, at a chosen point.

Each line of its input names a job; a forked child does it, so that the libraries are imported once. How the child ended is
told in a line of output.
"""

import importlib
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

# point: where it is, whether it lies before or after the call, and which call it is
POINTS: dict[str, tuple[str, str, str, int]] = {
    "before anything is staged": ("apps.training.engine", "_save", "before", 1),
    "between the native files and the predictor": ("apps.training.engine", "storage_guard", "before", 2),
    "between two arrays of the predictor": ("numpy", "save", "after", 7),
    "when all is staged": ("apps.training.engine", "_check_parity", "after", 1),
    "between the schema and the seal": ("apps.registry.files", "seal_folder", "before", 1),
    "between the flush of two files": ("apps.core.artifacts", "sha256_of", "after", 3),
    "between the card and the manifest": ("apps.registry.files", "write_atomically", "after", 1),
    "while the manifest stands beside its place": ("apps.core.artifacts", "_sync_folder", "before", -1),
    "before the rename": ("apps.registry.files", "publish_folder", "before", 1),
    "between the rename and the row": ("apps.registry.actions", "_version_row", "before", 1),
    "between the row and its alias": ("apps.registry.actions", "_point", "before", 1),
    "between the alias and the campaign's end": ("apps.training.lifecycle", "complete", "before", 1),
    "before the commit": ("apps.training.lifecycle", "complete", "after", 1),
    "after the commit": ("apps.training.engine", "_file_and_complete", "after", 1),
}


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


def have_room_for(size: int) -> None:
    """Let no file of this process grow beyond `size` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _fill_disk_while_saving(size: int) -> None:
    """Let files grow no further while native files and predictor are written; the database is on another disk."""
    from apps.training import engine

    real = engine._save

    def save(*args: Any) -> None:
        have_room_for(size)
        try:
            real(*args)
        finally:
            have_room_for(resource.RLIM_INFINITY)

    engine._save = save


def work(job: dict[str, Any]) -> None:
    """Do one job; never returns."""
    from django.conf import settings

    from apps.training import engine

    settings.ML_MODELS_DIR, settings.DATASETS_DIR = job["models"], job["datasets"]
    if "point" in job:
        act_at(job["point"], die)
    if "room" in job:
        _fill_disk_while_saving(job["room"])
    try:
        engine.run(UUID(job["campaign"]), UUID(job["token"]), job["attempt"])
    except Exception:
        logging.getLogger(__name__).exception("The job ended badly")
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Wait for jobs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.test")
    import django

    django.setup()
    from apps.training import engine

    engine.warm_up()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
