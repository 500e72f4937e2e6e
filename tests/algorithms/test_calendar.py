"""Steps of series: found from times, counted, and written again."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.algorithms.engine.regularity import asked_calendar, calendar_of, clocks_of, is_shown_twice
from apps.algorithms.predictors.calendar import DAY, Calendar, Unit
from apps.algorithms.schema import ColumnKind

PARIS = "Europe/Paris"


def seconds(*texts: str) -> np.ndarray:
    return np.array([datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in texts])


def days(first: str, count: int, step: int = 1) -> np.ndarray:
    return seconds(first)[0] + np.arange(count) * step * float(DAY)


def months(first: date, count: int, step: int = 1, *, last_day: bool = False) -> np.ndarray:
    found = []
    for i in range(0, count * step, step):
        year, month = first.year + (first.month - 1 + i) // 12, (first.month - 1 + i) % 12 + 1
        end = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        found.append(f"{year}-{month:02}-{end if last_day else min(first.day, end):02}")
    return seconds(*found)


@pytest.mark.parametrize(
    ("times", "kind", "name", "season"),
    [
        (days("2026-01-05", 30), ColumnKind.DATE, "day", 7),
        (days("2026-01-05", 30, step=7), ColumnKind.DATE, "week", 52),
        (np.delete(days("2026-01-05", 30), [4, 9, 11]), ColumnKind.DATE, "day", 7),
        (np.array([d for d in days("2026-01-05", 40) if datetime.fromtimestamp(d, UTC).weekday() < 5]), ColumnKind.DATE, "weekday", 5),
        (months(date(2020, 1, 1), 30), ColumnKind.DATE, "month", 12),
        (months(date(2020, 1, 31), 30, last_day=True), ColumnKind.DATE, "month", 12),
        (months(date(2020, 1, 30), 30), ColumnKind.DATE, "month", 12),
        (months(date(2020, 1, 15), 30, step=3), ColumnKind.DATE, "quarter", 4),
        (months(date(1990, 6, 30), 30, step=12), ColumnKind.DATE, "year", 1),
        (seconds("2026-01-05T00:00") + np.arange(50) * 3_600.0, ColumnKind.DATETIME, "hour", 24),
        (seconds("2026-01-05T00:00") + np.arange(50) * 900.0, ColumnKind.DATETIME, "900 seconds", 96),
        (np.arange(3.0, 40.0), ColumnKind.INTEGER, "numbered step", 1),
    ],
)  # fmt: skip
def test_steps_are_found_and_every_time_is_written_as_it_stood(times, kind, name, season):
    calendar = calendar_of([times], kind=kind, zone=PARIS)

    places = calendar.places(times)

    assert (calendar.name, calendar.season) == (name, season)
    assert places[0] == 0
    assert (np.diff(places) >= 1).all()
    np.testing.assert_array_equal(calendar.wall(places.astype(np.int64)), times)
    assert Calendar.from_json(calendar.as_json()) == calendar


def test_times_between_two_steps_have_no_place():
    calendar = calendar_of([days("2026-01-05", 30)], kind=ColumnKind.DATETIME, zone=PARIS)

    assert np.isnan(calendar.places(seconds("2026-02-01T12:00")))[0]
    weekdays = Calendar(Unit.WEEKDAY, 1, seconds("2026-01-05")[0])
    assert np.isnan(weekdays.places(seconds("2026-01-10", "2026-01-12T06:00"))).all()
    assert weekdays.places(seconds("2026-01-02", "2026-01-12")).tolist() == [-1, 5]


@pytest.mark.parametrize("first", ["2026-03-20", "2026-10-15"])
def test_midnights_of_a_zone_are_days_over_the_nights_when_clocks_change(first):
    start = datetime.fromisoformat(first)
    local = [(start + timedelta(days=i)).replace(tzinfo=ZoneInfo(PARIS)) for i in range(30)]
    instants = np.array([one.timestamp() for one in local])
    assert len(set(np.diff(instants))) == 2  # 23 or 25 hours once

    calendar = calendar_of([instants], kind=ColumnKind.DATETIME, zone=PARIS)

    assert (calendar.name, calendar.zone) == ("day", PARIS)
    assert calendar.places(instants).tolist() == list(range(30))
    written = calendar.written(np.arange(30))
    assert [datetime.fromisoformat(str(text)).timestamp() for text in written] == instants.tolist()


@pytest.mark.parametrize(
    "offset", ["", "+00:00", "-00:00", "+05:30", "+15:00", "-13:00", "+99:00", "+x", "+0100", "+1:00", "-"]
)
def test_an_offset_that_no_clock_keeps_is_left_to_the_place(offset):
    assert clocks_of(offset, seconds("2026-07-01T00:00", "2026-12-01T00:00"), PARIS) == PARIS


@pytest.mark.parametrize(("offset", "clocks"), [("+01:00", "UTC+01:00"), ("-03:00", "UTC-03:00"), ("+14:00", "UTC+14:00")])
def test_an_offset_that_is_always_the_same_makes_clocks_of_its_own(offset, clocks):
    zone = clocks_of(offset, seconds("2026-07-01T00:00", "2026-12-01T00:00"), PARIS)

    calendar = Calendar(Unit.SECOND, 86_400, 0.0, zone=zone)

    assert calendar.clocks == clocks
    assert str(calendar.written(np.array([0]))[0]).endswith(offset)


def test_the_hour_that_clocks_show_twice_is_known():
    twice, once, spring = seconds("2026-10-25T02:30", "2026-10-25T04:00", "2026-03-29T02:30").tolist()

    assert is_shown_twice(twice, PARIS)
    assert not is_shown_twice(once, PARIS)
    assert not is_shown_twice(spring, PARIS)
    assert not is_shown_twice(twice, "UTC")


@pytest.mark.parametrize(
    ("frequency", "time", "written"),
    [
        ("hour", "2026-01-07T13:45", "2026-01-07T13:00:00"),
        ("day", "2026-01-07T13:45", "2026-01-07"),
        ("week", "2026-01-11T13:45", "2026-01-05"),
        ("month", "2026-03-31T13:45", "2026-03-01"),
    ],
)
def test_times_are_brought_down_to_the_step_that_is_asked_for(frequency, time, written):
    calendar = asked_calendar(frequency, [seconds("2026-01-07T08:00")], kind=ColumnKind.DATETIME)

    place = calendar.floored(seconds(time))

    assert calendar.written(place) == [written]


@given(place=st.integers(-5_000, 5_000), day=st.integers(1, 31), every=st.sampled_from([1, 3, 12]))
def test_months_come_back_to_their_places(place, day, every):
    calendar = Calendar(Unit.MONTH, every, seconds("2024-01-01")[0], day)

    assert calendar.places(calendar.wall(np.array([place]))).tolist() == [place]
    assert calendar.floored(calendar.wall(np.array([place]))).tolist() == [place]
