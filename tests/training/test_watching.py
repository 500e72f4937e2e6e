"""The supervisor with a child that is a real process but learns nothing: how it ends, is ended, and what is told of it."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from django.db import OperationalError, connection

from apps.core import clock
from apps.core.processes import identity
from apps.training import lifecycle, supervision, tasks
from apps.training.models import TrainingCampaign
from apps.training.staging import staging_folder
from tests.factories import make_campaign, make_model, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)  # a run looks whether its connection is still good
READ_THE_JOB = "import json, os, signal, sys, time; job = json.loads(sys.stdin.readline());"
SLEEP = f"{READ_THE_JOB} time.sleep(60)"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[None]:
    """Look often, be patient for a moment only, and leave no child."""
    settings.ML_MODELS_DIR = tmp_path
    for name in ("_TICK_SECONDS", "_RENEW_SECONDS", "_LOOK_SECONDS"):
        monkeypatch.setattr(supervision, name, 0.02)
    monkeypatch.setattr(supervision, "_STOP_SECONDS", 0.5)
    monkeypatch.setattr(supervision, "_SHUTDOWN_PATIENCE", 0.05)
    yield
    supervision.shutting_down.clear()
    supervision.spares.dismiss()


@pytest.fixture
def campaign() -> TrainingCampaign:
    return make_campaign(make_model(make_workspace()))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Note the children that are started."""
    children: list[subprocess.Popen[bytes]] = []
    real = supervision.start_child

    def start() -> subprocess.Popen[bytes]:
        children.append(real())
        return children[-1]

    monkeypatch.setattr(supervision, "start_child", start)
    return children


def become(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have the children do this instead of a training; they are started, led and ended as ever."""

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", code]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)

    monkeypatch.setattr(supervision, "start_child", start)


def run(campaign: TrainingCampaign) -> TrainingCampaign:
    assert supervision.run(campaign.pk) is True
    campaign.refresh_from_db()
    return campaign


def claimed(campaign: TrainingCampaign) -> lifecycle.Claim:
    claim = lifecycle.claim(campaign.pk, identity())
    assert claim is not None
    return claim


def last_message(campaign: TrainingCampaign) -> str:
    return campaign.events.order_by("-seq")[0].message


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("sys.exit(0)", "ended without a result"),
        ("sys.exit(7)", "exit code 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed (signal 9), maybe because the machine ran out of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed (signal 11, SIGSEGV)"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "crashed (signal 15, SIGTERM)"),
    ],
)
def test_a_death_is_counted_and_told_and_the_campaign_waits_again(end, words, campaign, monkeypatch):
    become(monkeypatch, f"{READ_THE_JOB} {end}")

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths, campaign.token) == ("pending", 2, 1, None)
    assert words in last_message(campaign)


@pytest.mark.parametrize(("code", "words"), [(-40, "signal 40, unknown"), (-1, "signal 1, SIGHUP"), (1, "exit code 1,")])
def test_a_death_is_told_by_number_and_by_name_where_it_has_one(code, words):
    assert words in supervision.death_words(code)


def test_the_memory_limit_fails_the_campaign_at_once(campaign, monkeypatch, settings):
    settings.TRAINING_MEMORY_BYTES = 3 * 1024**3
    become(monkeypatch, f"{READ_THE_JOB} sys.exit({supervision.EXIT_MEMORY})")

    run(campaign)

    assert (campaign.status, campaign.deaths) == ("failed", 0)
    assert "memory limit of 3 GiB" in campaign.error


def test_a_child_that_lost_its_lease_changes_nothing(campaign, monkeypatch):
    become(monkeypatch, f"{READ_THE_JOB} sys.exit({supervision.EXIT_LEASE_LOST})")

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("training", 1, 0)
    assert campaign.token is not None


def test_a_child_that_dies_before_it_is_given_its_job_is_a_death(campaign, monkeypatch, caplog):
    become(monkeypatch, "raise SystemExit(3)")
    real = supervision.start_child

    def start_dead() -> subprocess.Popen[bytes]:
        child = real()
        child.wait()
        return child

    monkeypatch.setattr(supervision, "start_child", start_dead)

    run(campaign)

    assert (campaign.status, campaign.deaths) == ("pending", 1)
    assert "died before it began" in caplog.text


def test_the_child_is_given_its_claim(campaign, monkeypatch, tmp_path):
    become(monkeypatch, f"{READ_THE_JOB} open({str(tmp_path / 'job')!r}, 'w').write(' '.join(map(str, job.values())))")
    TrainingCampaign.objects.filter(pk=campaign.pk).update(attempt=4)
    tokens: list[uuid.UUID] = []
    monkeypatch.setattr(supervision, "_settle", lambda claim, _code, _verdict: tokens.append(claim.token))

    run(campaign)

    assert (tmp_path / "job").read_text() == f"{campaign.pk} {tokens[0]} 4"
    assert campaign.owner == identity()


def test_a_training_over_its_time_is_ended_and_told(campaign, monkeypatch, settings):
    settings.TRAINING_TIME_SECONDS = 0.1
    become(monkeypatch, SLEEP)

    run(campaign)

    assert campaign.status == "failed"
    assert "0.1 seconds allowed" in campaign.error


def when_training(campaign: TrainingCampaign, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Do a deed when the supervisor has handed the job over."""
    real = supervision._hand_over

    def hand_over(child: Any, claim: lifecycle.Claim) -> Any:
        real(child, claim)
        deed()
        return child

    monkeypatch.setattr(supervision, "_hand_over", hand_over)


def test_a_cancelled_training_is_ended_and_cancelled(campaign, monkeypatch):
    become(monkeypatch, SLEEP)
    when_training(campaign, monkeypatch, lambda: lifecycle.request_cancel(campaign.pk))

    run(campaign)

    assert (campaign.status, campaign.token, campaign.error) == ("cancelled", None, "")


def test_a_worker_that_goes_down_gives_its_training_back_uncounted(campaign, monkeypatch, settings):
    settings.TRAINING_KEEP_SPARE = True
    become(monkeypatch, SLEEP)
    when_training(campaign, monkeypatch, tasks._give_back)

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 0)
    assert "worker was stopped" in last_message(campaign)
    assert supervision.spares.waiting is None


def test_a_child_that_a_service_manager_stops_a_moment_before_its_worker_is_no_death(campaign, monkeypatch):
    monkeypatch.setattr(supervision, "_SHUTDOWN_PATIENCE", 10)
    become(monkeypatch, f"{READ_THE_JOB} os.kill(os.getpid(), signal.SIGTERM)")
    real = supervision._settle

    def settle(*args: Any) -> None:
        threading.Timer(0.05, supervision.shutting_down.set).start()
        real(*args)

    monkeypatch.setattr(supervision, "_settle", settle)

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 0)


def test_a_training_whose_lease_was_taken_is_ended_and_left_to_the_other(campaign, monkeypatch):
    become(monkeypatch, SLEEP)
    other = uuid.uuid4()
    when_training(campaign, monkeypatch, lambda: TrainingCampaign.objects.update(token=other))

    run(campaign)

    assert (campaign.status, campaign.token, campaign.attempt) == ("training", other, 1)


@pytest.mark.parametrize("end", ["signal.SIG_DFL", "lambda *_: sys.exit(0)"])
def test_a_training_whose_lease_ran_out_while_the_database_was_away_is_left_to_the_reaper(
    end, campaign, monkeypatch, settings
):
    settings.TRAINING_LEASE_SECONDS = 0.3
    become(monkeypatch, f"{READ_THE_JOB} signal.signal(signal.SIGTERM, {end}); time.sleep(60)")
    monkeypatch.setattr(lifecycle, "renew", gone)

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("training", 1, 0)


def gone(*_given: Any) -> bool:
    raise OperationalError("gone")


def test_a_campaign_that_was_deleted_meanwhile_ends_its_child(campaign, monkeypatch):
    become(monkeypatch, SLEEP)
    when_training(campaign, monkeypatch, TrainingCampaign.objects.all().delete)

    assert supervision.run(campaign.pk) is True


def test_nothing_of_a_child_that_hears_nothing_survives(campaign, monkeypatch, settings, tmp_path):
    settings.TRAINING_TIME_SECONDS = 1
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); child = os.fork();"
    note = f"open({str(tmp_path)!r} + '/' + ('parent' if child else 'child'), 'w').write(str(os.getpid()));"
    become(monkeypatch, f"{READ_THE_JOB} {deaf} {note} time.sleep(60)")

    run(campaign)

    assert "1 seconds allowed" in campaign.error
    processes = [int((tmp_path / name).read_text()) for name in ("parent", "child")]
    wait_until(lambda: not any(_is_alive(pid) for pid in processes))


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_child_that_hears_has_time_to_tidy_up(campaign, monkeypatch, settings, tmp_path):
    settings.TRAINING_TIME_SECONDS = 1
    monkeypatch.setattr(supervision, "_STOP_SECONDS", 30)
    tidy = f"signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), open({str(tmp_path / 'tidy')!r}, 'w'), sys.exit()));"
    become(monkeypatch, f"{READ_THE_JOB} {tidy} time.sleep(60)")

    run(campaign)

    assert (tmp_path / "tidy").exists()


def folder_of(campaign: TrainingCampaign, attempt: int) -> Path:
    model = campaign.model
    folder = staging_folder(workspace_id=model.workspace_id, model_id=model.pk, campaign_id=campaign.pk, attempt=attempt)
    folder.mkdir(parents=True)
    return folder


def test_a_run_begins_without_what_others_left_and_takes_its_own_away(campaign, monkeypatch):
    left = folder_of(campaign, 0)
    made: list[Path] = []

    def work_beside_a_newer_attempt() -> None:
        assert not left.exists()
        made.extend(folder_of(campaign, attempt) for attempt in (1, 2))

    become(monkeypatch, f"{READ_THE_JOB} sys.exit(1)")
    when_training(campaign, monkeypatch, work_beside_a_newer_attempt)

    run(campaign)

    assert [folder.exists() for folder in made] == [False, True]


@pytest.mark.parametrize("reason", ["ended", "going down"])
def test_nothing_is_started_for_what_is_not_to_be_had(reason, campaign, started):
    if reason == "ended":
        lifecycle.request_cancel(campaign.pk)
    else:
        supervision.shutting_down.set()
    before = TrainingCampaign.objects.values().get()

    assert supervision.run(campaign.pk) is False

    assert started == []
    assert TrainingCampaign.objects.values().get() == before


# what a watch looks at, and when


@pytest.fixture
def watch(campaign: TrainingCampaign, monkeypatch: pytest.MonkeyPatch) -> supervision._Watch:
    monkeypatch.setattr(supervision, "_RENEW_SECONDS", 5.0)
    monkeypatch.setattr(supervision, "_LOOK_SECONDS", 1.0)
    return supervision._Watch(claimed(campaign), began=0.0, renewed=0.0, looked=0.0)


def lease_of(campaign: TrainingCampaign) -> Any:
    return TrainingCampaign.objects.get(pk=campaign.pk).lease_until


def test_a_lease_is_renewed_when_it_is_time_and_not_before(watch, campaign):
    soon = clock.now() + timedelta(seconds=1)
    seen = []
    for now in (5.0, 5.1, 10.1, 10.2):
        TrainingCampaign.objects.update(lease_until=soon)
        assert watch.reason_to_end(now) is None
        seen.append(lease_of(campaign) != soon)

    assert seen == [False, True, False, True]


def test_a_cancel_is_looked_for_when_it_is_time_and_not_before(watch, campaign):
    assert watch.reason_to_end(1.1) is None
    lifecycle.request_cancel(campaign.pk)

    assert [watch.reason_to_end(now) for now in (2.1, 2.2)] == [None, "cancel"]


def test_the_time_of_a_training_is_over_when_it_is_over(watch, settings):
    settings.TRAINING_TIME_SECONDS = 100

    assert [watch.reason_to_end(now) for now in (100.0, 100.1)] == [None, "time"]


def test_a_database_that_is_away_ends_a_training_only_when_its_lease_is_over(watch, monkeypatch, settings):
    settings.TRAINING_LEASE_SECONDS = 30
    monkeypatch.setattr(lifecycle, "renew", gone)

    assert [watch.reason_to_end(now) for now in (6.0, 30.0, 30.1)] == [None, None, "lost"]


def test_a_lease_that_another_run_took_is_lost(watch):
    TrainingCampaign.objects.update(token=uuid.uuid4())

    assert watch.reason_to_end(5.1) == "lost"


def break_the_connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Leave a connection as a database that was restarted leaves it; return it."""
    monkeypatch.setattr(connection, "errors_occurred", True)
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    return connection.connection


def test_a_connection_that_broke_during_a_training_is_given_up(watch, monkeypatch):
    broken = break_the_connection(monkeypatch)
    monkeypatch.setattr(lifecycle, "renew", gone)

    assert watch.reason_to_end(6.0) is None

    assert connection.connection is not broken


def test_a_connection_that_broke_before_a_training_is_given_up(campaign, monkeypatch):
    lifecycle.request_cancel(campaign.pk)
    broken = break_the_connection(monkeypatch)

    assert supervision.run(campaign.pk) is False

    assert connection.connection is not broken


# children that wait


def test_a_child_leads_a_session_with_the_threads_it_may_use(settings, monkeypatch):
    settings.TRAINING_THREADS = 3
    monkeypatch.setenv("MLPLATFORM_MARK", "kept")
    child = supervision.start_child()
    try:
        wait_until(lambda: "apps.training.child" in psutil.Process(child.pid).cmdline())
        process = psutil.Process(child.pid)
        environment = process.environ()

        assert os.getsid(child.pid) == child.pid
        assert {environment[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")} == {"3"}
        assert (environment["OMP_WAIT_POLICY"], environment["MLPLATFORM_MARK"]) == ("PASSIVE", "kept")
        assert Path(process.cwd()) == Path(settings.BASE_DIR)
    finally:
        supervision._stop(child)


def test_one_child_waits_is_taken_once_and_replaced(settings, monkeypatch):
    settings.TRAINING_KEEP_SPARE = True
    become(monkeypatch, SLEEP)
    supervision.spares.refill()
    warm = supervision.spares.waiting
    supervision.spares.refill()
    assert supervision.spares.waiting is warm

    taken = supervision.spares.take()
    cold = supervision.spares.take()

    assert taken is warm
    assert cold is not warm
    assert supervision.spares.waiting is None
    for child in (taken, cold):
        supervision._stop(child)
        assert child.returncode == -signal.SIGTERM


def test_a_child_that_died_while_it_waited_is_not_used(settings, monkeypatch):
    settings.TRAINING_KEEP_SPARE = True
    become(monkeypatch, SLEEP)
    supervision.spares.refill()
    dead = supervision.spares.waiting
    assert dead is not None
    dead.kill()
    dead.wait()

    live = supervision.spares.take()

    assert live is not dead
    assert live.poll() is None
    supervision._stop(live)


def test_the_child_that_waits_is_dismissed(settings, monkeypatch):
    settings.TRAINING_KEEP_SPARE = True
    become(monkeypatch, SLEEP)
    supervision.spares.refill()
    spare = supervision.spares.waiting
    assert spare is not None

    supervision.spares.dismiss()

    assert spare.returncode == -signal.SIGKILL
    assert supervision.spares.waiting is None


@pytest.mark.parametrize("reason", ["none is wanted", "going down"])
def test_no_child_waits_where(reason, settings, started):
    settings.TRAINING_KEEP_SPARE = reason != "none is wanted"
    if reason == "going down":
        supervision.shutting_down.set()

    supervision.spares.refill()

    assert (started, supervision.spares.waiting) == ([], None)


def test_a_run_leaves_a_child_waiting_for_the_next(campaign, settings, monkeypatch):
    settings.TRAINING_KEEP_SPARE = True
    become(monkeypatch, f"{READ_THE_JOB} sys.exit(1)")

    run(campaign)

    assert supervision.spares.waiting is not None
    assert supervision.spares.waiting.poll() is None


# signals of the worker


@pytest.fixture
def handlers() -> Iterator[list[int]]:
    """Put handlers of our own where a worker has its own; return the numbers they were called with."""
    called: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGQUIT, signal.SIGINT)}
    signal.signal(signal.SIGQUIT, lambda number, _frame: called.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield called
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGINT])
def test_a_signal_ends_the_running_child_and_reaches_who_heard_it_before(number, handlers):
    supervision.heed_signals()

    os.kill(os.getpid(), number)

    assert supervision.shutting_down.is_set()
    assert handlers == ([number] if number == signal.SIGQUIT else [])


def test_only_the_main_thread_hears_signals(handlers):
    before = signal.getsignal(signal.SIGQUIT)
    thread = threading.Thread(target=supervision.heed_signals)
    thread.start()
    thread.join()

    assert signal.getsignal(signal.SIGQUIT) is before


@pytest.mark.parametrize(("queues", "is_ours"), [({"ml_training": 1, "celery": 1}, True), ({"celery": 1}, False)])
def test_a_worker_of_the_training_queue_gets_ready_and_no_other(queues, is_ours, handlers, settings, monkeypatch):
    settings.TRAINING_KEEP_SPARE = True
    become(monkeypatch, SLEEP)
    before = signal.getsignal(signal.SIGQUIT)
    worker = SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=queues))))

    tasks._get_ready(sender=worker)

    assert (supervision.spares.waiting is not None) == is_ours
    assert (signal.getsignal(signal.SIGQUIT) is not before) == is_ours
