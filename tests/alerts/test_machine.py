"""A full disk, a dead worker and a dead beat are told, once they have lasted, by whoever is still alive."""

import importlib
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User

from apps.alerts import machine, sending, tasks
from apps.alerts.actions import acknowledge
from apps.alerts.models import Alert, MachineWatch
from apps.core import health
from apps.workspaces.access import SYSTEM
from tests.alerts.test_outbox import Clock, now  # noqa: F401  (a fixture)


class Machine:
    """What the probes say."""

    free, missing, beat_away = 10 * 1024**3, (), timedelta(seconds=5)


@pytest.fixture
def probes(monkeypatch, now) -> Machine:  # noqa: F811
    found = Machine()
    monkeypatch.setattr(machine, "least_free", lambda: found.free)
    monkeypatch.setattr(machine, "unserved_queues", lambda: list(found.missing))
    monkeypatch.setattr(machine, "beat_seen_at", lambda: now.at - found.beat_away)
    return found


def look(now: Clock, **passing) -> None:  # noqa: F811
    now.pass_by(**passing)
    machine.look_if_due()


def test_a_fault_that_lasts_is_told_to_who_asked_for_it_and_to_operators(cast, channel_to, receiver, probes, now):  # noqa: F811
    channel_to("slack", receiver.url(), kinds=["disk"])
    User.objects.filter(pk=cast.stranger.pk).update(is_staff=True)
    probes.free = 300 * 1024**2
    look(now)
    assert not Alert.objects.exists(), "it may be over at once"
    look(now, seconds=60)
    look(now, seconds=60)
    sending.dispatch()

    alerts = {alert.workspace: alert for alert in Alert.objects.all()}
    assert set(alerts) == {cast.acme, cast.rival}
    assert {(alert.kind, alert.severity, alert.count) for alert in alerts.values()} == {("disk", "critical", 1)}
    assert "300 MiB are free" in alerts[cast.acme].sentence
    assert len(receiver.posts) == 1


def test_nobody_asked_and_nobody_is_told(cast, channel_to, receiver, probes, now):  # noqa: F811
    channel_to("slack", receiver.url(), kinds=["drift"])
    probes.free = 0
    for _ in range(4):
        look(now, seconds=60)

    assert not Alert.objects.exists()


def test_a_dead_worker_and_a_dead_beat_are_two_alerts_which_end_by_themselves(cast, channel_to, receiver, probes, now):  # noqa: F811
    channel_to("slack", receiver.url())
    probes.missing, probes.beat_away = ("ml_training",), timedelta(minutes=5)
    for _ in range(5):
        look(now, seconds=60)
    sending.dispatch()
    assert {alert.key: alert.ended_at for alert in Alert.objects.all()} == {"machine:workers": None, "machine:beat": None}
    assert len(receiver.posts) == 2
    assert "ml_training" in "".join(got.body.decode() for got in receiver.posts)

    probes.missing, probes.beat_away = (), timedelta(seconds=5)
    look(now, seconds=60)

    assert not Alert.objects.filter(ended_at=None).exists()
    assert MachineWatch.objects.get().suspects == {}


def test_it_is_told_again_after_hours_unless_somebody_sees_to_it(cast, channel_to, receiver, probes, now):  # noqa: F811
    channel_to("slack", receiver.url())
    probes.free = 0
    for _ in range(31):
        look(now, minutes=30)
    sending.dispatch()
    assert Alert.objects.get().count == 15
    acknowledge(alert=Alert.objects.get(), actor=SYSTEM)
    before = len(receiver.posts)
    for _ in range(31):
        look(now, minutes=30)
    sending.dispatch()

    assert before >= 1
    assert len(receiver.posts) == before
    assert Alert.objects.count() == 1


def test_only_one_looks_at_a_time(probes, now, db, monkeypatch):  # noqa: F811
    assert machine.look_if_due()
    assert not machine.look_if_due()
    now.pass_by(seconds=60)
    assert machine.look_if_due()
    now.pass_by(seconds=60)
    stale = MachineWatch.objects.get()
    MachineWatch.objects.update(looked_at=now.at)  # another was quicker, after this one had looked at the row
    monkeypatch.setattr(MachineWatch.objects, "get_or_create", lambda **_more: (stale, False))

    assert not machine.look_if_due()


def test_who_stands_by_does_nothing_while_others_do_their_work(cast, channel_to, receiver, probes, now):  # noqa: F811
    channel_to("slack", receiver.url())
    machine.look_if_due()
    machine.raise_alert(workspace_id=cast.acme.pk, kind="disk", key="k", title="Full.")
    now.pass_by(seconds=50)

    machine.stand_in()

    assert receiver.posts == []
    assert MachineWatch.objects.get().looked_at == now.at - timedelta(seconds=50)


def test_what_nobody_sends_is_sent_by_who_stands_by(cast, channel_to, receiver, probes, now):  # noqa: F811
    channel_to("slack", receiver.url())
    machine.look_if_due()
    machine.raise_alert(workspace_id=cast.acme.pk, kind="disk", key="k", title="Full.")
    now.pass_by(seconds=61)

    machine.stand_in()

    assert len(receiver.posts) == 1


def test_where_beat_and_the_sending_worker_are_dead_who_stands_by_tells_of_it(cast, channel_to, receiver, probes, now):  # noqa: F811
    channel_to("slack", receiver.url())
    machine.look_if_due()
    probes.missing, probes.beat_away = ("ml_stats",), timedelta(minutes=5)
    for _ in range(9):
        now.pass_by(seconds=30)
        machine.stand_in()

    assert {alert.key for alert in Alert.objects.all()} == {"machine:workers", "machine:beat"}
    assert len(receiver.posts) == 2


def test_a_broker_that_is_away_is_no_dead_worker(probes, now, db, monkeypatch):  # noqa: F811
    monkeypatch.setattr(machine, "unserved_queues", lambda: None)

    assert [fault.key for fault in machine.faults(now.at)] == []


def test_the_probes_ask_the_real_machine(db, settings, tmp_path):
    settings.ML_MODELS_DIR = settings.DATASETS_DIR = tmp_path

    assert health.least_free() > 0
    assert health.unserved_queues() in (None, [settings.TRAINING_QUEUE, settings.TRIALS_QUEUE, *settings.OTHER_QUEUES])
    assert health.beat_seen_at() is None


@pytest.mark.parametrize(("pool", "stands_by"), [("celery.concurrency.prefork", False), ("celery.concurrency.thread", True)])
def test_only_workers_that_fork_nothing_stand_by(pool, stands_by, monkeypatch):
    began = []
    monkeypatch.setattr(machine, "stand_by", lambda: began.append(1))
    kind = importlib.import_module(pool).TaskPool

    tasks._stand_by(sender=SimpleNamespace(pool=object.__new__(kind)))

    assert bool(began) == stands_by


def test_who_stands_by_goes_on_after_a_fault(monkeypatch, db, caplog):
    tried = threading.Event()
    monkeypatch.setattr(machine, "_TICK_SECONDS", 0.01)
    asked = []

    def fail() -> None:
        asked.append(1)
        if len(asked) > 2:
            tried.set()
            threading.Event().wait()
        raise OSError("the database is away")

    monkeypatch.setattr(machine, "stand_in", fail)
    machine.stand_by()

    assert tried.wait(5)
    assert "Nobody looked at the machine" in caplog.text
