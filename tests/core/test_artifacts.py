"""Files that must not be lost or half written."""

import errno
import os
from pathlib import Path

import pytest

from apps.core import artifacts
from apps.core.errors import NotFound, StorageFull, Unavailable


def make_folder(root: Path) -> tuple[Path, dict[str, str]]:
    folder = root / "version"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"alpha")
    (folder / "inner" / "b.bin").write_bytes(b"beta")
    return folder, artifacts.seal_folder(folder)


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../out", "nul\0", ".", ""])
def test_nothing_outside_the_root_is_reached(path, tmp_path):
    with pytest.raises(NotFound):
        artifacts.safe_join(tmp_path, path)


def test_a_sealed_folder_verifies(tmp_path):
    folder, checksums = make_folder(tmp_path)

    assert list(checksums) == ["a.bin", "inner/b.bin"]
    artifacts.verify_folder(folder, checksums)
    artifacts.verify_folder(folder, checksums, below="inner/")


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "remove", "add", "link", "swap"])
def test_every_damage_is_found(damage, tmp_path):
    folder, checksums = make_folder(tmp_path)
    a, b = folder / "a.bin", folder / "inner" / "b.bin"
    if damage == "flip":
        a.write_bytes(b"alphb")
    elif damage == "truncate":
        a.write_bytes(b"alph")
    elif damage == "empty":
        a.write_bytes(b"")
    elif damage == "remove":
        a.unlink()
    elif damage == "add":
        (folder / "c.bin").write_bytes(b"new")
    elif damage == "link":
        (folder / "c.bin").symlink_to("/etc/passwd")
    else:
        one, other = a.read_bytes(), b.read_bytes()
        a.write_bytes(other)
        b.write_bytes(one)

    with pytest.raises(artifacts.ArtifactDamaged):
        artifacts.verify_folder(folder, checksums)


def test_a_folder_is_published_once(tmp_path):
    folder, _checksums = make_folder(tmp_path)
    artifacts.publish_folder(folder, tmp_path / "final")
    again, _ = make_folder(tmp_path)

    with pytest.raises(FileExistsError):
        artifacts.publish_folder(again, tmp_path / "final")

    assert (tmp_path / "final" / "a.bin").read_bytes() == b"alpha"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Note which files and folders are flushed to disk, and whether the file was in its place by then."""
    seen: list[tuple[int, bool]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        seen.append((os.fstat(handle).st_ino, (Path.cwd() / "a/b/final").exists()))
        real(handle)

    monkeypatch.setattr(artifacts.os, "fsync", fsync)
    return seen


def test_a_published_file_and_every_new_folder_above_it_are_on_the_disk(tmp_path, synced, monkeypatch):
    monkeypatch.chdir(tmp_path)
    beside = tmp_path / "beside"
    beside.write_bytes(b"all of it")

    artifacts.publish_file(beside, tmp_path / "a" / "b" / "final")

    place = tmp_path / "a" / "b" / "final"
    assert (place.read_bytes(), beside.exists()) == (b"all of it", False)
    assert synced == [
        (place.stat().st_ino, False),
        (tmp_path.stat().st_ino, False),
        (place.parents[1].stat().st_ino, False),
        (place.parent.stat().st_ino, True),
    ]


def test_a_file_is_published_over_the_same_one(tmp_path):
    for content in (b"one", b"one"):
        (tmp_path / "beside").write_bytes(content)
        artifacts.publish_file(tmp_path / "beside", tmp_path / "final")

    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path, monkeypatch):
    target = tmp_path / "file"
    artifacts.write_atomically(target, b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(artifacts.os, "fsync", full)
    with pytest.raises(StorageFull, match="disk is full"):
        artifacts.write_atomically(target, b"new")

    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_other_faults_of_the_disk_pass_through(tmp_path):
    with pytest.raises(IsADirectoryError), artifacts.storage_guard():
        raise IsADirectoryError(errno.EISDIR, "no")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO])
def test_a_disk_that_cannot_be_written_is_unavailable_in_words(number: int):
    with pytest.raises(Unavailable, match="cannot write its files") as refusal, artifacts.storage_guard():
        raise OSError(number, os.strerror(number))

    assert refusal.value.retry_after


def test_removing_what_is_not_there_is_no_fault(tmp_path):
    folder, _ = make_folder(tmp_path)
    artifacts.remove_folder(folder)
    artifacts.remove_folder(folder)

    assert not folder.exists()
