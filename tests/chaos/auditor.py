"""The auditor: watches the rows while parts are killed, and compares rows, files and answers when all is quiet."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from tests.chaos.clients import Promises
from tests.journeys.running import RunningPlatform, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.visitor import FINAL, Visitor
from tests.journeys.witness import Row

OWNERLESS_SECONDS = 90.0
_CHAMPIONS = """
    SELECT model_id FROM registry_modelversion GROUP BY model_id
    EXCEPT
    SELECT model_id FROM registry_alias WHERE name = 'champion' AND until IS NULL GROUP BY model_id HAVING count(*) = 1
"""
_TRAINING = "SELECT id, token, lease_until FROM training_trainingcampaign WHERE status = 'training'"


@dataclass
class Findings:
    """What the auditor saw; the last two are measured, and no fault."""

    ended: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    looks: int = 0
    longest_ownerless: float = 0.0
    unlogged: int = 0
    logged: int = 0


class Watch(threading.Thread):
    """Looks at the rows about once a second: one champion a model, no training that nobody owns for long."""

    def __init__(self, running: RunningPlatform, findings: Findings, stopping: threading.Event) -> None:
        super().__init__()
        self.running, self.findings, self.stopping = running, findings, stopping
        self._ownerless: dict[str, float] = {}

    def run(self) -> None:
        """Look until told to stop; a database that is down is looked at again."""
        while not self.stopping.wait(1.0):
            try:
                self.look()
            except psycopg.OperationalError:
                continue

    def look(self) -> None:
        """Look once."""
        with self.running.witness() as witness:
            for row in witness.rows(_CHAMPIONS):
                self.findings.broken.append(f"model {row['model_id']} had versions and not one champion")
            ownerless = [row["id"] for row in witness.rows(_TRAINING) if not _is_owned(row)]
        now = time.monotonic()
        self._ownerless = {campaign: self._ownerless.get(campaign, now) for campaign in ownerless}
        longest = max((now - since for since in self._ownerless.values()), default=0.0)
        self.findings.longest_ownerless = max(self.findings.longest_ownerless, longest)
        self.findings.looks += 1


def _is_owned(campaign: Row) -> bool:
    until = campaign["lease_until"]
    if isinstance(until, str):  # SQLite keeps UTC as text
        until = datetime.fromisoformat(until).replace(tzinfo=UTC)
    return campaign["token"] is not None and until is not None and until > datetime.now(UTC)


def audit(running: RunningPlatform, promises: Promises, findings: Findings) -> None:
    """Wait until all has ended, then compare what was promised with rows, files and answers."""
    visitor = Visitor(running)
    wait_for(lambda: visitor.http.get("models/").status_code == 200, seconds=60, what="the platform to answer")
    _all_ends(visitor, promises, findings)
    for campaign in promises.campaigns:
        _campaign(visitor, campaign, findings)
    for dataset in promises.datasets:
        _dataset(visitor, dataset, findings)
    for model in promises.models:
        _model(visitor, model, promises, findings)
    _log(running, promises, findings)
    if findings.longest_ownerless > OWNERLESS_SECONDS:
        findings.broken.append(f"a campaign was in training without an owner for {findings.longest_ownerless:.0f} s")


def _all_ends(visitor: Visitor, promises: Promises, findings: Findings) -> None:
    def all_ended() -> bool:
        return all(visitor.campaign(campaign)["status"] in FINAL for campaign in promises.campaigns)

    try:
        wait_for(all_ended, seconds=180, what="every campaign to end")
    except AssertionError as error:
        findings.broken.append(str(error))


def _campaign(visitor: Visitor, campaign: str, findings: Findings) -> None:
    answer = visitor.http.get(f"campaigns/{campaign}/")
    if answer.status_code != 200:
        findings.lost.append(f"campaign {campaign}: {answer.status_code}")
        return
    shown = answer.json()
    findings.ended[shown["status"]] += 1
    if shown["status"] not in FINAL or (shown["status"] == "failed" and not shown["error"]):
        findings.lost.append(f"campaign {campaign}: {shown['status']} {shown['error']}")


def _dataset(visitor: Visitor, dataset: str, findings: Findings) -> None:
    def shown() -> dict[str, str]:
        found: dict[str, str] = visitor.get(f"datasets/{dataset}/")
        return found

    wait_for(lambda: shown()["status"] in {"ready", "refused"}, seconds=240, what="the check")
    if shown()["status"] != "ready":
        findings.lost.append(f"data set {dataset}: {shown()['problems']}")


def _model(visitor: Visitor, model: str, promises: Promises, findings: Findings) -> None:
    try:
        assert_one_story(visitor, model, may_have_orphans=True)
    except AssertionError as error:
        findings.broken.append(f"model {model}: {error}")
    with visitor.running.witness() as witness:
        rows = witness.rows("SELECT number FROM registry_modelversion WHERE model_id = ?", UUID(model).hex)
    told = {version for one, version in promises.predicted if one == model}
    if unknown := told - {row["number"] for row in rows}:
        findings.broken.append(f"model {model} answered with versions that do not exist: {unknown}")


def _log(running: RunningPlatform, promises: Promises, findings: Findings) -> None:
    with running.witness() as witness:
        kept = {row["id"] for row in witness.rows("SELECT id FROM predictions_predictionlog")}
    findings.logged = len(promises.logged & kept)
    findings.unlogged = len(promises.logged - kept)
