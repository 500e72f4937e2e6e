"""What happens to files on a disk: each damage is named, seeded, and undone afterwards."""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.registry.files import MANIFEST

SEED = 20_261_121
OfFile = Callable[[Path, random.Random], None]


def flip(file: Path, chance: random.Random) -> None:
    """Turn one bit over."""
    content = bytearray(file.read_bytes())
    place = chance.randrange(len(content) * 8)
    content[place // 8] ^= 1 << place % 8
    file.write_bytes(content)


def flip_first(file: Path, chance: random.Random) -> None:
    """Turn the first bit over."""
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 0x80]) + content[1:])


def truncate(file: Path, chance: random.Random) -> None:
    """Cut the file somewhere."""
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(1, len(content))])


def empty(file: Path, chance: random.Random) -> None:
    """Leave nothing of its content."""
    file.write_bytes(b"")


def remove(file: Path, chance: random.Random) -> None:
    """Leave nothing."""
    file.unlink()


def grow(file: Path, chance: random.Random) -> None:
    """Add a byte."""
    file.write_bytes(file.read_bytes() + chance.randbytes(1))


def zero_a_block(file: Path, chance: random.Random) -> None:
    """Lose a block, as a disk does; one of zeros is passed by."""
    content = bytearray(file.read_bytes())
    size = min(512, len(content))
    while not any(content[(start := chance.randrange(len(content) - size + 1)) :][:size]):
        pass
    content[start : start + size] = bytes(size)
    file.write_bytes(content)


def become_folder(file: Path, chance: random.Random) -> None:
    """Put a folder in the file's place."""
    file.unlink()
    file.mkdir()


def become_link(file: Path, chance: random.Random) -> None:
    """Put a link to the very same bytes in the file's place."""
    elsewhere = file.with_name(f"{file.name}.moved")
    outside = elsewhere.parents[4] / f"{chance.randrange(10**9)}-{file.name}"
    shutil.move(file, outside)
    file.symlink_to(outside)


def age(*paths: Path) -> None:
    """Make files or folders three days old."""
    then = time.time() - 3 * 24 * 3600
    for path in paths:
        os.utime(path, (then, then))


OF_FILES: dict[str, OfFile] = {
    damage.__name__: damage
    for damage in (flip, flip_first, truncate, empty, remove, grow, zero_a_block, become_folder, become_link)
}


def files_of(folder: Path) -> list[str]:
    """Return every file of a version, by its name relative to the version."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def is_served(name: str) -> bool:
    """Say whether predictions need this file."""
    return name == MANIFEST or name.startswith("predictor/")


@contextmanager
def kept(folder: Path, aside: Path) -> Iterator[Path]:
    """Put a folder back as it was, whatever is done to it."""
    shutil.copytree(folder, aside)
    try:
        yield folder
    finally:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
