"""Counts of several web processes in one folder, so that any of them can tell the sum.

`prometheus_client` writes a process's counts to files of its own and adds up what all files hold. It names them by process
id: files of the dead stay for ever, and a sum without them would fall, which Prometheus takes for a fresh start of
everything. Here a process takes a free *slot* instead, held by a file lock that ends with it, and goes on from what the slot
held. The first process that finds nobody else there begins anew. So there are no more files than processes at once, and a
sum never falls while the web server runs, whatever is killed.
"""

import fcntl
import logging
import os
from pathlib import Path
from typing import IO, Any

from prometheus_client import values

logger = logging.getLogger(__name__)
_MOST_SLOTS = 256
_ROOM = 4 * 1024**2  # reserved on the disk: a mapped file that cannot grow when it is full would kill its process
_KINDS = ("counter", "histogram")


class Slots:
    """The slot of this process; another one after a fork."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pid = 0
        self._slot = -1
        self._held: IO[str] | None = None

    def __call__(self) -> int:
        """Return the number under which this process counts."""
        if self._pid != os.getpid():
            self._take()
        return self._slot

    def _take(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as entry:
            fcntl.flock(entry, fcntl.LOCK_EX)  # one process at a time takes a slot
            number, held = self._free_slot()
            if not self._others(number):
                for old in self.folder.glob("*.db"):
                    old.unlink()
            for kind in _KINDS:
                _reserve(self.folder / f"{kind}_{number}.db")
        self._slot, self._held, self._pid = number, held, os.getpid()

    def _free_slot(self) -> tuple[int, IO[str]]:
        for number in range(_MOST_SLOTS):
            if (held := _locked(self.folder / f"slot-{number}")) is not None:
                return number, held
        raise OSError(f"All {_MOST_SLOTS} slots of {self.folder} are taken.")

    def _others(self, own: int) -> bool:
        for place in self.folder.glob("slot-*"):
            if place.name == f"slot-{own}":
                continue
            held = _locked(place)
            if held is None:
                return True
            held.close()
        return False


def _locked(place: Path) -> IO[str] | None:
    file = place.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _reserve(place: Path) -> None:
    """Give a file its room on the disk; what it holds stays."""
    handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, _ROOM)
        elif os.fstat(handle).st_size < _ROOM:
            os.pwrite(handle, bytes(_ROOM - os.fstat(handle).st_size), os.fstat(handle).st_size)
    finally:
        os.close(handle)


def count_in(folder: Path) -> bool:
    """Have this process count in a folder that it shares with others; False where the folder cannot be written.

    To be called before anything is counted.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # the library looks there at each new count
    try:
        kind: Any = values.MultiProcessValue(Slots(folder))  # type: ignore[no-untyped-call]
    except OSError as error:
        logger.warning("Requests are counted by each web process for itself: %s cannot be written (%s).", folder, error)
        return False
    values.ValueClass = kind
    return True
