"""What the platform runs on, seen through a real broker, with and without a worker."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import redis
from django.conf import settings as django_settings
from django_celery_beat.models import PeriodicTask

from apps.core import clock, health, system
from apps.core.figures import of_queues, of_schedule
from mlplatform.celery import app
from mlplatform.schedule import upsert_schedule
from tests.journeys.running import ROOT, free_port, wait_for


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    if server is None:
        pytest.skip("Redis is needed")
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--maxmemory", "64mb"]
    process = subprocess.Popen([server, *options, "--maxmemory-policy", "noeviction"], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port), seconds=20, what="Redis")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return bool(redis.Redis(port=port).ping())
    except redis.ConnectionError:
        return False


@pytest.fixture
def on_broker(broker: str) -> Iterator[str]:
    """Let this process send to the broker, which is empty."""
    before = app.conf.broker_url, app.conf.broker_write_url
    app.conf.broker_url = app.conf.broker_write_url = broker
    redis.Redis.from_url(broker).flushall()
    yield broker
    app.conf.broker_url, app.conf.broker_write_url = before


def of(name: str) -> system.Queue:
    return next(queue for queue in system.queues() if queue.name == name)


def test_a_queue_has_its_depth_and_the_age_of_what_waits_longest(on_broker, monkeypatch):
    now = time.time()
    with app.connection_for_write(on_broker) as connection:
        for age in (600, 5):
            monkeypatch.setattr("mlplatform.celery.time.time", lambda age=age: now - age)
            app.send_task("registry.sweep_orphans", connection=connection)
    monkeypatch.undo()

    assert of("ml_stats").depth == 2
    assert 600 <= of("ml_stats").oldest_seconds < 660
    assert of("celery") == system.Queue("celery", 0, None)
    told = {sample.labels.get("queue"): sample.value for sample in next(iter(of_queues())).samples}
    assert told["ml_stats"] == 2


def test_a_message_that_is_none_of_ours_has_no_age(on_broker):
    redis.Redis.from_url(on_broker).lpush("celery", b"\xff not json")

    assert of("celery") == system.Queue("celery", 1, None)


def test_the_broker_says_how_much_it_holds(on_broker):
    found = system.broker()

    assert found is not None
    assert (found.policy, found.limit_bytes) == ("noeviction", 64 * 1024**2)
    assert 0 < found.memory_bytes < found.limit_bytes


def test_without_a_broker_nothing_is_known_of_it_and_that_at_once():
    app.conf.broker_url = app.conf.broker_url or "redis://127.0.0.1:6379/0"
    began = time.monotonic()

    assert {queue.depth for queue in system.queues()} == {None}
    assert system.broker() is None
    assert system.workers() == ()
    assert time.monotonic() - began < 5


def test_a_broker_that_goes_away_while_it_is_used_is_away_and_no_fault_of_ours(on_broker, monkeypatch):
    def gone(*_args: object, **_more: object) -> None:
        raise redis.ConnectionError("Connection closed by server.")

    monkeypatch.setattr(app.control, "broadcast", gone)  # as a connection of the pool says it, not as a new one

    assert system.workers() == ()
    assert not health.check_workers().is_well


LOOK = """
import json
import django
django.setup()
import mlplatform.celery
from apps.core import system
print(json.dumps([(worker.name, worker.pid, worker.queues) for worker in system.workers()]))
"""


@pytest.mark.slow
def test_a_worker_that_lives_is_seen_with_its_queues_and_its_process(on_broker, tmp_path):
    told = {"REDIS_URL": on_broker, "DJANGO_SETTINGS_MODULE": "mlplatform.settings.test", "LOG_FORMAT": "json"}
    environment = {**os.environ, **told}
    command = [
        "-m",
        "celery",
        "-A",
        "mlplatform",
        "worker",
        "-Q",
        "ml_stats,celery",
        "--pool=solo",
        "-n",
        "one@here",
        "-l",
        "INFO",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: b" ready." in (tmp_path / "log").read_bytes(), seconds=90, what="the worker")
        look = [sys.executable, "-c", LOOK]
        said = subprocess.run(look, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    finally:
        process.terminate()
        process.wait(timeout=30)

    assert json.loads(said.stdout) == [["one@here", process.pid, ["celery", "ml_stats"]]]
    lines = (tmp_path / "log").read_text().splitlines()
    assert any('"message": "one@here ready."' in line for line in lines if line.startswith("{"))


@pytest.fixture
def declared(db: None) -> None:
    upsert_schedule()


def test_each_periodic_task_has_its_last_and_its_next_run(declared):
    now = clock.now()
    PeriodicTask.objects.filter(task="training.dispatch_pending").update(last_run_at=now - timedelta(seconds=4))
    PeriodicTask.objects.filter(task="datasets.sweep_uploads").update(enabled=False)

    tasks = {task.name: task for task in system.schedule()}

    assert len(tasks) == len(django_settings.PERIODIC_TASKS)
    soon = tasks["training: send again what the broker lost"].next_run
    assert timedelta(seconds=4) < soon - now < timedelta(seconds=8)
    nightly = tasks["monitoring: drift of every model"].next_run
    assert timedelta(0) < nightly - now <= timedelta(hours=25)
    assert nightly.astimezone(ZoneInfo("Europe/Paris")).strftime("%H:%M") == "03:00"
    assert tasks["datasets: sweep interrupted uploads"].next_run is None
    told = list(of_schedule())
    assert [sample.labels["task"] for sample in told[0].samples] == ["training: send again what the broker lost"]
    assert told[1].samples[0].value == pytest.approx((now - timedelta(seconds=4)).timestamp(), abs=1)


def test_disks_and_the_database_have_their_sizes(db, settings, tmp_path):
    settings.ML_MODELS_DIR = tmp_path / "not" / "there"

    found = {disk.of: disk for disk in system.disks()}

    assert found["models"].total_bytes == shutil.disk_usage(tmp_path).total
    assert 0 <= found["datasets"].used_share <= 1
    assert system.database_bytes() > 100_000
    assert system.versions()["django"].startswith("5.")
    assert Path(ROOT).exists()
