"""One run: a platform, clients, a killer, an auditor."""

import platform as machine
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.clients import Client, Promises, keep_predicting, keep_promoting, keep_training, keep_uploading, prepare
from tests.chaos.killer import Killer
from tests.journeys.conftest import EXTRA_ALGORITHMS
from tests.journeys.running import RunningPlatform, new_database, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.visitor import FINAL, Visitor
from tests.postgres import PrivatePostgres

_WAITING_AT_ONCE = 6
_OWNERLESS_SECONDS = 90.0


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    seed: int
    kills: int
    campaigns: int
    pause: tuple[float, float]
    forgetful_broker: bool = False


@dataclass
class Report:
    """What was done, and what was found afterwards."""

    plan: Plan
    kills: Counter[str]
    promises: Promises
    seconds: float
    ended: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, damaged or answered wrongly."""
        return not (self.lost or self.broken or self.promises.faults)

    def lines(self) -> list[str]:
        """Return the report, a fact a line."""
        cpu = f"{machine.system()} {machine.machine()}, Python {machine.python_version()}"
        return [
            f"{datetime.now(UTC):%Y-%m-%d}, seed {self.plan.seed}, {cpu}, {self.seconds:.0f} s",
            f"kills: {sum(self.kills.values())} ({', '.join(f'{name} {count}' for name, count in sorted(self.kills.items()))})",
            f"campaigns promised: {len(self.promises.campaigns)}, ended: {dict(self.ended)}",
            f"data sets promised: {len(self.promises.datasets)}; predictions: {sum(self.promises.predicted.values())}",
            f"answers: {dict(sorted(self.promises.answers.items()))}",
            f"lost: {self.lost or 0}",
            f"broken promises: {self.broken or 0}",
            f"faults told to clients: {self.promises.faults or 0}",
        ]


def chaos(folder: Path, plan: Plan, postgres: PrivatePostgres | None = None) -> Report:
    """Run the plan; the report is clean or says what is not."""
    extra = {"MLPLATFORM_ALGORITHM_PACKAGES": EXTRA_ALGORITHMS, "TRAINING_MAX_ATTEMPTS": "6"}
    if postgres is not None:
        extra["DATABASE_URL"] = new_database(postgres.url)
    if plan.forgetful_broker:
        extra["MLPLATFORM_BROKER_AOF"] = "no"
    running = RunningPlatform(folder / "platform", **extra)
    promises, stopping, began = Promises(), threading.Event(), time.monotonic()
    try:
        running.start()
        dataset = prepare(Client(running, promises, plan.seed, stopping))
        killer = Killer(running, plan.seed, plan.pause, stopping, postgres)
        jobs = [
            lambda client: keep_training(client, dataset, plan.campaigns, _WAITING_AT_ONCE),
            keep_predicting, keep_promoting, keep_uploading,
        ]  # fmt: skip
        people = [
            threading.Thread(target=_work, args=(job, Client(running, promises, plan.seed + place, stopping), promises))
            for place, job in enumerate(jobs, start=1)
        ]
        executioner = threading.Thread(target=killer.run, args=(plan.kills,))
        for thread in (*people, executioner):
            thread.start()
        people[0].join()
        executioner.join()
        stopping.set()
        for thread in people:
            thread.join()
        report = Report(plan, killer.done, promises, 0.0)
        _audit(running, report)
        report.seconds = time.monotonic() - began
        return report
    finally:
        stopping.set()
        running.end()


def _work(job: object, client: Client, promises: Promises) -> None:
    try:
        job(client)  # type: ignore[operator]  # one of four callables
    except AssertionError as error:
        promises.faults.append(str(error))
    finally:
        client.http.close()


def _audit(running: RunningPlatform, report: Report) -> None:
    promises, visitor = report.promises, Visitor(running)
    wait_for(lambda: visitor.http.get("models/").status_code == 200, seconds=60, what="the platform to answer")
    _nobody_trains_without_an_owner(running, report)

    def all_ended() -> bool:
        shown = {campaign: visitor.campaign(campaign)["status"] for campaign in promises.campaigns}
        return all(status in FINAL for status in shown.values())

    try:
        wait_for(all_ended, seconds=60 + 10 * _WAITING_AT_ONCE, what="every campaign to end")
    except AssertionError as error:
        report.broken.append(str(error))
    for campaign in promises.campaigns:
        answer = visitor.http.get(f"campaigns/{campaign}/")
        if answer.status_code != 200:
            report.lost.append(f"campaign {campaign}: {answer.status_code}")
            continue
        shown = answer.json()
        report.ended[shown["status"]] += 1
        if shown["status"] not in FINAL or (shown["status"] == "failed" and not shown["error"]):
            report.lost.append(f"campaign {campaign}: {shown['status']} {shown['error']}")
    for dataset in promises.datasets:
        wait_for(lambda one=dataset: visitor.get(f"datasets/{one}/")["status"] != "checking", seconds=90, what="the check")
        if visitor.get(f"datasets/{dataset}/")["status"] != "ready":
            report.lost.append(f"data set {dataset}: {visitor.get(f'datasets/{dataset}/')['problems']}")
    for model in promises.models:
        try:
            assert_one_story(visitor, model)
        except AssertionError as error:
            report.broken.append(f"model {model}: {error}")
        known = {version["version"] for version in _versions(visitor, model)}
        told = {version for one, version in promises.predicted if one == model}
        if told - known:
            report.broken.append(f"model {model} answered with versions that do not exist: {told - known}")


def _versions(visitor: Visitor, model: str) -> list[dict[str, int]]:
    found: list[dict[str, int]] = []
    page: str | None = f"models/{model}/versions/?page_size=200"
    while page:
        answer = visitor.get(page)
        found += answer["results"]
        page = answer["next"]
    return found


def _nobody_trains_without_an_owner(running: RunningPlatform, report: Report) -> None:
    until = time.monotonic() + _OWNERLESS_SECONDS
    query = "SELECT id FROM training_trainingcampaign WHERE status = 'training' AND (token IS NULL OR lease_until IS NULL)"
    while time.monotonic() < until:
        with running.witness() as witness:
            if not witness.rows(query):
                return
        time.sleep(1.0)
    report.broken.append(f"a campaign is in training without an owner after {_OWNERLESS_SECONDS:.0f} s")
