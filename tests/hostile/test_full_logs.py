"""The disk of the logs and of temporary files is full: the platform goes on working, all but its logs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.disks import SmallDisk
from tests.journeys.running import RunningPlatform
from tests.journeys.story import assert_one_story
from tests.journeys.tables import as_csv, invoices, without_answer
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def platform(tmp_path: Path, small_disk: SmallDisk) -> Iterator[RunningPlatform]:
    """Start a platform whose logs and temporary files lie on a small disk."""
    logs, temporary = small_disk.path / "logs", small_disk.path / "tmp"
    running = RunningPlatform(tmp_path / "platform", TMPDIR=str(temporary))
    for place in (running.var, logs, temporary):
        place.mkdir(parents=True)
    (running.var / "logs").symlink_to(logs)
    try:
        yield running.start()
    finally:
        running.end()


def test_uploads_trainings_and_predictions_do_not_need_room_for_logs(platform: RunningPlatform, small_disk: SmallDisk):
    small_disk.fill()
    visitor = Visitor(platform)
    before = {name: pid for name, pid in platform.facts["processes"].items() if pid}
    rows = invoices(60_000)  # too many to be held in memory by a parser of forms

    dataset = visitor.upload(as_csv(rows))
    model = visitor.model("While the logs are full", parameters={"n_estimators": 20})
    assert visitor.completed(visitor.train(model, dataset["id"]))["version"] == 1
    assert (
        len(visitor.post(f"models/{model}/predict/", {"data": [without_answer(row) for row in rows[:5]]})["predictions"])
        == 5
    )
    assert {name: pid for name, pid in platform.facts["processes"].items() if pid} == before
    assert_one_story(visitor, model)
