"""Whatever is killed in the middle of a training, it ends once, with one version, by itself."""

import signal
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
import redis

from tests.journeys.running import RunningPlatform, alive, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.tables import invoices, without_answer
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def start_patient(visitor: Visitor, dataset: str, *, seconds: float = 6.0) -> tuple[str, str]:
    """Start a training that takes a while; return its model and campaign."""
    parameters = {"seconds": seconds, "n_estimators": 20}
    model = visitor.model(f"Patient {time.time()}", algorithm="patient_forest", parameters=parameters)
    return model, visitor.train(model, dataset)


@pytest.fixture
def midway(visitor: Visitor, clients: str) -> tuple[str, str]:
    """Start a training and return its model and campaign once it fits."""
    model, campaign = start_patient(visitor, clients)
    visitor.wait_until_fitting(campaign)
    return model, campaign


def test_the_process_that_trains(visitor: Visitor, running: RunningPlatform, midway: tuple[str, str]):
    model, campaign = midway
    worker = running.process_of("training").pid

    for child in running.training_children():
        child.kill()

    ended = visitor.completed(campaign)
    assert (ended["attempt"], ended["version"]) == (2, 1)
    assert running.process_of("training").pid == worker
    assert any("killed (signal 9)" in event["message"] for event in visitor.events(campaign))
    assert_one_story(visitor, model)


def test_the_whole_training_worker(visitor: Visitor, running: RunningPlatform, midway: tuple[str, str]):
    model, campaign = midway
    children = running.training_children()

    dead = running.kill("training")

    running.wait_for_replacement("training", dead)
    wait_for(lambda: not alive(children), seconds=5, what="the children to die with their worker")
    ended = visitor.completed(campaign)
    assert (ended["attempt"], ended["version"]) == (2, 1)
    assert_one_story(visitor, model)


@pytest.mark.parametrize("role", ["web", "beat", "worker", "flower"])
def test_a_process_that_does_not_train(visitor: Visitor, running: RunningPlatform, midway: tuple[str, str], role: str):
    model, campaign = midway

    dead = running.kill(role)

    running.wait_for_replacement(role, dead)
    ended = visitor.completed(campaign)
    assert (ended["attempt"], ended["version"]) == (1, 1)
    assert_one_story(visitor, model)


def test_the_broker_with_trainings_waiting(visitor: Visitor, running: RunningPlatform, clients: str):
    started = [start_patient(visitor, clients, seconds=seconds) for seconds in (5, 0, 0)]
    visitor.wait_until_fitting(started[0][1])

    dead = running.kill("broker")

    running.wait_for_replacement("broker", dead)
    for model, campaign in started:
        ended = visitor.completed(campaign)
        assert (ended["attempt"], ended["version"]) == (1, 1)
        assert_one_story(visitor, model)


def test_a_broker_that_forgets_everything(visitor: Visitor, running: RunningPlatform, clients: str):
    started = [start_patient(visitor, clients, seconds=seconds) for seconds in (3, 0, 0)]
    visitor.wait_until_fitting(started[0][1])

    redis.Redis.from_url(running.broker_url).flushall()

    for model, campaign in started:
        assert visitor.completed(campaign)["attempt"] == 1
        assert_one_story(visitor, model)


def test_a_broker_that_is_silent_for_half_a_minute(visitor: Visitor, running: RunningPlatform, clients: str):
    model, campaign = start_patient(visitor, clients, seconds=45)
    visitor.wait_until_fitting(campaign)
    before = len(visitor.events(campaign))

    broker = running.process_of("broker")
    broker.send_signal(signal.SIGSTOP)
    quiet_until = time.monotonic() + 30
    model_meanwhile, meanwhile = start_patient(visitor, clients, seconds=0)
    wait_for(lambda: time.monotonic() > quiet_until, seconds=40, what="half a minute to pass")
    assert len(visitor.events(campaign)) > before
    if broker.is_running():
        broker.send_signal(signal.SIGCONT)

    assert visitor.completed(campaign)["attempt"] == 1
    assert visitor.completed(meanwhile)["attempt"] == 1
    assert_one_story(visitor, model, model_meanwhile)


@pytest.mark.parametrize("signums", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGQUIT)], ids=["TERM", "TERM then QUIT"])
def test_a_polite_stop_of_the_training_worker(
    visitor: Visitor, running: RunningPlatform, midway: tuple[str, str], signums: tuple[int, ...]
):
    model, campaign = midway
    worker = running.process_of("training")

    for signum in signums:
        worker.send_signal(signum)

    running.wait_for_replacement("training", worker.pid)
    ended = visitor.completed(campaign)
    assert (ended["attempt"], ended["version"]) == (2, 1)
    assert_one_story(visitor, model)


def test_predictions_go_on_while_all_but_the_web_server_is_killed(visitor: Visitor, running: RunningPlatform, clients: str):
    model = visitor.model("Serving", parameters={"n_estimators": 20})
    visitor.completed(visitor.train(model, clients))
    row = without_answer(invoices(1)[0])
    visitor.post(f"models/{model}/predict/", {"data": [row]})

    dead = {role: running.kill(role) for role in ("training", "worker", "beat", "broker")}

    for _ in range(20):
        assert visitor.post(f"models/{model}/predict/", {"data": [row]})["version"] == 1
    for role, pid in dead.items():
        running.wait_for_replacement(role, pid, seconds=90)
    assert visitor.completed(visitor.train(model, clients))["version"] == 2
    assert_one_story(visitor, model)


@pytest.fixture
def restartable(running: RunningPlatform) -> Iterator[RunningPlatform]:
    """Lend the platform to who stops it; it is up again for who comes next, whatever happened."""
    yield running
    if running.process is None or running.process.poll() is not None:
        running.end()
        running.start()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_an_interrupted_training_goes_on_at_the_next_start(
    restartable: RunningPlatform, midway: tuple[str, str], signum: int
):
    model, campaign = midway
    family = restartable.family()

    restartable.stop(signum)
    wait_for(lambda: not alive(family), seconds=10, what="every process to end")
    visitor = Visitor(restartable.start())

    ended = visitor.completed(campaign)
    assert (ended["attempt"], ended["version"]) == (2, 1)
    assert_one_story(visitor, model)


def test_a_stop_is_gentle_on_a_worker_that_was_replaced_before(restartable: RunningPlatform, clients: str):
    restartable.wait_for_replacement("training", restartable.kill("training"))
    visitor = Visitor(restartable)
    model, campaign = start_patient(visitor, clients)
    visitor.wait_until_fitting(campaign)

    assert restartable.stop() < 10
    with restartable.witness() as witness:
        query = "SELECT status, attempt, deaths FROM training_trainingcampaign WHERE id = ?"
        (row,) = witness.rows(query, UUID(campaign).hex)

    assert tuple(row.values()) == ("pending", 2, 0)
    visitor = Visitor(restartable.start())
    visitor.completed(campaign)
    assert_one_story(visitor, model)
