"""A thousand predictions while the champion changes a hundred times: each answer is that of the version that it names."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.journeys.running import RunningPlatform, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.tables import invoices, without_answer
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_PREDICTIONS, _PROMOTIONS, _CLIENTS = 1_000, 100, 8
_ROWS = [without_answer(row) for row in invoices(4, seed=9)]
_CHAMPIONS = "SELECT count(*) AS found FROM registry_alias WHERE model_id = ? AND name = 'champion' AND until IS NULL"


def two_versions(visitor: Visitor, dataset: str) -> str:
    """Return a model with two versions that answer the same rows with different chances."""
    model = visitor.model("Changing", parameters={"n_estimators": 20})
    for seed in (1, 2):
        visitor.completed(visitor.train(model, dataset, seed=seed))
    return model


def answers_of(visitor: Visitor, model: str) -> dict[int, Any]:
    """Return what each version answers to the rows, asked while it is the champion."""
    found = {}
    for number in (2, 1):
        visitor.post(f"models/{model}/versions/{number}/promote/", {"reason": "to be asked"})
        answer = visitor.post(f"models/{model}/predict/", {"data": _ROWS})
        assert answer["version"] == number
        found[number] = answer["details"]
    assert found[1] != found[2]
    return found


class Watch(threading.Thread):
    """Counts the champions in the rows again and again."""

    def __init__(self, running: RunningPlatform, model: str) -> None:
        super().__init__()
        self.running, self.model = running, model.replace("-", "")
        self.seen: Counter[int] = Counter()
        self.stopping = threading.Event()

    def run(self) -> None:
        """Count until told to stop."""
        with self.running.witness() as witness:
            while not self.stopping.wait(0.005):
                self.seen[witness.rows(_CHAMPIONS, self.model)[0]["found"]] += 1


def test_each_of_a_thousand_predictions_names_the_version_that_made_it(
    visitor: Visitor, running: RunningPlatform, clients: str
):
    model = two_versions(visitor, clients)
    known = answers_of(visitor, model)
    left = iter(range(_PREDICTIONS))  # `next` on it is one step: clients that are quick ask more
    answers: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=visitor.http.base_url, headers=visitor.headers, timeout=60) as http:
            while next(left, None) is not None:
                answers.append(http.post(f"models/{model}/predict/", json={"data": _ROWS}))

    watch = Watch(running, model)
    watch.start()
    try:
        with ThreadPoolExecutor(_CLIENTS) as pool:
            asking = [pool.submit(ask) for _ in range(_CLIENTS)]
            for place in range(_PROMOTIONS):
                visitor.post(f"models/{model}/versions/{2 - place % 2}/promote/", {"reason": f"change {place}"})
            for one in asking:
                one.result()
    finally:
        watch.stopping.set()
        watch.join()

    assert Counter(answer.status_code for answer in answers) == {200: _PREDICTIONS}
    bodies = [answer.json() for answer in answers]
    assert [one for one in bodies if one["details"] != known[one["version"]]] == []
    assert {one["version"] for one in bodies} == {1, 2}
    assert set(watch.seen) == {1}, watch.seen
    assert_one_story(visitor, model)
    _assert_logged_as_answered(running, model, bodies)


def _assert_logged_as_answered(running: RunningPlatform, model: str, bodies: list[dict[str, Any]]) -> None:
    """Compare the version that each answer names with that of its entry in the log."""
    said = {one["prediction_ids"][0].rpartition("-")[0].replace("-", ""): one["version"] for one in bodies}

    def logged() -> dict[str, int]:
        with running.witness() as witness:
            rows = witness.rows(
                "SELECT log.id, version.number FROM predictions_predictionlog AS log "
                "JOIN registry_modelversion AS version ON version.id = log.version_id WHERE version.model_id = ?",
                model.replace("-", ""),
            )
        return {row["id"]: row["number"] for row in rows if row["id"] in said}

    found = wait_for(lambda: seen if len(seen := logged()) == len(said) else None, seconds=30, what="the log of all answers")
    assert found == said
