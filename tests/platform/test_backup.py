"""A store that is at work while it is copied."""

import os
import shutil
from pathlib import Path

import pytest

from mlplatform import backup


def test_what_is_on_its_way_or_vanishes_is_left_out_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = tmp_path / "store"
    for name in ("predictions/a/result.csv", "predictions/b.part/result.csv", "gone/old.csv", ".staging-1/x", "x/.probe-2"):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_text(name)
    real = os.scandir

    def scan_while_a_sweep_works(path):
        if path == str(store / "gone"):
            shutil.rmtree(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scan_while_a_sweep_works)
    backup._copy_store(store, tmp_path / "copy")

    files = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert files == {"predictions/a/result.csv"}


def test_a_file_that_vanishes_between_listing_and_copying_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = tmp_path / "store"
    store.mkdir()
    for name in ("kept", "vanishes"):
        (store / name).write_text(name)
    real = shutil.copy2

    def copy_what_is_left(source, target):
        (store / "vanishes").unlink(missing_ok=True)
        return real(source, target)

    monkeypatch.setattr(shutil, "copy2", copy_what_is_left)
    backup._copy_store(store, tmp_path / "copy")

    assert {path.name for path in (tmp_path / "copy").iterdir()} <= {"kept"}


def test_a_folder_that_cannot_be_read_stops_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "store").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        backup._copy_store(tmp_path / "store", tmp_path / "copy")
