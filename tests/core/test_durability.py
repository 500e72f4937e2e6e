"""What is on the disk, and in which order, when a write is said to be done; and what a failing disk is told as."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from apps.core import artifacts
from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import NotFound, StorageFull, Unavailable


@dataclass(frozen=True)
class Flush:
    """One flush to the disk: of what, how large it was by then, and whether the final place was taken."""

    inode: int
    size: int | None
    in_place: bool


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "a" / "b" / "final"


@pytest.fixture
def flushed(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[Flush]:
    seen: list[Flush] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        known = os.fstat(handle)
        size = known.st_size if stat.S_ISREG(known.st_mode) else None
        seen.append(Flush(known.st_ino, size, place.exists()))
        real(handle)

    monkeypatch.setattr(artifacts.os, "fsync", fsync)
    return seen


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_a_whole_file_is_on_the_disk_before_it_is_in_its_place_and_its_folder_after(tmp_path, place, flushed):
    artifacts.write_atomically(place, b"all of it")

    assert place.read_bytes() == b"all of it"
    assert flushed == [
        Flush(inode(tmp_path), None, in_place=False),
        Flush(inode(tmp_path / "a"), None, in_place=False),
        Flush(inode(place), 9, in_place=False),
        Flush(inode(place.parent), None, in_place=True),
    ]
    assert [path.name for path in place.parent.iterdir()] == ["final"]


def test_a_folder_that_is_there_is_flushed_once(place, flushed):
    place.parent.mkdir(parents=True)

    artifacts.write_atomically(place, b"x")

    assert [flush.inode for flush in flushed] == [inode(place), inode(place.parent)]


@pytest.mark.parametrize("mode", [None, 0o600, 0o444])
def test_a_file_is_never_readable_by_more_than_its_mode_says(mode, place, monkeypatch):
    modes: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        modes.append(os.fstat(handle).st_mode & 0o777)
        real(handle)

    monkeypatch.setattr(artifacts.os, "fsync", fsync)
    place.parent.mkdir(parents=True)
    before = os.umask(0)
    try:
        artifacts.write_atomically(place, b"x", **({} if mode is None else {"mode": mode}))
    finally:
        os.umask(before)

    wanted = 0o644 if mode is None else mode
    assert modes[0] == stat.S_IMODE(place.stat().st_mode) == wanted


def test_every_file_and_folder_of_a_sealed_folder_is_on_the_disk(tmp_path, flushed):
    folder = tmp_path / "version"
    (folder / "inner" / "deep").mkdir(parents=True)
    files = {"a.bin": b"alpha", "inner/b.bin": b"beta", "inner/deep/c.bin": b""}
    for name, content in files.items():
        (folder / name).write_bytes(content)

    checksums = artifacts.seal_folder(folder)

    assert checksums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    every = [folder, *folder.rglob("*")]
    assert sorted(flush.inode for flush in flushed) == sorted(map(inode, every))


def test_a_published_folder_is_known_to_the_folder_above_it(tmp_path, place, flushed):
    staging = tmp_path / "staging"
    staging.mkdir()
    (staging / "file").write_bytes(b"x")

    artifacts.publish_folder(staging, place)

    assert (place / "file").read_bytes() == b"x"
    assert not staging.exists()
    assert flushed[-1] == Flush(inode(place.parent), None, in_place=True)


def test_no_handle_stays_open(place):
    process = psutil.Process()
    before = process.num_fds()

    for content in (b"one", b"two"):
        artifacts.write_atomically(place, content)
        artifacts.seal_folder(place.parent)

    assert process.num_fds() == before


def test_a_file_of_many_blocks_has_one_checksum(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "_BLOCK", 7)
    (tmp_path / "file").write_bytes(bytes(range(100)))

    assert artifacts.sha256_of(tmp_path / "file") == hashlib.sha256(bytes(range(100))).hexdigest()


def test_a_path_below_the_root_is_found_also_where_the_root_is_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert artifacts.safe_join(tmp_path / "link", "a/../b") == (tmp_path / "real" / "b").resolve()


@pytest.mark.parametrize("way", ["beside", "above"])
def test_a_link_that_leads_out_of_the_root_is_not_followed(way, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to({"beside": tmp_path / "rooted", "above": tmp_path}[way])

    with pytest.raises(NotFound):
        artifacts.safe_join(root, "link")


# one part of a folder


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, artifacts.Checksums]:
    folder = tmp_path / "version"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.bin", "inner/b.bin"):
        (folder / name).write_bytes(name.encode())
    return folder, artifacts.seal_folder(folder)


def test_a_part_is_whole_whatever_is_damaged_beside_it(sealed):
    folder, checksums = sealed
    (folder / "a.bin").write_bytes(b"other")
    (folder / "stranger").write_bytes(b"x")

    artifacts.verify_folder(folder, checksums, below="inner/")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "inner/b.bin").write_bytes(b"other"), r"inner/b\.bin does not match its checksum"),
        (lambda folder: (folder / "inner/b.bin").unlink(), r"inner/b\.bin is missing"),
        (lambda folder: (folder / "inner/c.bin").write_bytes(b"x"), r"inner/c\.bin does not belong there"),
        (lambda folder: (folder / "inner/link").symlink_to("b.bin"), "link link does not belong there"),
    ],
)
@pytest.mark.parametrize("below", ["", "inner/"])
def test_damage_of_a_part_is_told_by_name(below, damage, words, sealed):
    folder, checksums = sealed
    damage(folder)

    with pytest.raises(ArtifactDamaged, match=words):
        artifacts.verify_folder(folder, checksums, below=below)


def test_a_part_that_is_a_link_itself_is_refused(sealed, tmp_path):
    folder, checksums = sealed
    (folder / "inner").rename(tmp_path / "moved")
    (folder / "inner").symlink_to(tmp_path / "moved")

    with pytest.raises(ArtifactDamaged, match="link inner"):
        artifacts.verify_folder(folder, checksums, below="inner")


def test_an_empty_folder_within_does_not_matter(sealed):
    folder, checksums = sealed
    (folder / "empty").mkdir()

    artifacts.verify_folder(folder, checksums)


# words for a failing disk


def fail(number: int, size: int | None = None) -> None:
    guard = artifacts.storage_guard() if size is None else artifacts.storage_guard(size)
    with guard:
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_with_the_bytes_that_were_needed_where_they_are_known(number):
    with pytest.raises(StorageFull, match=r"The disk is full \(5 bytes were needed\)\. Free some space"):
        fail(number, 5)
    with pytest.raises(StorageFull, match=r"The disk is full\. Free some space"):
        fail(number)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_disk_that_cannot_be_written_to_is_tried_again_later(number):
    with pytest.raises(Unavailable) as refused:
        fail(number)

    assert not isinstance(refused.value, StorageFull | ArtifactDamaged)
    assert refused.value.retry_after


def test_a_fault_of_another_kind_passes_as_it_is():
    with pytest.raises(OSError, match="Interrupted") as raised:
        fail(errno.EINTR)

    assert raised.value.errno == errno.EINTR
