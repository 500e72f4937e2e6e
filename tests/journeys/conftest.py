"""One platform for all journeys, and somebody who uses it."""

from collections.abc import Iterator

import pytest

from tests.journeys.running import RunningPlatform
from tests.journeys.tables import as_csv, invoices
from tests.journeys.visitor import Visitor

EXTRA_ALGORITHMS = "tests.journeys.algorithms,tests.training.poison"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    platform = RunningPlatform(tmp_path_factory.mktemp("platform"), MLPLATFORM_ALGORITHM_PACKAGES=EXTRA_ALGORITHMS)
    try:
        yield platform.start()
    finally:
        platform.end()


@pytest.fixture
def visitor(running: RunningPlatform) -> Iterator[Visitor]:
    somebody = Visitor(running)
    yield somebody
    somebody.http.close()


@pytest.fixture(scope="session")
def clients(running: RunningPlatform) -> str:
    """Return the id of a data set that is ready."""
    dataset = Visitor(running).upload(as_csv(invoices()))
    assert dataset["status"] == "ready", dataset
    return str(dataset["id"])
