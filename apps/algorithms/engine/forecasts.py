"""How forecasts are measured, from several origins, and what bounds them. Worker only.

Forecasts are (origins, series, horizon, 3): low, middle and high; what was observed is (origins, series, horizon), NaN where
nothing is known; `scales` (series,) are the mean errors of the seasonal naive forecast within the history.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.algorithms.engine.judged_series import JudgedSeries
from apps.algorithms.predictors.calendar import Doubles, Places
from apps.algorithms.series import OneSeries

_SHOWN_SERIES, _SHOWN_HISTORY = 3, 4  # series, horizons
_WORST_SERIES = 10
_OF_A_SERIES = ("mase", "smape", "within_tolerance", "interval_coverage")
_TINY = 1e-12
_NEARLY = 0.8


@dataclass(frozen=True)
class Origins:
    """From where forecasts are made: `back` (origins, series) is how many steps before the end of each series."""

    back: Places
    horizon: int

    @classmethod
    def within(cls, series: Sequence[OneSeries], horizon: int, most: int) -> "Origins":
        """Return up to `most` origins, evenly spread, whose forecasts lie wholly within the part of each series."""
        spans = [len(one.values) - one.begins for one in series]
        count = max(1, min(most, max(spans) - horizon + 1))
        back = [np.linspace(max(span, horizon), horizon, count).round() for span in spans]
        return cls(np.array(back).T.astype(np.int64), horizon)

    def histories(self, series: Sequence[OneSeries], origin: int) -> list[OneSeries]:
        """Return what was known of each series at one origin."""
        return [one.until(len(one.values) - back) for one, back in zip(series, self.back[origin].tolist(), strict=True)]

    def observed(self, series: Sequence[OneSeries]) -> Doubles:
        """Return what came after each origin (origins, series, horizon)."""
        found = np.full((*self.back.shape, self.horizon), np.nan)
        for i, one in enumerate(series):
            for origin, back in enumerate(self.back[:, i].tolist()):
                start = len(one.values) - back
                came = one.values[start : start + self.horizon]
                found[origin, i, : len(came)] = came
        return found


def naive_scales(series: Sequence[OneSeries], season: int) -> Doubles:
    """Return the mean error of repeating the last season within each series (Hyndman and Koehler 2006); never zero."""
    return np.array([_naive_scale(one.values, season) for one in series])


def _naive_scale(values: Doubles, season: int) -> float:
    for lag in dict.fromkeys((season, 1)):
        errors = np.abs(values[lag:] - values[:-lag])
        known = errors[np.isfinite(errors)]
        if len(known) and known.mean() > _TINY:
            return float(known.mean())
    return float(np.nanmean(np.abs(values))) or 1.0


def naive_forecast(values: Doubles, season: int, horizon: int) -> Doubles:
    """Repeat the last season, each step by its last known value (horizon,)."""
    last = np.array([_last_known(values[phase::season]) for phase in range(season)])
    last = np.where(np.isfinite(last), last, _last_known(values))
    return last[(len(values) + np.arange(horizon)) % season]


def drift_forecast(values: Doubles, horizon: int) -> Doubles:
    """Go on along the line from the first to the last known value (horizon,)."""
    known = np.flatnonzero(np.isfinite(values))
    first, last = known[0], known[-1]
    slope = (values[last] - values[first]) / max(1, last - first)
    ahead: Doubles = values[last] + slope * (len(values) - last + np.arange(horizon))
    return ahead


def _last_known(values: Doubles) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else np.nan


def found_season(series: Sequence[OneSeries]) -> int:
    """Return the season of series without a calendar: the first strong peak of their autocorrelation; 1 where there is none."""
    shortest, votes = 2, []
    for one in series:
        values = np.diff(_without_gaps(one.values))
        lags = len(values) // 3
        if lags <= shortest or values.std() <= _TINY:
            votes.append(1)
            continue
        centred = values - values.mean()
        spectrum = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
        related = np.fft.irfft(spectrum)[: lags + 1]
        related /= related[0]
        peaks = [
            lag
            for lag in range(shortest, lags)
            if related[lag] > max(related[lag - 1], related[lag + 1], 0.3, 2.6 / np.sqrt(len(centred)))
        ]
        highest = max((related[lag] for lag in peaks), default=0.0)
        votes.append(next((lag for lag in peaks if related[lag] >= _NEARLY * highest), 1))  # not twice the season
    values, counts = np.unique(votes, return_counts=True)
    season = int(values[counts.argmax()])
    return season if counts.max() > len(votes) / 2 else 1


def _without_gaps(values: Doubles) -> Doubles:
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), known, values[known])


def forecast_curves(
    series: Sequence[OneSeries], origins: Origins, forecasts: Doubles, observed: Doubles, scales: Doubles
) -> dict[str, Any]:
    """Return the back-test of the series forecast best, in the middle and worst, and the error at each step ahead."""
    error = np.abs(forecasts[..., 1] - observed) / scales[None, :, None]
    by_series = np.array([np.nanmean(own) if np.isfinite(own).any() else np.inf for own in np.moveaxis(error, 1, 0)])
    order = np.argsort(by_series, kind="stable")
    shown = dict.fromkeys(order[np.linspace(0, len(order) - 1, min(_SHOWN_SERIES, len(order))).round().astype(int)].tolist())
    ahead = [float(np.nanmean(error[..., step])) for step in range(origins.horizon) if np.isfinite(error[..., step]).any()]
    return {
        "error_ahead": ahead,
        "backtests": [_backtest(series[i], origins.back[:, i], forecasts[:, i], origins.horizon) for i in shown],
    }


def by_series(series: Sequence[OneSeries], judged: JudgedSeries) -> list[dict[str, Any]]:
    """Return the measures of the series that are forecast worst, the worst first; nothing of a single one.

    They are told without a test: the errors of one series at neighbouring origins are too much alike for one.
    """
    if len(series) == 1:
        return []
    told = []
    for place in judged.worst(_WORST_SERIES):
        of_one = judged.take(np.array([place])).metrics
        told.append({"series": series[place].name, **{name: of_one[name] for name in _OF_A_SERIES if name in of_one}})
    return told


def _backtest(one: OneSeries, back: Places, forecasts: Doubles, horizon: int) -> dict[str, Any]:
    """Return what was observed and the forecasts from origins that do not overlap; places count from the series' own first."""
    chosen: list[int] = []
    for origin, steps in enumerate(back.tolist()):
        if not chosen or int(back[chosen[-1]]) - steps >= horizon:
            chosen.append(origin)
    start = max(0, len(one.values) - int(back.max()) - _SHOWN_HISTORY * horizon)
    return {
        "series": one.name,
        "place": one.first + start,
        "observed": [float(value) if np.isfinite(value) else None for value in one.values[start:]],
        "forecasts": [
            {"place": one.first + len(one.values) - int(back[origin]), "values": forecasts[origin].tolist()}
            for origin in chosen
        ],
    }
