"""One run: a platform, clients, a killer, an auditor."""

import platform as machine
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.chaos.auditor import Findings, Watch, audit
from tests.chaos.clients import Client, Promises, keep_predicting, keep_promoting, keep_training, keep_uploading, prepare
from tests.chaos.killer import Killer
from tests.journeys.conftest import EXTRA_ALGORITHMS
from tests.journeys.running import RunningPlatform, new_database
from tests.postgres import PrivatePostgres

_WAITING_AT_ONCE = 6


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
    """What was done, and what was found."""

    plan: Plan
    database: str
    kills: Counter[str] = field(default_factory=Counter)
    promises: Promises = field(default_factory=Promises)
    findings: Findings = field(default_factory=Findings)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, damaged or answered wrongly."""
        return not (self.findings.lost or self.findings.broken or self.promises.faults)

    def lines(self) -> list[str]:
        """Return the report, a fact a line."""
        promises, found = self.promises, self.findings
        broker = "without AOF" if self.plan.forgetful_broker else "with AOF"
        return [
            (
                f"{datetime.now(UTC):%Y-%m-%d}, seed {self.plan.seed}, {self.database}, Redis {broker}, {self.seconds:.0f} s, "
                f"{machine.system()} {machine.machine()}, Python {machine.python_version()}"
            ),
            f"kills: {sum(self.kills.values())} ({', '.join(f'{name} {count}' for name, count in sorted(self.kills.items()))})",
            f"campaigns promised: {len(promises.campaigns)}, ended: {dict(found.ended)}",
            f"data sets promised: {len(promises.datasets)}",
            f"predictions answered: {sum(promises.predicted.values())}; in the log: {found.logged}, not: {found.unlogged}",
            f"looks at the rows: {found.looks}; longest training without an owner: {found.longest_ownerless:.0f} s",
            f"answers: {dict(sorted(promises.answers.items()))}",
            f"lost: {found.lost or 0}",
            f"broken promises: {found.broken or 0}",
            f"faults told to clients: {promises.faults or 0}",
        ]


def chaos(folder: Path, plan: Plan, postgres: PrivatePostgres | None = None) -> Report:
    """Run the plan; the report is clean or says what is not."""
    extra = {"MLPLATFORM_ALGORITHM_PACKAGES": EXTRA_ALGORITHMS, "TRAINING_MAX_ATTEMPTS": "6"}
    if postgres is not None:
        extra["DATABASE_URL"] = new_database(postgres.url)
    if plan.forgetful_broker:
        extra["MLPLATFORM_BROKER_AOF"] = "no"
    report, began = Report(plan, "PostgreSQL" if postgres else "SQLite"), time.monotonic()
    running = RunningPlatform(folder / "platform", **extra)
    try:
        running.start()
        _work_and_kill(running, report, postgres)
        audit(running, report.promises, report.findings)
    finally:
        running.end()
    report.seconds = time.monotonic() - began
    return report


def _work_and_kill(running: RunningPlatform, report: Report, postgres: PrivatePostgres | None) -> None:
    plan, promises, stopping = report.plan, report.promises, threading.Event()

    def client(place: int) -> Client:
        return Client(running, promises, plan.seed * 100 + place, stopping)

    dataset = prepare(client(0))
    train = partial(keep_training, dataset=dataset, wanted=plan.campaigns, at_once=_WAITING_AT_ONCE)
    trainer = threading.Thread(target=_work, args=(train, client(1)))
    others = [
        threading.Thread(target=_work, args=(job, client(place)))
        for place, job in enumerate((keep_predicting, keep_promoting, keep_uploading), start=2)
    ]
    killer = Killer(running, plan.seed, plan.pause, stopping, postgres, done=report.kills)
    executioner = threading.Thread(target=killer.run, args=(plan.kills,))
    watch = Watch(running, report.findings, stopping)
    threads = [trainer, executioner, watch, *others]
    for thread in threads:
        thread.start()
    try:
        trainer.join()
        executioner.join()
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _work(job: Callable[[Client], None], client: Client) -> None:
    try:
        job(client)
    except AssertionError as error:
        client.promises.faults.append(str(error))
    finally:
        client.http.close()
