"""A small disk of its own, which can be filled, freed, and made read-only: a `tmpfs`, so the kernel itself refuses."""

import errno
import subprocess
from pathlib import Path

MIB = 1024**2


class NoDisk(Exception):
    """This machine does not let us mount one."""


class SmallDisk:
    """A mounted folder with little room."""

    def __init__(self, path: Path, size: int = 8 * MIB) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))

    def fill(self) -> None:
        """Leave no block free."""
        fill(self.path)

    def free(self) -> None:
        """Take away what fills it."""
        (self.path / BALLAST).unlink()

    def make_read_only(self) -> None:
        """Have the kernel refuse every write."""
        self._run("mount", "-o", "remount,ro", str(self.path))

    def make_writable(self) -> None:
        """Take that back."""
        self._run("mount", "-o", "remount,rw", str(self.path))

    def remove(self) -> None:
        """Unmount, whoever still holds a file open."""
        self._run("umount", "--lazy", str(self.path))

    def _run(self, *command: str) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise NoDisk(str(error)) from error
        if done.returncode:
            raise NoDisk(done.stderr.strip())


BALLAST = ".ballast"


def fill(folder: Path) -> None:
    """Write until the disk of a folder is full, to the last byte."""
    with (folder / BALLAST).open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
