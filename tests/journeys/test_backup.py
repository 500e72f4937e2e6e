"""A backup of a running platform, brought back on an empty one: the same versions, the same answers."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import EXTRA_ALGORITHMS
from tests.journeys.running import RunningPlatform, new_database
from tests.journeys.story import assert_one_story
from tests.journeys.tables import as_csv, invoices, without_answer
from tests.journeys.test_kills import start_patient
from tests.journeys.visitor import Visitor
from tests.postgres import binaries, private_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Kept:
    """A backup, and what its source told when it was made."""

    folder: Path
    facts: dict[str, Any]
    model: str
    campaign: str
    answers: dict[str, Any]


def ask(visitor: Visitor, model: str) -> dict[str, Any]:
    """Return a model's answers to the same fifty rows."""
    rows = [without_answer(row) for row in invoices(50, seed=8)]
    return dict(visitor.post(f"models/{model}/predict/", {"data": rows}))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Back a platform up while it trains, and end it."""
    folder = tmp_path_factory.mktemp("backup")
    source = RunningPlatform(folder / "source", MLPLATFORM_ALGORITHM_PACKAGES=EXTRA_ALGORITHMS)
    try:
        visitor = Visitor(source.start())
        dataset = visitor.upload(as_csv(invoices()))["id"]
        model, first = start_patient(visitor, dataset, seconds=0)
        visitor.completed(first)
        before = ask(visitor, model)
        _, running = start_patient(visitor, dataset, seconds=30)
        visitor.wait_until_fitting(running)

        done = source.manage("backup", str(folder / "kept"))
        assert done.returncode == 0, done.stderr
        assert source.manage("backup", str(folder / "kept")).returncode == 1
        return Kept(folder / "kept", source.facts, model, running, before)
    finally:
        source.end()


@pytest.fixture(params=["the same kind of database", "from SQLite to PostgreSQL"])
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningPlatform]:
    """Return an empty machine."""
    extra = {"MLPLATFORM_ALGORITHM_PACKAGES": EXTRA_ALGORITHMS}
    if request.param == "the same kind of database":
        yield RunningPlatform(tmp_path / "copy", **extra)
        return
    if binaries() is None or "DATABASE_URL" in os.environ:
        pytest.skip("needs PostgreSQL's programs, and a source on SQLite")
    with private_postgres() as server:
        yield RunningPlatform(tmp_path / "copy", DATABASE_URL=new_database(server.url), **extra)


def test_a_backup_comes_back_on_an_empty_machine(kept: Kept, copy: RunningPlatform):
    try:
        copy.var.mkdir(parents=True)
        done = copy.manage("restore", str(kept.folder))
        assert done.returncode == 0, done.stdout + done.stderr
        again = copy.manage("restore", str(kept.folder))
        assert again.returncode == 1
        assert "not empty" in again.stderr
        (copy.var / "quickstart.json").write_text(json.dumps(kept.facts))  # the key is known by its hash alone
        visitor = Visitor(copy.start())
        after = ask(visitor, kept.model)

        assert (after["predictions"], after["details"], after["version"]) == (
            kept.answers["predictions"], kept.answers["details"], kept.answers["version"],
        )  # fmt: skip
        assert visitor.completed(kept.campaign)["version"] == 1
        assert_one_story(visitor, kept.model)
    finally:
        copy.end()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a backup with one file of a model in it."""
    folder = tmp_path_factory.mktemp("good")
    source = RunningPlatform(folder / "source")
    source.var.mkdir(parents=True)
    assert source.manage("migrate", "-v0").returncode == 0
    (source.models / "w" / "m").mkdir(parents=True)
    (source.models / "w" / "m" / "weights").write_bytes(b"weights" * 100)
    done = source.manage("backup", str(folder / "kept"))
    assert done.returncode == 0, done.stderr
    return folder / "kept"


@pytest.mark.parametrize("harm", ["flip", "remove", "add", "manifest"])
def test_a_damaged_backup_is_refused_before_anything_is_written(good: Path, tmp_path: Path, harm: str):
    copy = RunningPlatform(tmp_path / "copy")
    kept = tmp_path / "kept"
    shutil.copytree(good, kept)
    file = kept / "models" / "w" / "m" / "weights"
    match harm:
        case "flip":
            file.write_bytes(b"Weights" * 100)
        case "remove":
            file.unlink()
        case "add":
            file.with_name("stranger").write_bytes(b"?")
        case "manifest":
            (kept / "backup.json").write_text("{")

    copy.var.mkdir(parents=True)
    done = copy.manage("restore", str(kept))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not list(copy.models.rglob("weights"))
    assert not copy.database.exists() or not copy.database.stat().st_size
