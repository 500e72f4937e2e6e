"""Checks of uploads: sent, claimed, held up, given back; no child outlives them and no file of others is swept."""

import os
import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from django.db import OperationalError
from django.test import override_settings
from kombu import Connection

from apps.core import clock
from apps.core.instance import MARK, adopt
from apps.datasets import lifecycle, supervision
from apps.datasets.actions import send_check
from apps.datasets.engine import check
from apps.datasets.models import DatasetVersion
from mlplatform.celery import app
from tests.datasets.test_upload_api import URL
from tests.factories import make_dataset_version

WAITING = {"status": "checking", "rows": None, "content_hash": "", "table_path": ""}


def test_the_dispatcher_gives_expired_checks_back_and_sends_late_ones(cast, monkeypatch):
    sent: list[UUID] = []
    monkeypatch.setattr(supervision, "send_check", sent.append)
    lost = make_dataset_version(cast.acme, **WAITING)
    make_dataset_version(cast.acme, **WAITING, send_again_at=clock.now() + timedelta(seconds=10))
    lifecycle.claim(lost.pk)
    DatasetVersion.objects.filter(pk=lost.pk).update(lease_until=clock.now() - timedelta(hours=1))

    supervision.dispatch_waiting()

    lost.refresh_from_db()
    assert sent == [lost.pk]
    assert (lost.token, lost.attempt) == (None, 1)


def test_a_version_that_waits_has_one_message_at_a_time_however_often_the_dispatcher_looks(cast, monkeypatch):
    sent: list[UUID] = []
    monkeypatch.setattr(supervision, "send_check", sent.append)
    version = make_dataset_version(cast.acme, **WAITING)
    now = clock.now()

    for seconds in (0, 15, 29, 31, 45):
        monkeypatch.setattr(clock, "now", lambda late=seconds: now + timedelta(seconds=late))
        supervision.dispatch_waiting()

    assert sent == [version.pk] * 2


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """Put Celery on a broker in memory; return a connection to it."""
    monkeypatch.setattr(app.conf, "broker_write_url", "memory://")
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("celery")  # what another test sent to this process's memory
        yield connection


def test_the_message_of_a_check_is_void_when_the_next_one_is_sent(broker):
    began = datetime.now(UTC)

    send_check(UUID(int=7))

    message = app.amqp.queues["celery"](broker.default_channel).get(no_ack=True)
    assert str(UUID(int=7)) in message.headers["argsrepr"]
    void = datetime.fromisoformat(message.headers["expires"])
    assert timedelta(0) < void - began - lifecycle.PATIENCE < timedelta(seconds=5)


def test_the_sweep_removes_old_files_that_no_row_names(cast, tmp_path: Path):
    kept, orphan, fresh = (tmp_path / "uploads" / name for name in ("kept", "orphan", "fresh"))
    kept.parent.mkdir()
    for path in (kept, orphan, fresh):
        path.write_bytes(b"x")
    for path in (kept, orphan):
        os.utime(path, (1, 1))
    make_dataset_version(cast.acme, upload_path="uploads/kept")
    adopt(tmp_path)

    with override_settings(DATASETS_DIR=tmp_path):
        supervision.sweep_files()

    assert sorted(p.name for p in kept.parent.iterdir()) == ["fresh", "kept"]


def test_the_sweep_leaves_the_files_of_another_database_alone(cast, tmp_path: Path, caplog):
    file = tmp_path / "uploads" / "theirs"
    file.parent.mkdir()
    file.write_bytes(b"x")
    os.utime(file, (1, 1))
    (tmp_path / MARK).write_text("another\n")

    with override_settings(DATASETS_DIR=tmp_path):
        supervision.sweep_files()

    assert file.exists()
    assert "belongs to another" in caplog.text


def test_a_child_that_dies_gives_the_check_back_in_words(cast):
    version = make_dataset_version(cast.acme, **WAITING, attempt=2)
    token = lifecycle.claim(version.pk)

    with override_settings(UPLOAD_CHECK_SECONDS=60):
        supervision.check_in_child(version.pk, token)  # its database is not this transaction: the child finds no row

    version.refresh_from_db()
    assert version.status == "refused"
    assert "exit code 1" in version.problems[0]["detail"]


@pytest.fixture
def waiting(cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetVersion]:
    """Return a version whose file is 2 MiB that do not compress."""
    monkeypatch.setenv("DATASETS_DIR", str(tmp_path))
    (tmp_path / "uploads").mkdir()
    rows = b"a,b\n" + b"".join(b"%s,%d\n" % (os.urandom(32).hex().encode(), n) for n in range(40_000))
    (tmp_path / "uploads" / "big").write_bytes(rows)
    with override_settings(DATASETS_DIR=tmp_path):
        yield make_dataset_version(cast.acme, **WAITING, columns=[], upload_path="uploads/big")


def test_a_full_disk_holds_a_check_up_and_costs_it_no_attempt(waiting, tmp_path: Path, api, cast):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for _ in range(2 * lifecycle.MOST_ATTEMPTS):
        token = lifecycle.claim(waiting.pk)
        assert token is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024**2, before[1]))  # a write beyond it fails, as on a full disk
        try:
            check(waiting.pk, token)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempt, waiting.token) == ("checking", 0, None)
    shown = api(cast.viewer).get(f"{URL}{waiting.dataset_id}/").json()
    assert "disk is full" in shown["held_up_by"]
    assert list((tmp_path / "incoming").iterdir()) == []
    assert lifecycle.take_unsent(10) == []  # it rests for a while
    check(waiting.pk, lifecycle.claim(waiting.pk))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.rows, waiting.held_up_by) == ("ready", 40_000, "")


@pytest.mark.slow
def test_a_child_that_cannot_reach_its_database_costs_no_attempt(waiting, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")

    supervision.check_in_child(waiting.pk, lifecycle.claim(waiting.pk))

    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempt, waiting.token) == ("checking", 0, None)
    assert "database" in waiting.held_up_by


@pytest.fixture
def slow_child(waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the upload a pipe that nobody writes to: the child waits for ever."""
    (tmp_path / "uploads" / "big").unlink()
    os.mkfifo(tmp_path / "uploads" / "big")
    monkeypatch.setattr(supervision, "_RENEW_SECONDS", 0.2)


def children() -> list[str]:
    return [child.name() for child in psutil.Process().children() if "apps.datasets.checking" in child.cmdline()]


@pytest.mark.django_db(transaction=True)
def test_no_child_outlives_a_supervision_that_fails(waiting, slow_child, monkeypatch: pytest.MonkeyPatch):
    def fails(*_given: object) -> bool:
        raise RuntimeError("no more")

    monkeypatch.setattr(lifecycle, "renew", fails)

    with pytest.raises(RuntimeError, match="no more"):
        supervision.check_in_child(waiting.pk, lifecycle.claim(waiting.pk))

    assert children() == []


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_is_lost_or_may_be_ends_the_child_and_writes_nothing(
    waiting, slow_child, monkeypatch: pytest.MonkeyPatch
):
    for renew in (lambda *_: False, _no_database):
        token = lifecycle.claim(waiting.pk)
        monkeypatch.setattr(lifecycle, "renew", renew)
        monkeypatch.setattr(supervision, "LEASE", timedelta(seconds=1))

        supervision.check_in_child(waiting.pk, token)

        waiting.refresh_from_db()
        assert (waiting.status, waiting.token, children()) == ("checking", token, [])
        DatasetVersion.objects.filter(pk=waiting.pk).update(token=None)


def _no_database(*_given: object) -> bool:
    raise OperationalError("gone")


@pytest.mark.django_db(transaction=True)
def test_a_check_that_takes_too_long_says_so(waiting, slow_child):
    DatasetVersion.objects.filter(pk=waiting.pk).update(attempt=2)

    with override_settings(UPLOAD_CHECK_SECONDS=0):
        supervision.check_in_child(waiting.pk, lifecycle.claim(waiting.pk))

    waiting.refresh_from_db()
    assert waiting.status == "refused"
    assert "more than 0 minutes" in waiting.problems[0]["detail"]
    assert children() == []
