"""Files that must not be lost or half written: atomic writes, sealed folders, checksums before every use."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from apps.core.errors import NotFound, StorageFull, Unavailable

Checksums = dict[str, str]
_BLOCK = 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EIO, errno.ESTALE}
_RETRY_SECONDS = 60


class ArtifactDamaged(Unavailable):
    """A stored file is missing, changed or not one of ours; it is not loaded."""

    code: ClassVar[str] = "artifact_damaged"
    title: ClassVar[str] = "A stored file is damaged"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def safe_join(root: Path, relative: str) -> Path:
    """Return `root / relative`, or raise `NotFound` when it would lie outside of `root`."""
    if "\0" in relative:
        raise NotFound
    found = (root / relative).resolve()
    if not found.is_relative_to(root.resolve()) or found == root.resolve():
        raise NotFound
    return found


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file or nothing: beside its place, flushed to disk, then renamed over it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with storage_guard(len(data)):
            _make_folder(path.parent)
            beside.touch(mode=mode)
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            _sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def seal_folder(folder: Path) -> Checksums:
    """Flush every file and folder below `folder` to disk; return checksums by relative path, sorted."""
    checksums: Checksums = {}
    with storage_guard():
        for path in _files_below(folder):
            with path.open("rb") as file:
                os.fsync(file.fileno())
            checksums[path.relative_to(folder).as_posix()] = sha256_of(path)
        for inner in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
            _sync_folder(inner)
    return checksums


def publish_file(beside: Path, place: Path) -> None:
    """Move a whole file to its place in one step, over what is there; after a power cut it is there or it is not."""
    with storage_guard():
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        _make_folder(place.parent)
        beside.replace(place)
        _sync_folder(place.parent)


def publish_folder(staging: Path, final: Path) -> None:
    """Move a sealed folder to its place in one step; refuse a place that is taken."""
    with storage_guard():
        _make_folder(final.parent)
        if final.exists():
            raise FileExistsError(errno.EEXIST, "The place is taken", str(final))
        staging.rename(final)
        _sync_folder(final.parent)


def verify_folder(folder: Path, checksums: Checksums, *, below: str = "") -> None:
    """Check every file that `checksums` names (those under `below` only, if given), and that there is no other."""
    wanted = {name: digest for name, digest in checksums.items() if name.startswith(below)}
    found = {p.relative_to(folder).as_posix() for p in _files_below(folder / below if below else folder)}
    for name, digest in wanted.items():
        if name not in found:
            raise ArtifactDamaged(f"The file {name} is missing.")
        if sha256_of(folder / name) != digest:
            raise ArtifactDamaged(f"The file {name} does not match its checksum.")
    if strangers := found - wanted.keys():
        raise ArtifactDamaged(f"The file {min(strangers)} does not belong there.")


def remove_folder(folder: Path) -> None:
    """Remove a folder with all it holds; nothing happens when it is not there."""
    if folder.exists():
        shutil.rmtree(folder)


def _files_below(folder: Path) -> list[Path]:
    links = [path for path in (folder, *folder.rglob("*")) if path.is_symlink()]
    if links:
        raise ArtifactDamaged(f"The link {links[0].name} does not belong there.")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _make_folder(folder: Path) -> None:
    """Make a folder and what is missing above it, each known to the disk by its own parent."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def storage_guard(size: int = 0) -> Iterator[None]:
    """Turn a full, read-only or failing disk into words; `size` is what was to be written, where it is known."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            needed = f" ({size} bytes were needed)" if size else ""
            raise StorageFull(f"The disk is full{needed}. Free some space and try again; nothing was changed.") from error
        if error.errno in _UNWRITABLE:
            words = f"The platform cannot write its files ({error.strerror}). Nothing was changed; its operator must look at the disk."
            raise Unavailable(words, retry_after=_RETRY_SECONDS) from error
        raise
