"""The prediction log: what was taken is written, whatever else is in the batch; what cannot be taken is said at once."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from django.conf import settings
from django.db import OperationalError, connection

from apps.core import clock
from apps.predictions import recorder as room
from apps.predictions.models import PredictionLog
from apps.predictions.recorder import Recorder
from apps.registry.models import ModelVersion
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from tests.factories import make_user
from tests.journeys.running import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(trained) -> ModelVersion:
    return ModelVersion.objects.get()


def entry(version: ModelVersion, **fields: Any) -> PredictionLog:
    defaults = {"id": uuid.uuid4(), "at": clock.now(), "row_count": 1, "rows": [{"x": 1}], "predictions": [1]}
    given = {**defaults, "milliseconds": 1.0, **fields}
    return PredictionLog(model_id=version.model_id, version_id=version.pk, **given)


@pytest.fixture
def log() -> Iterator[Recorder]:
    """Return a recorder that writes in its own thread."""
    found = Recorder()
    yield found
    found.close()


@pytest.fixture
def still() -> Recorder:
    """Return a recorder whose thread does not run, with room for two entries."""
    found = Recorder(room=2)
    found._pid = os.getpid()
    return found


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"it did not happen within {seconds} seconds"
        time.sleep(0.02)


def test_the_thread_writes_what_it_took_and_forgets_it(version, log):
    kept = [entry(version) for _ in range(5)]

    assert all(log.offer(one) for one in kept)
    wait_until(lambda: PredictionLog.objects.count() == 5)

    wait_until(lambda: log.find(kept[0].pk) is None)


def test_a_full_log_says_so_and_keeps_nothing_of_what_it_did_not_take(version, still):
    first, second, third = (entry(version) for _ in range(3))

    assert (still.offer(first), still.offer(second), still.has_room(), still.offer(third)) == (True, True, False, False)
    assert still.find(third.pk) is None
    still.flush()

    assert still.has_room()
    assert set(PredictionLog.objects.values_list("pk", flat=True)) == {first.pk, second.pk}


def test_room_is_counted_in_rows_too(version):
    found = Recorder(room_rows=10)
    found._pid = os.getpid()

    assert [found.offer(entry(version, row_count=6)) for _ in range(3)] == [True, True, False]


def test_whoever_may_wait_writes_an_entry_that_has_no_room(version, still):
    for _ in range(3):
        still.record(entry(version))

    assert PredictionLog.objects.count() == 1


class Poison:
    """No JSON, in no database."""

    def __str__(self) -> str:
        raise ValueError("this cannot be written")


def poisoned(version: ModelVersion) -> PredictionLog:
    if connection.vendor == "postgresql":
        return entry(version, rows=[{"x": "a\0b"}])
    return entry(version, rows=[{"x": Poison()}])


def test_one_bad_entry_is_set_aside_and_the_others_are_written(version, log, caplog):
    good = [entry(version) for _ in range(4)]
    bad = poisoned(version)

    for one in [*good[:2], bad, *good[2:]]:
        log.offer(one)
    log.close()

    assert set(PredictionLog.objects.values_list("pk", flat=True)) == {one.pk for one in good}
    assert log.set_aside == 1
    assert str(bad.pk) in caplog.text
    assert log.find(bad.pk) is None


def test_entries_of_a_user_who_was_deleted_meanwhile_are_written_without_one(version, log):
    user = make_user()
    theirs = entry(version, user_id=user.pk)
    user.delete()

    log.offer(entry(version))
    log.offer(theirs)
    log.close()

    assert PredictionLog.objects.count() == 2
    assert PredictionLog.objects.get(pk=theirs.pk).user_id is None
    assert log.set_aside == 0


def test_entries_wait_for_a_database_that_is_away(version, log, monkeypatch):
    away = threading.Event()
    away.set()
    insert = room._insert

    def insert_unless_away(batch: list[PredictionLog]) -> None:
        if away.is_set():
            raise OperationalError("the server closed the connection")
        insert(batch)

    monkeypatch.setattr(room, "_insert", insert_unless_away)
    monkeypatch.setattr(room, "_RETRY_SECONDS", 0.05)
    for _ in range(3):
        log.offer(entry(version))
    time.sleep(0.5)
    assert PredictionLog.objects.count() == 0

    away.clear()

    wait_until(lambda: PredictionLog.objects.count() == 3)
    assert log.set_aside == 0


def test_a_closed_log_takes_no_more(version, log):
    log.offer(entry(version))
    log.close()

    assert not log.offer(entry(version))
    log.record(entry(version))
    assert PredictionLog.objects.count() == 2


HERE = """
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
settings.ML_MODELS_DIR = {store!r}
django.setup()
from apps.predictions import recorder as room
room._PAUSE_SECONDS = 3600  # what is written is written at the end
"""


def program(rest: str) -> str:
    """Return a program that sees this test's database and files."""
    return HERE.format(name=connection.settings_dict["NAME"], store=str(settings.ML_MODELS_DIR)) + textwrap.dedent(rest)


@pytest.mark.slow
def test_a_program_that_ends_has_written_all_it_took(version):
    text = program(f"""
        import uuid
        from apps.core import clock
        for _ in range(450):
            room.recorder.offer(room.PredictionLog(
                id=uuid.uuid4(), model_id="{version.model_id}", version_id="{version.pk}", at=clock.now(), row_count=1,
                rows=[{{}}], predictions=[1], milliseconds=1.0,
            ))
    """)

    subprocess.run([sys.executable, "-c", text], check=True, env=dict(os.environ), timeout=60)

    assert PredictionLog.objects.count() == 450


@pytest.mark.slow
def test_a_web_server_that_is_told_to_stop_has_written_what_it_answered(trained, cast, tmp_path):
    model, rows = trained
    _key, clear = issue_key(user=cast.viewer, workspace=cast.acme, name="k", scope="predict", actor=SYSTEM)
    (tmp_path / "served.py").write_text(program("from mlplatform.asgi import application"))
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "served:application", "--app-dir", str(tmp_path), "--port", str(port)]
    server = subprocess.Popen(command, env=dict(os.environ))
    try:
        wait_until(lambda: answers(port), seconds=60)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/models/{model.pk}/predict/",
            data=orjson.dumps({"data": rows}),
            headers={"Authorization": f"Bearer {clear}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            first = orjson.loads(answer.read())["prediction_ids"][0]
        assert PredictionLog.objects.count() == 0
    finally:
        server.terminate()
        server.wait(timeout=30)

    assert PredictionLog.objects.get().pk.hex == first.split("-")[0]


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
