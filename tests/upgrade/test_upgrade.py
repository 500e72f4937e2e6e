"""What every release left behind comes up in this one: the same rows, the same files, the same answers."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import RunningPlatform
from tests.journeys.story import assert_one_story
from tests.journeys.visitor import Visitor
from tests.upgrade.kept import RELEASES, answers_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OURS = ("datasets_", "predictions_", "registry_", "training_", "workspaces_")


@pytest.fixture(params=sorted(RELEASES.glob("*.tar.xz")), ids=lambda path: path.name.removesuffix(".tar.xz"))
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return what a release left behind."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path / "left", filter="data")
    return tmp_path / "left"


@pytest.fixture
def restored(left: Path, tmp_path: Path) -> Iterator[RunningPlatform]:
    """Return a platform of this release whose rows and files come from that one."""
    platform = RunningPlatform(tmp_path / "restored")
    platform.var.mkdir(parents=True)
    done = platform.manage("restore", str(left / "backup"))
    assert done.returncode == 0, done.stdout + done.stderr
    yield platform
    platform.end()


def test_an_installation_of_each_release_goes_on(left: Path, restored: RunningPlatform):
    before = json.loads((left / "backup" / "backup.json").read_text())["rows"]
    told = json.loads((left / "told.json").read_text())
    with restored.witness() as witness:
        ours = [table for table in before if table.startswith(OURS)]
        after = {table: len(witness.rows(f"SELECT id FROM {table}")) for table in ours}  # noqa: S608  (our own tables)
    assert after == {table: before[table] for table in after}

    (restored.var / "quickstart.json").write_text(json.dumps(told["facts"]))  # a key is known by its hash alone
    visitor = Visitor(restored.start())

    for model, answers in told["answers"].items():
        assert answers_of(visitor, model) == answers
        assert_one_story(visitor, model)
        assert visitor.completed(visitor.train(model, told["dataset"]))["version"] == 3
