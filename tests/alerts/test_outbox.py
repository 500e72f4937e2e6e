"""The outbox: written with the work, sent once at least under one id, grouped, kept quiet, and within a budget."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction

from apps.alerts import lifecycle, sending
from apps.alerts.actions import acknowledge, change_channel, end_alerts, raise_alert, sweep, try_channel
from apps.alerts.messages import message_of
from apps.alerts.models import Alert, Delivery
from apps.core import clock
from apps.core.errors import Throttled
from apps.workspaces.access import SYSTEM, Actor

NOON = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)  # noon in Paris


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **time_) -> None:
        self.at += timedelta(**time_)


@pytest.fixture
def now(monkeypatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(clock, "now", found)
    return found


def fail_training(cast, key="training_failed:m", **more):
    given = {"kind": "training_failed", "title": "The training of m failed.", **more}
    return raise_alert(workspace_id=cast.acme.pk, key=key, **given)


def test_an_alert_of_work_that_is_undone_was_never_raised(cast, channel_to, receiver):
    channel_to("slack", receiver.url())

    with transaction.atomic():
        fail_training(cast)
        transaction.set_rollback(True)
    sending.dispatch()

    assert not Alert.objects.exists()
    assert not Delivery.objects.exists()
    assert receiver.posts == []


def test_it_is_sent_right_after_the_commit_where_the_broker_answers(
    cast, channel_to, receiver, django_capture_on_commit_callbacks, monkeypatch
):
    from apps.alerts import tasks

    sent = []
    monkeypatch.setattr(tasks.deliver, "apply_async", lambda args, **_more: sent.append(args))
    channel_to("slack", receiver.url())

    with django_capture_on_commit_callbacks(execute=True):
        fail_training(cast)
        assert sent == []

    assert sent == [(str(Delivery.objects.get().pk),)]
    tasks.deliver(*sent[0])
    tasks.deliver(*sent[0])
    tasks.dispatch()
    assert len(receiver.posts) == 1


def test_only_channels_that_take_it_are_told(cast, channel_to, receiver):
    channel_to("slack", receiver.url("/all"))
    channel_to("slack", receiver.url("/drift"), kinds=["drift"])
    channel_to("slack", receiver.url("/critical"), least_severity="critical")
    channel_to("slack", receiver.url("/off"), enabled=False)
    fail_training(cast)
    raise_alert(workspace_id=cast.rival.pk, kind="drift", key="d", title="Theirs.")

    sending.dispatch()

    assert [got.path for got in receiver.posts] == ["/all"]


def test_the_same_is_counted_and_told_again_after_a_while_only(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url())
    for _ in range(3):
        alert = fail_training(cast, sentence="anew")
        sending.dispatch()
        now.pass_by(hours=1)
    assert (alert.count, alert.sentence, len(receiver.posts)) == (3, "anew", 1)

    now.pass_by(hours=3)
    fail_training(cast)
    sending.dispatch()

    assert Alert.objects.get().count == 4
    assert len(receiver.posts) == 2
    assert "It happened 4 times" in receiver.posts[1].body.decode()


def test_after_it_was_acknowledged_the_next_is_told_at_once(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url())
    first = fail_training(cast)
    acknowledge(alert=first, actor=Actor(cast.annotator.pk))
    acknowledge(alert=first, actor=Actor(cast.owner.pk))
    first.refresh_from_db()
    assert first.acknowledged_by == cast.annotator

    second = fail_training(cast)
    sending.dispatch()

    assert second.pk != first.pk
    assert len(receiver.posts) == 2


def test_what_lasts_is_not_told_again_once_acknowledged_until_it_has_ended(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url())
    full = {"kind": "disk", "key": "machine:disk", "title": "Full.", "is_lasting": True}
    first = fail_training(cast, **full)
    acknowledge(alert=first, actor=SYSTEM)
    now.pass_by(days=2)
    assert fail_training(cast, **full).pk == first.pk
    sending.dispatch()
    assert len(receiver.posts) == 1

    assert end_alerts(keys=["machine:disk"]) == 1
    assert fail_training(cast, **full).pk != first.pk
    sending.dispatch()

    assert len(receiver.posts) == 2


def test_a_failure_is_tried_again_ever_later_under_the_same_id_then_given_up(cast, channel_to, receiver, now):
    channel_to("webhook", receiver.url())
    receiver.statuses = [503]
    fail_training(cast)
    waits = []
    for _ in range(lifecycle.MOST_ATTEMPTS):
        sending.dispatch()
        delivery = Delivery.objects.get()
        waits.append((delivery.next_at - now.at).total_seconds())
        now.at = max(now.at, delivery.next_at)
    sending.dispatch()

    assert (delivery.status, delivery.attempt) == ("failed", lifecycle.MOST_ATTEMPTS)
    assert delivery.error == "The server refused it with status 503. It was tried 8 times."
    assert len(receiver.posts) == lifecycle.MOST_ATTEMPTS
    assert len({got.headers["webhook-id"] for got in receiver.posts}) == 1
    assert len({got.body for got in receiver.posts}) == 1
    wanted = [10, 30, 90, 270, 810, 2_430, 7_200]
    assert all(0.8 * want <= wait <= 1.2 * want for wait, want in zip(waits, wanted, strict=False)), waits


def test_no_two_messages_wait_alike():
    assert len({lifecycle.pause_after(3) for _ in range(5)}) == 5


def test_a_server_that_asks_to_wait_is_given_its_time(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url())
    receiver.statuses, receiver.headers = [429, 200], {"Retry-After": "600"}
    fail_training(cast)

    sending.dispatch()

    assert Delivery.objects.get().next_at == now.at + timedelta(seconds=600)


def test_what_died_between_claim_and_answer_is_sent_again_under_the_same_id(cast, channel_to, receiver, now):
    channel_to("webhook", receiver.url())
    fail_training(cast)
    dead = lifecycle.claim(Delivery.objects.get().pk, message_of)
    sending.dispatch()
    assert receiver.posts == []
    fail_training(cast, title="Changed meanwhile.")

    now.pass_by(seconds=61)
    sending.dispatch()

    (got,) = receiver.posts
    assert got.headers["webhook-id"] == f"msg_{dead.delivery.pk.hex}"
    assert got.json["data"]["title"] == "The training of m failed."
    assert (Delivery.objects.get().status, Delivery.objects.get().attempt) == ("sent", 2)
    assert not lifecycle.sent(dead)
    assert not lifecycle.fail(dead, "late")
    assert Delivery.objects.get().status == "sent"


SENDS = """
import django, sys
django.setup()
from apps.alerts import sending
sending.dispatch()
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_while_it_sends_leaves_a_message_that_is_sent_again(cast, channel_to, receiver):
    channel_to("webhook", receiver.url())
    fail_training(cast)
    receiver.gate.clear()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mlplatform.settings.test",
        "OUTBOUND_ALLOW_HOSTS": f"127.0.0.1:{receiver.port}",
    }
    child = subprocess.Popen([sys.executable, "-c", SENDS], env=environment, cwd=Path(__file__).resolve().parents[2])
    try:
        assert receiver.arrived.wait(60)
    finally:
        child.kill()
        child.wait()
    receiver.gate.set()
    assert Delivery.objects.get().status == "sending"
    Delivery.objects.update(lease_until=clock.now() - timedelta(seconds=1))

    sending.dispatch()

    first, second = receiver.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert (Delivery.objects.get().status, Delivery.objects.get().attempt) == ("sent", 2)


def test_what_dies_each_time_is_given_up(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url())
    fail_training(cast)
    for _ in range(lifecycle.MOST_ATTEMPTS):
        assert lifecycle.claim(Delivery.objects.get().pk, message_of) is not None
        now.pass_by(seconds=61)
        lifecycle.take_back_expired()

    assert Delivery.objects.get().status == "failed"
    assert "died 8 times" in Delivery.objects.get().error


def test_a_row_without_a_lease_is_taken_back_too(cast, channel_to, receiver):
    channel_to("slack", receiver.url())
    fail_training(cast)
    Delivery.objects.update(status="sending", lease_until=None)

    sending.dispatch()

    assert len(receiver.posts) == 1


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_at_once_send_once(cast, channel_to, receiver):
    channel_to("slack", receiver.url())
    for number in range(6):
        fail_training(cast, key=f"k{number}")
    gate = threading.Barrier(3)

    def dispatch() -> None:
        gate.wait(10)
        try:
            sending.dispatch()
        finally:
            connection.close()

    threads = [threading.Thread(target=dispatch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(receiver.posts) == 6
    assert set(Delivery.objects.values_list("status", "attempt")) == {("sent", 1)}


@pytest.mark.django_db(transaction=True)
def test_two_that_raise_the_same_at_once_make_one_alert(cast, channel_to, receiver):
    channel_to("slack", receiver.url())
    gate = threading.Barrier(4)

    def fail() -> None:
        gate.wait(10)
        try:
            fail_training(cast)
        finally:
            connection.close()

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Alert.objects.get().count == 4
    assert Delivery.objects.count() == 1


def test_a_channel_that_fails_holds_up_no_other(cast, channel_to, receiver):
    channel_to("slack", receiver.url("/a"))
    channel_to("teams", receiver.url("/b"))
    receiver.statuses = [500, 200]
    for number in range(3):
        fail_training(cast, key=f"k{number}")

    sending.dispatch()

    failed, *others = [got.path for got in receiver.posts]
    assert others == [{"/a": "/b", "/b": "/a"}[failed]] * 3


def test_a_channel_with_a_long_queue_leaves_the_others_their_turn(cast, channel_to, receiver, monkeypatch):
    monkeypatch.setattr(sending, "_AT_ONCE", 2)
    slack = channel_to("slack", receiver.url("/a"))
    for number in range(3):
        fail_training(cast, key=f"old{number}")
    channel_to("teams", receiver.url("/b"))
    fail_training(cast, key="new")
    receiver.statuses = [500]

    sending.dispatch()

    assert Delivery.objects.filter(channel=slack).count() == 4
    assert "/b" in [got.path for got in receiver.posts]


NIGHT = {"quiet_from": time(22), "quiet_until": time(7), "time_zone": "Europe/Paris"}


def test_what_happens_at_night_is_told_in_the_morning_once(cast, channel_to, receiver, now):
    channel = channel_to("slack", receiver.url(), **NIGHT)
    now.at = datetime(2026, 6, 10, 21, 0, tzinfo=UTC)  # 23:00
    for _ in range(3):
        fail_training(cast)
        sending.dispatch()
        now.pass_by(hours=2)
    assert receiver.posts == []
    assert Delivery.objects.get().next_at == datetime(2026, 6, 11, 5, 0, tzinfo=UTC)
    try_channel(channel=channel, actor=SYSTEM)
    sending.dispatch()
    assert len(receiver.posts) == 1, "a test is sent at night too"

    now.at = datetime(2026, 6, 11, 5, 0, tzinfo=UTC)
    sending.dispatch()

    assert len(receiver.posts) == 2
    assert "It happened 3 times" in receiver.posts[1].body.decode()


def test_a_retry_at_night_waits_too(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url(), **NIGHT)
    receiver.statuses = [500, 200]
    now.at = datetime(2026, 6, 10, 19, 59, 55, tzinfo=UTC)
    fail_training(cast)
    sending.dispatch()
    now.pass_by(seconds=30)

    sending.dispatch()

    found = Delivery.objects.get()
    assert (found.status, found.attempt, found.next_at) == ("pending", 1, datetime(2026, 6, 11, 5, 0, tzinfo=UTC))


def test_beyond_the_day_s_budget_one_summary_is_sent(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url(), budget=2)
    for number in range(5):
        fail_training(cast, key=f"k{number}")
    for _ in range(2):
        sending.dispatch()

    texts = [got.body.decode() for got in receiver.posts]
    assert len(texts) == 3
    assert sum("budget of 2 messages is spent" in text for text in texts) == 1
    held = Delivery.objects.filter(status="suppressed")
    assert [one.error for one in held] == ["The budget of 2 messages a day was spent."] * 3

    now.at = datetime(2026, 6, 10, 22, 0, tzinfo=UTC)  # the next day in Paris
    fail_training(cast, key="k9")
    sending.dispatch()

    assert len(receiver.posts) == 4


def test_a_retry_costs_no_more_of_the_budget(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url(), budget=1)
    receiver.statuses = [500, 200]
    fail_training(cast)
    sending.dispatch()
    now.pass_by(minutes=1)

    sending.dispatch()

    assert Delivery.objects.get().status == "sent"


def test_a_channel_that_was_switched_off_meanwhile_is_left_alone(cast, channel_to, receiver):
    channel = channel_to("slack", receiver.url())
    fail_training(cast)
    change_channel(channel=channel, fields={"enabled": False}, actor=SYSTEM)

    sending.dispatch()

    assert receiver.posts == []
    assert (Delivery.objects.get().status, Delivery.objects.get().error) == ("suppressed", "The channel is switched off.")


def test_tests_are_not_a_way_to_send_without_end(cast, channel_to, receiver):
    channel = channel_to("slack", receiver.url())
    assert try_channel(channel=channel, actor=SYSTEM).pk == try_channel(channel=channel, actor=SYSTEM).pk
    for _ in range(20):
        sending.dispatch()
        Delivery.objects.filter(purpose="test").exclude(status="sent").update(status="sent")
        if Delivery.objects.count() == 20:
            break
        try_channel(channel=channel, actor=SYSTEM)

    with pytest.raises(Throttled, match="20 tests a day"):
        try_channel(channel=channel, actor=SYSTEM)


def test_what_is_old_and_done_is_swept_and_nothing_else(cast, channel_to, receiver, now):
    channel_to("slack", receiver.url())
    done = fail_training(cast, key="done")
    fail_training(cast, key="open")
    fail_training(cast, key="told", kind="training_completed")
    sending.dispatch()
    acknowledge(alert=done, actor=SYSTEM)
    now.pass_by(days=31)
    fail_training(cast, key="new")
    assert sweep() == 3  # the messages
    assert Alert.objects.count() == 4

    now.pass_by(days=60)
    sweep()
    sweep()

    assert set(Alert.objects.values_list("key", flat=True)) == {"open", "new"}
    assert Delivery.objects.get().status == "pending"
