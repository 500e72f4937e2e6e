"""When a channel is quiet, by the wall clock of its time zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def quiet_until(now: datetime, *, begins: time | None, ends: time | None, zone: str) -> datetime | None:
    """Return when the quiet time that holds `now` ends, None outside of any.

    A time that ends before it begins goes over midnight. Where the clock goes back, it begins at the first of two equal
    times and ends at the second; where the clock skips a time, it counts by the clock of before.
    """
    if begins is None or ends is None or begins == ends:
        return None
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    for day in (today - _DAY, today, today + _DAY):  # a skipped hour may push the beginning past midnight
        end = _instant(day if begins < ends else day + _DAY, ends, place, last=True)
        if _instant(day, begins, place, last=False) <= now < end:
            return end
    return None


def day_of(now: datetime, zone: str) -> date:
    """Return the date in a time zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def _instant(day: date, at: time, zone: ZoneInfo, *, last: bool) -> datetime:
    """Return the moment at which a clock shows a time: the first or the last of two, the old clock's of none."""
    first = datetime.combine(day, at, zone)
    second = first.replace(fold=1)
    is_twice = second.utcoffset() != first.utcoffset() and second.astimezone(UTC) > first.astimezone(UTC)
    return (second if last and is_twice else first).astimezone(UTC)
