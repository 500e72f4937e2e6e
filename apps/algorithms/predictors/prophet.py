"""Prophet's forecast from its stored parameters (Taylor and Letham 2018): trend, seasons, holidays and covariates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.predictors.arrays import bytes_of, load_arrays, save_arrays
from apps.algorithms.predictors.calendar import DAY, Calendar, Doubles, Places, Unit
from apps.algorithms.predictors.forecast import ForecastPredictor, History

MOST_AHEAD = 10_000
_ARRAYS = ("trends", "bends", "bend_times", "weights", "centres")
TREND, HOLIDAYS = "trend", "holidays"


@dataclass(frozen=True)
class Season:
    """Waves of `order` sines and cosines in `period` days."""

    name: str
    period: float
    order: int

    def features(self, wall: Doubles) -> Doubles:
        """Return the waves at these times (steps, 2 * order)."""
        turns = 2 * np.pi * (wall / DAY)[:, None] * np.arange(1, self.order + 1) / self.period
        found = np.empty((len(wall), 2 * self.order))
        found[:, ::2], found[:, 1::2] = np.sin(turns), np.cos(turns)
        return found


@dataclass(frozen=True)
class Holidays:
    """Days (since 1970) of each holiday by its name, one weight a name, in the order of the names."""

    days: Mapping[str, tuple[int, ...]]

    def features(self, wall: Doubles) -> Doubles:
        """Return which holidays fall on these times (steps, names)."""
        on = np.floor(wall / DAY).astype(np.int64)
        return np.column_stack([np.isin(on, days) for days in self.days.values()]).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class ProphetPredictor(ForecastPredictor):
    """One Prophet a series, all of the same seasons, holidays and covariates: what one has not learned weighs nothing in it.

    Arrays have a row a series: `trends` (series, 5) are rate, offset, first time, span in seconds and scale of the values;
    `bends` and `bend_times` (series, changes) are changes of the rate (times as shares of the span); `weights` (series,
    features); `centres` (series, covariates, 2) are mean and standard deviation of the covariates.
    """

    kind: ClassVar[str] = "prophet"
    method: ClassVar[str] = "components of the model"
    takes_new_series: ClassVar[bool] = False
    trends: Doubles
    bends: Doubles
    bend_times: Doubles
    weights: Doubles
    centres: Doubles
    seasons: tuple[Season, ...]
    holidays: Holidays
    is_multiplied: bool  # seasons, holidays and covariates are shares of the trend

    @property
    def furthest(self) -> int:
        """How many steps ahead it can look."""
        return MOST_AHEAD

    def heeded(self, history: History) -> int:
        """Return the last step that was learned from: values of later ones change nothing."""
        assert history.number is not None
        return self.known.last[history.number]

    def ahead(self, histories: Sequence[History], horizon: int) -> Doubles:
        """Return the forecasts; Prophet has no bounds of its own here."""
        found = np.empty((len(histories), horizon, 3))
        for i, history in enumerate(histories):
            base, parts = self.parts(history, horizon)
            found[i] = base + np.sum(list(parts.values()), axis=0)[:, None]
        return found

    def parts(self, history: History, horizon: int) -> tuple[float, dict[str, Doubles]]:
        """Return where the trend stands at the last known step, and what trend, seasons, holidays and covariates add to it."""
        assert history.number is not None
        own, ahead = history.number, np.arange(horizon + 1)
        wall = prophet_seconds(self.calendar, history.last + ahead)
        trend = self._trend(own, wall)
        parts: dict[str, Doubles] = {TREND: trend[1:] - trend[0]}
        at, weights = 0, self.weights[own]
        for name, features in self._features(own, wall[1:], history.covariates[len(history.values) :]):
            part = features @ weights[at : at + features.shape[1]]
            parts[name] = part * (trend[1:] if self.is_multiplied else self.trends[own, 4])
            at += features.shape[1]
        return float(trend[0]), parts

    def _trend(self, own: int, wall: Doubles) -> Doubles:
        rate, offset, start, span, scale = self.trends[own].tolist()
        times = (wall - start) / span
        bends, when = self.bends[own], self.bend_times[own]
        passed = when[None, :] <= times[:, None]
        rates = rate + (passed * bends).sum(axis=1)
        offsets = offset - (passed * bends * when).sum(axis=1)
        found: Doubles = (rates * times + offsets) * scale
        return found

    def _features(self, own: int, wall: Doubles, covariates: Doubles) -> list[tuple[str, Doubles]]:
        """Return the features of each component, in the order of the weights."""
        found = [(season.name, season.features(wall)) for season in self.seasons]
        if self.holidays.days:
            found.append((HOLIDAYS, self.holidays.features(wall)))
        for column, name in enumerate(self.covariate_names):
            mean, spread = self.centres[own, column]
            found.append((name, ((covariates[:, column] - mean) / spread)[:, None]))
        return found

    @property
    def _own_bytes(self) -> int:
        return bytes_of(self, _ARRAYS)

    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        save_arrays(self, _ARRAYS, folder)
        return {
            "seasons": [vars(season) for season in self.seasons],
            "holidays": dict(self.holidays.days),
            "is_multiplied": self.is_multiplied,
        }

    @classmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **load_arrays(_ARRAYS, folder),
            "seasons": tuple(Season(**season) for season in facts["seasons"]),
            "holidays": Holidays({name: tuple(days) for name, days in facts["holidays"].items()}),
            "is_multiplied": facts["is_multiplied"],
        }


def prophet_seconds(calendar: Calendar, places: Places) -> Doubles:
    """Return the times that Prophet sees at these places: a step without a date is a day."""
    wall = calendar.wall(places)
    return wall * DAY if calendar.unit == Unit.NUMBER else wall
