"""PostgreSQL stops in the middle of a training: clients are told to wait, and nothing else needs a restart."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.journeys.conftest import EXTRA_ALGORITHMS
from tests.journeys.running import RunningPlatform, new_database
from tests.journeys.story import assert_one_story
from tests.journeys.tables import as_csv, invoices, without_answer
from tests.journeys.test_kills import start_patient
from tests.journeys.visitor import Visitor
from tests.postgres import PrivatePostgres, binaries, private_postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed"),
]
_AWAY_SECONDS = 8


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    with private_postgres("-c", "max_connections=100") as own:
        yield own


@pytest.fixture(scope="module")
def own(server: PrivatePostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """Run one platform on that server for both ends that it comes to."""
    extra = {"MLPLATFORM_ALGORITHM_PACKAGES": EXTRA_ALGORITHMS, "DATABASE_URL": new_database(server.url)}
    platform = RunningPlatform(tmp_path_factory.mktemp("own"), **extra)
    try:
        yield platform.start()
    finally:
        platform.end()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_a_training_goes_on_and_clients_hear_503(server: PrivatePostgres, own: RunningPlatform, signum: int):
    visitor = Visitor(own)
    dataset = visitor.upload(as_csv(invoices()))["id"]
    ready, first = start_patient(visitor, dataset, seconds=0)
    visitor.completed(first)
    rows = [without_answer(row) for row in invoices(2)]
    visitor.post(f"models/{ready}/predict/", {"data": rows})
    model, campaign = start_patient(visitor, dataset, seconds=25)
    visitor.wait_until_fitting(campaign)
    pids = own.facts["processes"]

    server.stop(signum)
    told = {visitor.http.get("models/").status_code for _ in range(5)}
    predicted = visitor.http.post(f"models/{ready}/predict/", json={"data": rows}).status_code
    time.sleep(_AWAY_SECONDS)
    server.start()

    assert told == {503}
    assert predicted in {200, 503}
    ended = visitor.completed(campaign)
    assert (ended["attempt"], ended["version"]) == (1, 1)
    assert visitor.upload(as_csv(invoices(100, seed=4)))["status"] == "ready"
    assert own.facts["processes"] == pids, "a process had to be started again"
    assert_one_story(visitor, ready, model)
