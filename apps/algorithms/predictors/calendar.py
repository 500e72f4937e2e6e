"""The regular steps of a series: from a time to its place among them, and back."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from math import isnan
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
DAY = 86_400
FIXED = "Etc/GMT"  # begins the name of a zone whose offset is always the same
_TOLERANCE = 1e-6  # of a step
_ENDS = (
    datetime(2, 1, 1, tzinfo=UTC).timestamp(),
    datetime(9998, 12, 31, tzinfo=UTC).timestamp(),
)  # clocks of any zone show a year
_NAMES = {60: "minute", 3_600: "hour", DAY: "day", 7 * DAY: "week"}
_MONTHS = {1: "month", 3: "quarter", 12: "year"}


class Unit(StrEnum):
    """What steps are counted in."""

    NUMBER = "number"
    SECOND = "second"
    WEEKDAY = "weekday"  # Monday to Friday
    MONTH = "month"


@dataclass(frozen=True)
class Calendar:
    """Steps of `every` units from `origin`, which is place 0: seconds since 1970, or a number where no dates are.

    Months are counted by the day `day` of each, the last day of months that are shorter. `zone` names the local time in which
    days and months begin, where the times are instants (UTC); they are as written on a wall clock otherwise.
    """

    unit: Unit
    every: int
    origin: float
    day: int = 1
    zone: str = ""
    is_date: bool = False

    @property
    def name(self) -> str:
        """The step in a word or two: "day", "weekday", "quarter", "900 seconds"."""
        if self.unit == Unit.NUMBER:
            return "numbered step"
        if self.unit == Unit.WEEKDAY:
            return "weekday"
        if self.unit == Unit.MONTH:
            return _MONTHS.get(self.every, f"{self.every} months")
        return _NAMES.get(self.every, f"{self.every} seconds")

    @property
    def clocks(self) -> str:
        """Whose clocks count the steps, by the name of the zone or its offset."""
        return f"UTC{-int(self.zone.removeprefix(FIXED)):+03d}:00" if self.zone.startswith(FIXED) else self.zone

    @property
    def season(self) -> int:
        """How many steps the usual season has: a day of hours, a week of days, a year of months; 1 where none is usual."""
        if self.unit == Unit.WEEKDAY:
            return 5
        if self.unit == Unit.MONTH:
            return 12 // self.every if 12 % self.every == 0 else 1
        if self.unit == Unit.NUMBER:
            return 1
        if self.every == 7 * DAY:
            return 52
        if self.every == DAY:
            return 7
        return DAY // self.every if self.every < DAY and DAY % self.every == 0 else 1

    def places(self, times: Doubles) -> Doubles:
        """Return the place of each time; NaN where it lies between two steps."""
        found = self._counted(self._wall(times))
        whole = np.round(found)
        return np.where(np.abs(found - whole) <= _TOLERANCE, whole, np.nan)

    def floored(self, times: Doubles) -> Places:
        """Return the place of the step in which each time falls."""
        wall = self._wall(times)
        if self.unit == Unit.MONTH:
            return np.floor((_months(wall) - _months(np.array([self.origin]))) / self.every).astype(np.int64)
        return np.floor((wall - self.origin) / self.every + _TOLERANCE).astype(np.int64)

    def wall(self, places: Places) -> Doubles:
        """Return the time of each place on the wall clock, as seconds since 1970; the number itself where no dates are."""
        if self.unit == Unit.MONTH:
            months = _months(np.array([self.origin])) + places * self.every
            starts, ends = _days_of_month(months)
            return (np.minimum(starts + self.day - 1, ends) * DAY + self.origin % DAY).astype(np.float64)
        if self.unit == Unit.WEEKDAY:
            days = np.busday_offset(self._first_day, places * self.every).astype(np.int64)
            return (days * DAY + self.origin % DAY).astype(np.float64)
        return self.origin + places.astype(np.float64) * self.every

    def written(self, places: Places) -> list[str | int]:
        """Return the time of each place as a row holds it: a number, a day or a time in ISO 8601."""
        wall = self.wall(places)
        if self.unit == Unit.NUMBER:
            return [int(value) for value in wall]
        if self.is_date:
            return np.datetime_as_string(wall.astype("datetime64[s]"), unit="D").tolist()  # type: ignore[no-any-return]
        if self.zone:
            return [_with_offset(value, ZoneInfo(self.zone)) for value in wall.tolist()]
        return np.datetime_as_string(wall.astype("datetime64[s]"), unit="s").tolist()  # type: ignore[no-any-return]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Calendar":
        """Rebuild it from `as_json`."""
        return cls(**{**stored, "unit": Unit(stored["unit"])})

    @cached_property
    def _first_day(self) -> np.datetime64:
        return np.datetime64(int(self.origin // DAY), "D")

    def _wall(self, times: Doubles) -> Doubles:
        return times if self.zone in {"", "UTC"} else wall_clock(times, self.zone)

    def _counted(self, wall: Doubles) -> Doubles:
        if self.unit == Unit.MONTH:
            months, days = _months(wall), np.floor(wall / DAY).astype(np.int64)
            starts, ends = _days_of_month(months)
            fits = (days == np.minimum(starts + self.day - 1, ends)) & self._same_hour(wall)
            return np.where(fits, (months - _months(np.array([self.origin]))) / self.every, np.nan)
        if self.unit == Unit.WEEKDAY:
            days = np.floor(wall / DAY).astype("datetime64[D]")
            fits = np.is_busday(days) & self._same_hour(wall)
            return np.where(fits, np.busday_count(self._first_day, days) / self.every, np.nan)
        return (wall - self.origin) / self.every

    def _same_hour(self, wall: Doubles) -> npt.NDArray[np.bool_]:
        return np.abs(wall % DAY - self.origin % DAY) <= _TOLERANCE


def wall_clock(times: Doubles, zone: str) -> Doubles:
    """Return what clocks of a zone showed at these instants, as seconds since 1970; NaN of NaN."""
    local, inside = ZoneInfo(zone), np.clip(times, *_ENDS)
    shifts = [0.0 if isnan(second) else _shift(second, local) for second in inside.tolist()]
    return times + np.array(shifts, dtype=np.float64)


def _shift(second: float, zone: ZoneInfo) -> float:
    shift = datetime.fromtimestamp(second, zone).utcoffset()
    assert shift is not None
    return shift.total_seconds()


def _with_offset(wall: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(wall, UTC).replace(tzinfo=zone).isoformat()


def _months(wall: Doubles) -> Places:
    return np.floor(wall).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def _days_of_month(months: Places) -> tuple[Places, Places]:
    """Return the first and the last day of months since 1970, in days since 1970."""
    starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    ends = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - 1
    return starts, ends
