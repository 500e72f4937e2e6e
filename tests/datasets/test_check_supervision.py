"""The supervisor of a check with a child that reads nothing: leases, the end it tells, and a database that is away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from apps.core import clock
from apps.datasets import lifecycle, supervision
from apps.datasets.models import DatasetVersion
from tests.factories import make_dataset_version, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_RENEW_SECONDS", 0.05)
    monkeypatch.setattr(supervision, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
def version() -> DatasetVersion:
    return make_dataset_version(make_workspace(), status="checking", rows=None, content_hash="", table_path="")


@pytest.fixture
def token(version: DatasetVersion) -> Any:
    return lifecycle.claim(version.pk)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Return a child that ends with code 3 after a fifth of a second."""
    code = "import sys, time; time.sleep(0.2); sys.exit(3)"
    started = subprocess.Popen([sys.executable, "-I", "-S", "-c", code])
    yield started
    started.kill()
    started.wait()


def gone(*_given: Any) -> bool:
    raise OperationalError("gone")


def test_a_lease_is_renewed_as_long_as_the_child_works(version, token, child):
    soon = clock.now() + timedelta(seconds=1)
    DatasetVersion.objects.update(lease_until=soon)

    assert supervision._wait(child, version.pk, token) == 3

    version.refresh_from_db()
    assert version.lease_until > soon


def test_a_child_is_waited_for_while_the_database_is_away_for_a_moment(version, token, child, monkeypatch, caplog):
    monkeypatch.setattr(lifecycle, "renew", gone)

    assert supervision._wait(child, version.pk, token) == 3

    assert "is not renewed: gone" in caplog.text


def test_a_check_that_could_not_reach_its_database_waits_and_says_so(version, token):
    supervision._tell(os.EX_TEMPFAIL, version.pk, token)

    version.refresh_from_db()
    assert (version.status, version.token, version.attempt) == ("checking", None, 0)
    assert "read as soon as it can be" in version.held_up_by


@pytest.mark.parametrize("code", [0, None])
def test_of_a_check_that_told_its_end_itself_or_is_not_ours_nothing_is_told(code, version, token):
    before = DatasetVersion.objects.values().get()

    supervision._tell(code, version.pk, token)

    assert DatasetVersion.objects.values().get() == before


@pytest.mark.parametrize(("code", "words"), [(-9, "signal 9"), (1, "exit code 1")])
def test_a_third_death_is_told_in_words(code, words, version, token):
    DatasetVersion.objects.update(attempt=lifecycle.MOST_ATTEMPTS)

    supervision._tell(code, version.pk, token)

    version.refresh_from_db()
    assert version.status == "refused"
    assert words in version.problems[0]["detail"]


def test_an_end_is_written_when_the_database_is_back():
    tried: list[float] = []

    def write() -> None:
        tried.append(time.monotonic())
        if len(tried) < 3:
            raise OperationalError("gone")

    supervision._insist(write)

    assert len(tried) == 3


def test_a_database_that_stays_away_is_left_to_the_lease(monkeypatch):
    monkeypatch.setattr(supervision, "LEASE", timedelta(seconds=0.05))

    with pytest.raises(OperationalError, match="gone"):
        supervision._insist(gone)
