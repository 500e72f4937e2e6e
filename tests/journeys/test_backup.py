"""A backup of a running platform, brought back on an empty one: the same versions, the same answers."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import EXTRA_ALGORITHMS
from tests.journeys.running import RunningPlatform, new_database
from tests.journeys.story import assert_one_story
from tests.journeys.tables import as_csv, invoices, without_answer
from tests.journeys.test_kills import start_patient
from tests.journeys.visitor import Visitor
from tests.postgres import binaries, private_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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


def test_a_backup_comes_back_on_an_empty_machine(tmp_path: Path, copy: RunningPlatform):
    source = RunningPlatform(tmp_path / "source", MLPLATFORM_ALGORITHM_PACKAGES=EXTRA_ALGORITHMS)
    rows = [without_answer(row) for row in invoices(50, seed=8)]
    try:
        visitor = Visitor(source.start())
        dataset = visitor.upload(as_csv(invoices()))["id"]
        model, first = start_patient(visitor, dataset, seconds=0)
        visitor.completed(first)
        before = visitor.post(f"models/{model}/predict/", {"data": rows})
        _, running = start_patient(visitor, dataset, seconds=30)
        visitor.wait_until_fitting(running)

        done = source.manage("backup", str(tmp_path / "kept"))
        assert done.returncode == 0, done.stderr
        assert source.manage("backup", str(tmp_path / "kept")).returncode == 1
        key = source.facts["api_key"]
        source.end()

        copy.var.mkdir(parents=True)
        done = copy.manage("restore", str(tmp_path / "kept"))
        assert done.returncode == 0, done.stdout + done.stderr
        again = copy.manage("restore", str(tmp_path / "kept"))
        assert again.returncode == 1
        assert "not empty" in again.stderr
        (copy.var / "quickstart.json").write_text(
            json.dumps({**source.facts, "api_key": key})  # the key is known by its hash alone
        )
        visitor = Visitor(copy.start())
        after = visitor.post(f"models/{model}/predict/", {"data": rows})

        assert (after["predictions"], after["details"], after["version"]) == (
            before["predictions"], before["details"], before["version"],
        )  # fmt: skip
        assert visitor.completed(running)["version"] == 1
        assert_one_story(visitor, model)
    finally:
        source.end()
        copy.end()


@pytest.mark.parametrize("harm", ["flip", "remove", "add", "manifest"])
def test_a_damaged_backup_is_refused_before_anything_is_written(tmp_path: Path, harm: str):
    source = RunningPlatform(tmp_path / "source")
    copy = RunningPlatform(tmp_path / "copy")
    source.var.mkdir(parents=True)
    assert source.manage("migrate", "-v0").returncode == 0
    (source.models / "w" / "m").mkdir(parents=True)
    (source.models / "w" / "m" / "weights").write_bytes(b"weights" * 100)
    kept = tmp_path / "kept"
    done = source.manage("backup", str(kept))
    assert done.returncode == 0, done.stderr
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
    assert not (copy.var / "db.sqlite3").exists() or not (copy.var / "db.sqlite3").stat().st_size
