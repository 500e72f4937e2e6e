"""A search with real workers: trials side by side as tasks, and whatever is killed in its midst, it ends once."""

import time

import psutil
import pytest

from tests.journeys.running import RunningPlatform, alive, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OPEN = {"waiting", "running"}


def start_search(visitor: Visitor, dataset: str, **search: object) -> tuple[str, str]:
    """Start a search over gradient boosting; return its model and campaign."""
    parameters = {"n_estimators": 40}
    model = visitor.model(f"Searched {time.time()}", algorithm="gradient_boosting", parameters=parameters)
    return model, visitor.train(model, dataset, search={"seconds": 120, "trials": 4, **search})


def trials_of(visitor: Visitor, campaign: str) -> list[dict]:
    return list(visitor.get(f"campaigns/{campaign}/trials/", params={"page_size": 200})["results"])


def wait_for_trials(visitor: Visitor, campaign: str, *, ended: int) -> list[dict]:
    """Wait until so many trials have ended and others run."""

    def under_way() -> list[dict]:
        found = trials_of(visitor, campaign)
        done = [trial for trial in found if trial["status"] not in OPEN]
        running = [trial for trial in found if trial["status"] == "running"]
        return found if len(done) >= ended and running else []

    return wait_for(under_way, seconds=90, what=f"{ended} trials to end")


def test_the_best_of_the_trials_answers(visitor: Visitor, clients: str):
    model, campaign = start_search(visitor, clients)

    ended = visitor.completed(campaign)

    trials = trials_of(visitor, campaign)
    done = [trial for trial in trials if trial["status"] == "completed"]
    assert len([trial for trial in trials if trial["status"] != "cancelled"]) == 4
    assert ended["parameters"] == done[0]["parameters"]
    assert [trial["score"] for trial in done] == sorted(trial["score"] for trial in done)  # log loss
    assert len({trial["started_at"] for trial in trials}) == len(trials)
    assert ended["search"]["spent_seconds"] <= ended["search"]["seconds"]
    assert visitor.post(f"models/{model}/predict/", {"data": [{"amount": 1200}]}, 200, 422)
    assert_one_story(visitor, model)


def test_the_process_that_conducts_it(visitor: Visitor, running: RunningPlatform, clients: str):
    model, campaign = start_search(visitor, clients)
    before = wait_for_trials(visitor, campaign, ended=2)

    for child in running.training_children():
        child.kill()

    ended = visitor.completed(campaign)
    assert ended["attempt"] == 2
    after = {trial["number"]: trial for trial in trials_of(visitor, campaign)}
    for trial in before:
        if trial["status"] == "completed":
            assert after[trial["number"]]["score"] == trial["score"]
    assert not [trial for trial in after.values() if trial["status"] in OPEN]
    assert_one_story(visitor, model)


def test_a_process_in_the_midst_of_a_trial(visitor: Visitor, running: RunningPlatform, clients: str):
    model, campaign = start_search(visitor, clients)
    wait_for_trials(visitor, campaign, ended=1)
    worker = running.process_of("trials")

    busy = max(worker.children(), key=lambda process: sum(process.cpu_times()[:2]))
    busy.kill()

    visitor.completed(campaign)
    assert running.process_of("trials").pid == worker.pid
    wait_for(lambda: len(alive(worker.children())) >= 2, seconds=30, what="another process in its place")
    assert not [trial for trial in trials_of(visitor, campaign) if trial["status"] in OPEN]
    assert_one_story(visitor, model)


def test_the_whole_worker_of_the_trials(visitor: Visitor, running: RunningPlatform, clients: str):
    model, campaign = start_search(visitor, clients)
    wait_for_trials(visitor, campaign, ended=1)
    children = running.process_of("trials").children()

    dead = running.kill("trials")

    running.wait_for_replacement("trials", dead)
    wait_for(lambda: not alive(children), seconds=10, what="the processes of the trials to end with their worker")
    visitor.completed(campaign)
    assert_one_story(visitor, model)


def test_cancelling_it_ends_its_trials(visitor: Visitor, running: RunningPlatform, clients: str):
    _, campaign = start_search(visitor, clients)
    wait_for_trials(visitor, campaign, ended=1)

    visitor.post(f"campaigns/{campaign}/cancel/")

    assert visitor.wait_until_ended(campaign, seconds=30)["status"] == "cancelled"
    assert not [trial for trial in trials_of(visitor, campaign) if trial["status"] in OPEN]

    def idle() -> bool:
        below = running.process_of("trials").children()
        before = sum(sum(process.cpu_times()[:2]) for process in below)
        psutil.cpu_percent(interval=1.0)
        return sum(sum(process.cpu_times()[:2]) for process in below) - before < 0.3

    wait_for(idle, seconds=30, what="the trials to stop")
    later = visitor.post(
        f"models/{visitor.campaign(campaign)['model']}/train/",
        {"dataset": clients, "search": {"seconds": 120, "trials": 3, "continues": campaign}},
        202,
    )
    assert visitor.completed(later["id"])["version"] == 1
