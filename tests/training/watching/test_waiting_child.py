"""The child that waits for the next training, and the signals that end one."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from apps.training import supervision, tasks
from tests.training.watching.children import READ_THE_JOB, SLEEP, become, run, wait_until

pytestmark = pytest.mark.django_db(transaction=True)  # a run looks whether its connection is still good


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
