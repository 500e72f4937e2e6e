"""When a channel is quiet, also over midnight and on the nights when clocks change."""

from datetime import UTC, datetime, time

import pytest

from apps.alerts.quiet import day_of, quiet_until

PARIS = "Europe/Paris"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "begins", "ends", "until"),
    [
        # in winter Paris is an hour ahead
        ("2026-01-10 11:59", time(13), time(14), None),
        ("2026-01-10 12:00", time(13), time(14), "2026-01-10 13:00"),
        ("2026-01-10 12:59", time(13), time(14), "2026-01-10 13:00"),
        ("2026-01-10 13:00", time(13), time(14), None),
        # over midnight, from both sides of it
        ("2026-01-10 20:59", time(22), time(7), None),
        ("2026-01-10 21:00", time(22), time(7), "2026-01-11 06:00"),
        ("2026-01-11 05:59", time(22), time(7), "2026-01-11 06:00"),
        ("2026-01-11 06:00", time(22), time(7), None),
        ("2026-12-31 23:30", time(22), time(7), "2027-01-01 06:00"),
        ("2026-01-11 22:59", time(0), time(0, 30), None),
        ("2026-01-11 23:10", time(0), time(0, 30), "2026-01-11 23:30"),
        # the spring night: 2:00 is followed by 3:00, so 22 to 7 is an hour shorter
        ("2026-03-28 21:00", time(22), time(7), "2026-03-29 05:00"),
        ("2026-03-29 05:00", time(22), time(7), None),
        ("2026-03-29 00:59", time(22), time(2, 30), "2026-03-29 01:30"),  # an end that is skipped: by the clock of before
        ("2026-03-29 01:29", time(22), time(2, 30), "2026-03-29 01:30"),
        ("2026-03-29 01:30", time(22), time(2, 30), None),
        ("2026-03-29 01:30", time(2, 30), time(5), "2026-03-29 03:00"),  # a beginning that is skipped
        ("2026-03-29 01:29", time(2, 30), time(5), None),
        # the autumn night: 2:00 to 3:00 comes twice, so 22 to 7 is an hour longer
        ("2026-10-24 20:00", time(22), time(7), "2026-10-25 06:00"),
        ("2026-10-25 05:59", time(22), time(7), "2026-10-25 06:00"),
        ("2026-10-25 00:29", time(22), time(2, 30), "2026-10-25 01:30"),  # until the second half past two
        ("2026-10-25 00:30", time(22), time(2, 30), "2026-10-25 01:30"),
        ("2026-10-25 01:29", time(22), time(2, 30), "2026-10-25 01:30"),
        ("2026-10-25 01:30", time(22), time(2, 30), None),
        ("2026-10-25 00:30", time(2, 30), time(2, 45), "2026-10-25 01:45"),  # from the first half past two
        ("2026-10-25 00:29", time(2, 30), time(2, 45), None),
    ],
)
def test_a_quiet_time_ends_when_people_expect_it(now, begins, ends, until):
    found = quiet_until(at(now), begins=begins, ends=ends, zone=PARIS)

    assert found == (until and at(until))


def test_another_place_has_another_night():
    assert quiet_until(at("2026-01-10 12:30"), begins=time(22), ends=time(7), zone="Pacific/Auckland") == at(
        "2026-01-10 18:00"
    )


@pytest.mark.parametrize(("begins", "ends"), [(None, None), (time(7), time(7))])
def test_there_may_be_none(begins, ends):
    assert quiet_until(at("2026-01-10 12:30"), begins=begins, ends=ends, zone=PARIS) is None


def test_the_budget_s_day_is_that_of_the_place():
    assert [str(day_of(at("2026-01-10 23:30"), zone)) for zone in (PARIS, "America/New_York")] == [
        "2026-01-11",
        "2026-01-10",
    ]
