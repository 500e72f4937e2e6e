"""The short form of `make chaos`: two minutes of kills, nothing lost."""

from pathlib import Path

import pytest

from tests.chaos.run import Plan, chaos
from tests.postgres import binaries, private_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_nothing_is_lost_or_doubled_while_parts_are_killed(tmp_path: Path):
    report = chaos(tmp_path, Plan(seed=7, kills=12, campaigns=12, pause=(4.0, 8.0)))

    assert report.is_clean, "\n".join(report.lines())
    assert sum(report.kills.values()) == 12
    assert len(report.promises.campaigns) == 12
    assert report.promises.predicted


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_nothing_is_lost_when_the_database_crashes_and_the_broker_forgets(tmp_path: Path):
    with private_postgres("-c", "max_connections=150") as server:
        plan = Plan(seed=11, kills=8, campaigns=8, pause=(4.0, 8.0), forgetful_broker=True)
        report = chaos(tmp_path, plan, server)

    assert report.is_clean, "\n".join(report.lines())
    assert report.kills["postgres: crash"]
