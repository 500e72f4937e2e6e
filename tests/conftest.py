"""Fixtures that every folder of tests shares."""

import os

# Tests run side by side: threads that spin, or wait for one another, make a boosting of one second take a minute.
os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "100", "OPENBLAS_NUM_THREADS": "1"}

from collections.abc import Callable, Iterator

import pytest
import pytest_django
from django.contrib.auth.models import User
from django.db import connection
from django.utils import translation
from rest_framework.test import APIClient

from apps.predictions.recorder import recorder
from apps.workspaces import audit_lock
from tests.cast import Cast, make_cast

_SPREAD = 0.7  # of the files: those that take longest are begun while there is still much to do beside them


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """Return a maker of API clients, signed in by session when given a user."""

    def client_for(user: User | None = None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_login(user)
        return client

    return client_for


@pytest.fixture(autouse=True, scope="session")
def _write_the_prediction_log_only_when_told() -> None:
    """Keep the log's thread from writing into a test's transaction; tests call `recorder.flush()`."""
    recorder._pid = os.getpid()


@pytest.fixture(autouse=True)
def _leave_nothing_behind_in_this_process() -> Iterator[None]:
    """Undo what a page in another language has switched on, and drop predictions that no test has asked to be written."""
    yield
    translation.deactivate()
    while left := recorder._take():
        recorder._forget(left)


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix() -> None:
    """Leave the database's name as the settings have it: each of several runners has a folder of its own."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """Let tests empty their tables; `test_audit_lock` brings the lock back for itself."""
    with django_db_blocker.unblock():
        audit_lock.remove(connection)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that wait for processes evenly among the first of the others: no runner is left with them at the end."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    slow = [file for file, held in files.items() if any(item.get_closest_marker("slow") for item in held)]
    quick = [file for file in files if file not in slow]
    place = {file: at for at, file in enumerate(quick)}
    place |= {file: _SPREAD * at * len(quick) / max(1, len(slow)) for at, file in enumerate(slow)}
    items[:] = [item for file in sorted(files, key=lambda file: (place[file], file)) for item in files[file]]
