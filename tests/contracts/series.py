"""Series that every forecasting service of the catalogue is tried on."""

import numpy as np

from apps.algorithms.predictors.calendar import DAY, Calendar, Unit
from apps.algorithms.roles import Roles
from apps.algorithms.schema import Column, ColumnKind
from apps.algorithms.series import OneSeries, TrainingSeries

MONDAY = 1_767_571_200.0  # 5 January 2026
DAYS = Calendar(Unit.SECOND, DAY, MONDAY, is_date=True)


def weekly_series(count: int = 3, steps: int = 150, *, seed: int = 0, gaps: float = 0.03) -> TrainingSeries:
    """Make daily series with a week, a trend, noise and holes; the later ones are shorter and higher."""
    chance = np.random.default_rng(seed)
    week = np.array([0.0, 5.0, 10.0, 15.0, 30.0, 60.0, -20.0])
    series = []
    for number in range(count):
        length = steps - 10 * number
        places = 10 * number + np.arange(length)
        values = 100.0 * (number + 1) + 0.2 * places + week[places % 7] + chance.normal(scale=3, size=length)
        holes = np.flatnonzero(chance.random(length) < gaps)
        values[holes[(holes > 0) & (holes < length - 1)]] = np.nan
        series.append(OneSeries(f"shop {number}", int(places[0]), values, np.zeros((length, 0))))
    columns = (Column("day", ColumnKind.DATE), Column("shop", ColumnKind.CATEGORY))
    return TrainingSeries(DAYS, tuple(series), columns, Roles("day", "sales", "shop"), ColumnKind.NUMBER)


def series_of(values: list[float], *, calendar: Calendar = DAYS) -> TrainingSeries:
    """Make one series of these values."""
    one = OneSeries("", 0, np.array(values, dtype=np.float64), np.zeros((len(values), 0)))
    return TrainingSeries(calendar, (one,), (Column("day", ColumnKind.DATE),), Roles("day", "sales"), ColumnKind.NUMBER)
