"""A recurrent network's forecasts in the web process: histories in, quantiles out, numpy only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.predictors.calendar import DAY, Calendar, Doubles, Places, Unit
from apps.algorithms.predictors.forecast import LARGEST, ForecastPredictor, History
from apps.algorithms.predictors.recurrent_network import RecurrentNetwork
from apps.core.errors import InvalidInput, Problem

YEAR = 365.25 * DAY
TREND_AND_SEASON, NETWORK = "trend and season", "network"


@dataclass(frozen=True, kw_only=True)
class RecurrentPredictor(ForecastPredictor):
    """One network for all series, and for new ones that are long enough.

    `centres` (covariates, 2) are mean and standard deviation of what is known ahead.
    """

    kind: ClassVar[str] = "recurrent"
    method: ClassVar[str] = "the Theta forecast and what the network adds to it"
    takes_new_series: ClassVar[bool] = True

    network: RecurrentNetwork
    centres: tuple[tuple[float, float], ...]

    @property
    def furthest(self) -> int:
        """How many steps ahead it can look."""
        return self.network.cut.horizon

    def ahead(self, histories: Sequence[History], horizon: int) -> Doubles:
        """Return the network's quantiles of the steps after each history."""
        for history in histories:
            self._check_length(history)
        beside = [self._beside(history, horizon) for history in histories]
        return self.network.forecast([history.values for history in histories], beside, horizon)

    def parts(self, history: History, horizon: int) -> tuple[float, dict[str, Doubles]]:
        """Return the last known value, what the Theta forecast adds to it, and what the network adds to that."""
        beside = [self._beside(history, horizon)]
        middle = self.network.forecast([history.values], beside, horizon)[0, :, 1]
        theta = self.network.base_forecast([history.values], beside, horizon)[0]
        last = float(history.values[np.isfinite(history.values)][-1])
        with np.errstate(over="ignore"):
            parts = {TREND_AND_SEASON: theta - last, NETWORK: middle - theta}
        return last, {name: np.clip(part, -LARGEST, LARGEST) for name, part in parts.items()}

    def _check_length(self, history: History) -> None:
        """Refuse a new series of fewer rows than the network reads."""
        known = int(np.isfinite(history.values).sum())
        if history.number is None and known < self.network.sequence_length:
            missing = self.network.sequence_length - known
            text = (
                f"The series {history.name!r} is new, and the network reads {self.network.sequence_length} rows of one: {missing} "
                "are missing. Post earlier rows too, or train again with it."
            )
            raise InvalidInput(text, [Problem("/data", "rows_missing", text)])

    def _beside(self, history: History, horizon: int) -> Doubles:
        """Return what is known of each step of a history and of those ahead (steps + horizon, features)."""
        first = history.last - len(history.values) + 1
        places = first + np.arange(len(history.values) + horizon)
        return known_inputs(self.calendar, places, history.covariates[: len(places)], self.centres)

    @property
    def _own_bytes(self) -> int:
        return self.network.size_bytes

    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        return {"network": self.network.save(folder), "centres": self.centres}

    @classmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        centres = tuple((mean, spread) for mean, spread in facts["centres"])
        return {"network": RecurrentNetwork.load(folder, facts["network"]), "centres": centres}


def known_inputs(calendar: Calendar, places: Places, covariates: Doubles, centres: Sequence[tuple[float, float]]) -> Doubles:
    """Return waves of the calendar and covariates of about unit size at some places (steps, features)."""
    centred = [(column - mean) / spread for column, (mean, spread) in zip(covariates.T, centres, strict=True)]
    columns = [*_waves(calendar, places), *(np.nan_to_num(column) for column in centred)]
    return np.column_stack(columns) if columns else np.zeros((len(places), 0))


def _waves(calendar: Calendar, places: Places) -> list[Doubles]:
    """Return sines and cosines of the day, the week and the year that steps of this length can tell apart."""
    if calendar.unit == Unit.NUMBER:
        return []
    wall = calendar.wall(places)
    if calendar.unit == Unit.MONTH:
        waves = [(YEAR, 1)]
    elif calendar.every >= 7 * DAY and calendar.unit == Unit.SECOND:
        waves = [(YEAR, 2)]
    elif calendar.every >= DAY or calendar.unit == Unit.WEEKDAY:
        waves = [(7.0 * DAY, 2), (YEAR, 2)]
    else:
        waves = [(float(DAY), 2), (7.0 * DAY, 2), (YEAR, 1)]
    turns = [2 * np.pi * order * wall / period for period, orders in waves for order in range(1, orders + 1)]
    return [wave(turn) for turn in turns for wave in (np.sin, np.cos)]
