"""Each slot once: with two beats, on the nights when clocks change, after a pause, after a wrong clock."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import schedules
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry
from django_celery_beat.tzcrontab import TzAwareCrontab

from apps.core import clock
from mlplatform import beat
from mlplatform.celery import app
from mlplatform.schedule import upsert_schedule

pytestmark = pytest.mark.django_db(transaction=True)
PARIS = ZoneInfo("Europe/Paris")
NIGHTS = {
    "autumn 2026": datetime(2026, 10, 25, tzinfo=PARIS),
    "spring 2027": datetime(2027, 3, 28, tzinfo=PARIS),
    "autumn 2027": datetime(2027, 10, 31, tzinfo=PARIS),
    "spring 2028": datetime(2028, 3, 26, tzinfo=PARIS),
}
# What is declared, and how often it runs from one midnight to the next on a night that lasts `hours`.
SCHEDULES: dict[str, tuple[str, Any]] = {
    "Sunday 01:00": ("0 1 * * 0", lambda hours: 1),
    "daily 02:00": ("0 2 * * *", lambda hours: 1),
    "daily 02:30": ("30 2 * * *", lambda hours: 1),
    "daily 03:00": ("0 3 * * *", lambda hours: 1),
    "hourly": ("17 * * * *", lambda hours: hours),
    "every half hour": ("*/30 * * * *", lambda hours: 2 * hours),
}


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: datetime) -> None:
        self.at = now.astimezone(UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def set_clock(monkeypatch) -> Any:
    """Return a setter of the time that beat, its entries and their schedules see."""

    def set_to(now: datetime) -> Clock:
        found = Clock(now)
        monkeypatch.setattr(clock, "now", found.now)
        monkeypatch.setattr(TzAwareCrontab, "nowfunc", lambda self: found.at.astimezone(self.tz))
        monkeypatch.setattr(schedules.schedule, "now", lambda self: found.at.astimezone(app.timezone))
        monkeypatch.setattr(schedules.crontab, "now", lambda self: found.at.astimezone(self.tz))
        monkeypatch.setattr(ModelEntry, "_default_now", lambda self: found.at.astimezone(app.timezone))
        monkeypatch.setattr(ModelEntry, "default_now", lambda self: found.at.astimezone(app.timezone))
        return found

    return set_to


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, datetime]]:
    """Keep what would be sent, and when."""
    kept: list[tuple[str, datetime]] = []
    monkeypatch.setattr(beat.SlotScheduler, "producer", None)  # it would connect to the broker
    monkeypatch.setattr(
        beat.DatabaseScheduler, "apply_async", lambda self, entry, **_given: kept.append((entry.name, clock.now()))
    )
    return kept


def run(beats: list[Any], moving: Clock, until: datetime, step: timedelta) -> None:
    """Let beats tick in turn while time goes by."""
    while moving.at < until.astimezone(UTC):
        for one in beats:
            while one.tick() == 0:
                pass
        moving.at += step


def new_beat() -> Any:
    made = beat.SlotScheduler(app=app, lazy=False)
    made._finalize.cancel()  # at this process's end there is no database to save to
    return made


@pytest.mark.parametrize("beats", [1, 2], ids=["one beat", "two beats"])
@pytest.mark.parametrize("night", NIGHTS)
def test_nothing_is_missed_or_doubled_when_clocks_change(night, beats, set_clock, sent, settings):
    midnight = NIGHTS[night]
    following = midnight + timedelta(days=1)
    hours = round((following.astimezone(UTC) - midnight.astimezone(UTC)).total_seconds() / 3600)
    assert hours == (25 if "autumn" in night else 23)
    moving = set_clock(midnight - timedelta(minutes=5))
    settings.PERIODIC_TASKS = {
        name: {"task": "training.reap_leases", "crontab": line} for name, (line, _) in SCHEDULES.items()
    }
    PeriodicTask.objects.all().delete()
    upsert_schedule()
    PeriodicTask.objects.update(last_run_at=moving.now())

    run([new_beat() for _ in range(beats)], moving, following - timedelta(minutes=1), timedelta(minutes=4))

    since_midnight = Counter(name for name, at in sent if name in SCHEDULES and at >= midnight.astimezone(UTC))
    assert since_midnight == {name: expected(hours) for name, (_, expected) in SCHEDULES.items()}


@pytest.fixture
def one_task(settings) -> None:
    settings.PERIODIC_TASKS = {"hourly": {"task": "training.reap_leases", "crontab": "0 * * * *"}}
    PeriodicTask.objects.all().delete()
    upsert_schedule()


def test_a_beat_that_was_down_catches_up_once(one_task, set_clock, sent):
    moving = set_clock(datetime(2026, 11, 2, 12, 30, tzinfo=UTC))
    PeriodicTask.objects.update(last_run_at=moving.now() - timedelta(hours=36))

    run([new_beat()], moving, moving.now() + timedelta(minutes=20), timedelta(seconds=30))

    assert len(sent) == 1


def test_a_last_run_in_the_future_is_warned_of_and_heals(one_task, set_clock, sent, caplog):
    moving = set_clock(datetime(2026, 11, 2, 12, 30, tzinfo=UTC))
    PeriodicTask.objects.update(last_run_at=moving.now() + timedelta(days=300))
    assert beat.take_slot("hourly", "2026-11-02T12:00")
    beat.ScheduleSlot.objects.update(slot="2027-09-01T00:00", taken_at=moving.now() + timedelta(days=300))

    run([new_beat()], moving, moving.now() + timedelta(hours=2), timedelta(seconds=30))

    assert [at.hour for _, at in sent] == [13, 14]
    assert "which is to come" in caplog.text


def test_seconds_are_sent_once_a_slot_by_two_beats(set_clock, sent):
    moving = set_clock(datetime(2026, 11, 2, 12, 0, tzinfo=UTC))
    every = IntervalSchedule.objects.create(every=15, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.all().delete()
    PeriodicTask.objects.create(name="often", task="training.reap_leases", interval=every, last_run_at=moving.now())

    run([new_beat(), new_beat()], moving, moving.now() + timedelta(minutes=5), timedelta(seconds=1))

    assert 18 <= len(sent) <= 20
    assert len({beat.slot_of(schedules.schedule(timedelta(seconds=15)), at) for _, at in sent}) == len(sent)


def test_what_people_made_keeps_its_own_time_zone(set_clock):
    crontab = CrontabSchedule.objects.create(minute="30", hour="2", timezone="America/New_York")

    assert beat.slot_of(crontab.schedule, datetime(2026, 11, 2, 12, 0, tzinfo=UTC)) == "2026-11-02T02:30"
