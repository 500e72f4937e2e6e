"""Which regular steps the times of a series follow. Worker only."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from apps.algorithms.predictors.calendar import DAY, FIXED, Calendar, Doubles, Unit, wall_clock
from apps.algorithms.schema import ColumnKind

_LEAST_WEEKDAYS = 15  # days, none of them on a weekend, before they are taken for working days
_SHORTEST_MONTH = 28 * DAY
_STEPS = {"hour": 3_600, "day": DAY, "week": 7 * DAY}
_MONDAY = 4 * DAY  # 5 January 1970
_FULL_HOURS = re.compile(r"[+-]\d{2}:00")
FREQUENCIES = ("found", "hour", "day", "week", "month")


def calendar_of(times: Sequence[Doubles], *, kind: ColumnKind, zone: str) -> Calendar:
    """Return the steps that the times of several series follow (each ascending, none twice); some may lie on none.

    `zone` is the local time of the place: instants of its midnights are days, though 23 or 25 hours lie between some of them.
    """
    if kind == ColumnKind.INTEGER:
        return Calendar(Unit.NUMBER, max(1, int(_commonest_step(times))), _first(times))
    is_date = kind == ColumnKind.DATE
    if not is_date and not _at_one_hour(times):
        local = [wall_clock(own, zone) for own in times]
        if _commonest_step(local) >= DAY and _at_one_hour(local):
            return _of_days(local, zone=zone)
    if _at_one_hour(times) and _commonest_step(times) >= DAY:
        return _of_days(times, is_date=is_date)
    return Calendar(Unit.SECOND, max(1, round(_commonest_step(times))), _first(times), is_date=is_date)


def asked_calendar(frequency: str, times: Sequence[Doubles], *, kind: ColumnKind, zone: str = "") -> Calendar:
    """Return the steps of a frequency that was asked for: times are brought down to them.

    `zone` is given where times are instants: days, weeks and months begin at its midnights, hours are those of UTC.
    """
    if zone in {"", "UTC"} or frequency == "hour":
        zone, first = "", _first(times)
    else:
        first = float(wall_clock(np.array([_first(times)]), zone)[0])
    is_date = not zone and (kind == ColumnKind.DATE or frequency != "hour")
    if frequency == "month":
        month = np.float64(first).astype("datetime64[s]").astype("datetime64[M]").astype("datetime64[s]")
        return Calendar(Unit.MONTH, 1, float(month.astype(np.int64)), zone=zone, is_date=is_date)
    step = _STEPS[frequency]
    anchor = _MONDAY if frequency == "week" else 0
    return Calendar(Unit.SECOND, step, anchor + (first - anchor) // step * step, zone=zone, is_date=is_date)


def clocks_of(offset: str, times: Doubles, zone: str) -> str:
    """Return the zone of the clocks that instants were read from: that of the place, unless all carried an offset it does not have.

    `offset` is as in "+01:00", "" where they carried several; loggers often keep winter time all year. UTC itself is how machines
    write times of any place.
    """
    hours = int(offset[:3]) if _FULL_HOURS.fullmatch(offset) else 0
    known = times[np.isfinite(times)]
    if not hours or not -12 <= hours <= 14 or (wall_clock(known, zone) - known == 3_600 * hours).all():
        return zone
    return f"{FIXED}{-hours:+d}"  # signs are those of POSIX


def is_shown_twice(wall: float, zone: str) -> bool:
    """Say whether clocks of the zone showed this time twice, on the night when they were put back."""
    local = datetime.fromtimestamp(wall, UTC).replace(tzinfo=ZoneInfo(zone))
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    return before > after


def _of_days(times: Sequence[Doubles], *, zone: str = "", is_date: bool = False) -> Calendar:
    step, first = _commonest_step(times), _first(times)
    if step >= _SHORTEST_MONTH and (found := _of_months(times, zone=zone, is_date=is_date)):
        return found
    every = np.unique(np.concatenate([np.floor(own / DAY) for own in times]))
    weekdays = (every.astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday
    if step == DAY and len(every) >= _LEAST_WEEKDAYS and weekdays.max() < 5:
        return Calendar(Unit.WEEKDAY, 1, first, zone=zone, is_date=is_date)
    return Calendar(Unit.SECOND, round(step), first, zone=zone, is_date=is_date)


def _of_months(times: Sequence[Doubles], *, zone: str, is_date: bool) -> Calendar | None:
    every = np.unique(np.concatenate(times))
    days = every.astype("datetime64[s]").astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = int((days - months.astype("datetime64[D]")).astype(np.int64).max()) + 1
    counted = [own.astype("datetime64[s]").astype("datetime64[M]").astype(np.float64) for own in times]
    calendar = Calendar(Unit.MONTH, max(1, int(_commonest_step(counted))), _first(times), day, "", is_date)
    if np.isnan(calendar.places(every)).mean() > 0.01:
        return None
    return Calendar(Unit.MONTH, calendar.every, calendar.origin, day, zone, is_date)


def _at_one_hour(times: Sequence[Doubles]) -> bool:
    return len(np.unique(np.concatenate(times) % DAY)) == 1


def _first(times: Sequence[Doubles]) -> float:
    return float(min(own[0] for own in times))


def _commonest_step(times: Sequence[Doubles]) -> float:
    steps = np.concatenate([np.diff(own) for own in times])
    if not len(steps):
        return 1.0
    values, counts = np.unique(np.round(steps, 6), return_counts=True)
    return float(values[counts.argmax()])
