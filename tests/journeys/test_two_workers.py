"""Two training workers, and a broker that hands the same message out again and again."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from celery import Celery

from tests.journeys.conftest import EXTRA_ALGORITHMS
from tests.journeys.running import ROOT, RunningPlatform, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.tables import as_csv, invoices
from tests.journeys.test_kills import start_patient
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """Run a platform with a second training worker, and messages that are taken for lost after five seconds."""
    hasty = {"MLPLATFORM_ALGORITHM_PACKAGES": EXTRA_ALGORITHMS, "BROKER_VISIBILITY_SECONDS": "5"}
    running = RunningPlatform(tmp_path_factory.mktemp("own"), **hasty)
    second = None
    try:
        running.start()
        command = [sys.executable, "-m", "celery", "-A", "mlplatform", "worker", "-Q", "ml_training", "-n", "second@%h"]
        environment = {**running.environment, "REDIS_URL": running.broker_url}
        second = subprocess.Popen(
            [*command, "--pool=threads", "-c", "1"], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        control = Celery(broker=running.broker_url, set_as_current=False).control
        wait_for(lambda: "second@" in str(control.ping(timeout=1)), seconds=60, what="the second worker")
        yield running
    finally:
        if second is not None:
            second.kill()
            second.wait()
        running.end()


def test_one_owner_runs_a_training_and_the_others_leave_it_alone(doubled: RunningPlatform):
    visitor = Visitor(doubled)
    dataset = visitor.upload(as_csv(invoices()))["id"]
    model, campaign = start_patient(visitor, dataset, seconds=20)
    sender = Celery(broker=doubled.broker_url, set_as_current=False)
    for _ in range(6):
        sender.send_task("training.run_campaign", args=[campaign], queue="ml_training")
        time.sleep(2)

    ended = visitor.completed(campaign)

    starts = [event for event in visitor.events(campaign) if event["stage"] == "starting"]
    assert (ended["attempt"], ended["version"], len(starts)) == (1, 1, 1)
    assert_one_story(visitor, model)


def test_two_trainings_run_side_by_side(doubled: RunningPlatform):
    visitor = Visitor(doubled)
    dataset = visitor.upload(as_csv(invoices()))["id"]
    started = [start_patient(visitor, dataset, seconds=12) for _ in range(2)]
    for _, campaign in started:
        visitor.wait_until_fitting(campaign)

    assert {visitor.campaign(campaign)["status"] for _, campaign in started} == {"training"}

    for model, campaign in started:
        assert visitor.completed(campaign)["attempt"] == 1
        assert_one_story(visitor, model)
