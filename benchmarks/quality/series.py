"""Series: our forecasters beside Theta, the seasonal naive forecast and Prophet by hand, on the sets of three competitions.

Each learns from the training part of NN5, M3 monthly or M4 weekly, as one file of many series, and forecasts the competition's
own last stretch; the further splits are the stretches before it, learned from what came before them. Means over the series of
MASE, scaled by the error of the naive forecast within the training part, and of sMAPE.
"""

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from prophet import Prophet
from statsmodels.tsa.forecasting.theta import ThetaModel

from apps.algorithms import catalog
from apps.algorithms.engine.forecasts import naive_forecast, naive_scales
from apps.algorithms.engine.judged_series import JudgedSeries
from apps.algorithms.engine.regularity import calendar_of
from apps.algorithms.predictors.calendar import Doubles
from apps.algorithms.predictors.forecast import MOST_ANSWERS
from apps.algorithms.roles import Roles
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.series import OneSeries, TrainingSeries
from benchmarks.platform import SHARED_DATA, Platform
from benchmarks.quality.ledger import Ledger, Score

NETWORK, OUR_PROPHET = "ours: LSTM", "ours: Prophet"
NAIVE, THETA, PROPHET = "seasonal naive", "Theta (statsmodels)", "plain Prophet"
OURS = (NETWORK, OUR_PROPHET)
PERIODS = 3  # the last stretch and those before it: series must be long enough
_LEAST_KNOWN = 2  # horizons that a series has before a stretch, to be asked for it


@dataclass(frozen=True)
class Competition:
    """A file, how far ahead it asks, the season of the series and that of the scaled error; `published` as others write it."""

    file: str
    horizon: int
    season: int
    scaled_by: int
    published: dict[str, str]
    time: str = "ds"
    has_dates: bool = False


TABLES = {
    "nn5_daily": Competition(
        "nn5_cash_daily.csv.gz", 56, 7, 7, {"mase": "0.858 (TBATS)", "smape": "about 20 (winner)"}, has_dates=True
    ),
    "m3_monthly": Competition("m3_monthly.csv.gz", 18, 12, 12, {"mase": "0.861 (TBATS)", "smape": "13.9 (Theta)"}),
    "m4_weekly": Competition(
        "m4_weekly.csv.gz", 13, 52, 1, {"mase": "2.64 (Theta), 2.36 (winner)", "smape": "9.09, 7.82"}, time="t"
    ),
}


def score_split(_platform: Platform, ledger: Ledger, table: str, split: int) -> None:
    """Measure on the stretch `split` before the last one whatever the ledger does not have."""
    of = TABLES[table]
    known, came = _parts(of, back=split * of.horizon)
    found: dict[str, Callable[[], Doubles]] = {
        NETWORK: lambda: _served(known, of, "lstm", {}),
        NAIVE: lambda: _each(known, lambda values: naive_forecast(values, of.scaled_by, of.horizon)),
        THETA: lambda: _each(known, lambda values: _theta(values, of)),
    }
    if of.has_dates:  # months of an unknown year and steps without any have no holidays and no weekdays
        found[OUR_PROPHET] = lambda: _served(known, of, "prophet", {"holidays": "none"})
        found[PROPHET] = lambda: _by_hand(known, of)
    scales = naive_scales(known.series, of.scaled_by)
    for who in ledger.missing(table, split, found):
        began = time.monotonic()
        told = JudgedSeries.of(came[None], found[who]()[None], scales).metrics
        measures = {name: told[name] for name in ("mase", "smape")}
        if "interval_coverage" in told:
            measures["coverage_of_90"] = told["interval_coverage"]
        ledger.note(Score(table, split, who, measures, len(known.series), of.horizon, time.monotonic() - began))


def _parts(of: Competition, *, back: int) -> tuple[TrainingSeries, Doubles]:
    """Return what is known so many steps before the last stretch, and what came after it (series, horizon)."""
    frame = pd.read_csv(SHARED_DATA / "series" / of.file)
    numbered = of.time == "t"
    stamps = frame["t"] if numbered else pd.to_datetime(frame[of.time]).astype("datetime64[s]").astype("int64")
    kind = ColumnKind.INTEGER if numbered else ColumnKind.DATE
    series, came, times = [], [], []
    for name, own in frame.assign(stamp=stamps).groupby("series_id", sort=True):
        values, last = own["y"].to_numpy(float), int((own["split"] == "train").sum()) - back
        if back and last < _LEAST_KNOWN * of.horizon:
            continue
        times.append(own["stamp"].to_numpy(float)[:last])
        series.append((str(name), values[:last]))
        came.append(values[last : last + of.horizon])
    calendar = calendar_of(times, kind=kind, zone="UTC")
    places = [int(calendar.places(own[:1])[0]) for own in times]
    made = tuple(
        OneSeries(name, place, values, np.zeros((len(values), 0)))
        for (name, values), place in zip(series, places, strict=True)
    )
    columns = (Column(of.time, kind), Column("series_id", ColumnKind.CATEGORY))
    data = TrainingSeries(calendar, made, columns, Roles(of.time, "y", "series_id"), ColumnKind.NUMBER)
    return data, np.array(came)


def _each(known: TrainingSeries, forecast: Callable[[Doubles], Doubles]) -> Doubles:
    """Return point forecasts of each series with bounds of no width (series, horizon, 3)."""
    return np.array([np.repeat(forecast(one.values)[:, None], 3, axis=1) for one in known.series])


def _theta(values: Doubles, of: Competition) -> Doubles:
    filled = pd.Series(values).interpolate(limit_direction="both")
    season = of.season if len(filled) >= 2 * of.season else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = ThetaModel(filled, period=season, deseasonalize=season > 1).fit()
        return np.asarray(fitted.forecast(of.horizon))


def _by_hand(known: TrainingSeries, of: Competition) -> Doubles:
    """Return what Prophet's own defaults forecast of daily series, with intervals of 90 % from its samples."""
    for name in ("cmdstanpy", "prophet"):
        logging.getLogger(name).setLevel(logging.ERROR)
    made = []
    for one in known.series:
        count, y = len(one.values), pd.Series(one.values)
        days = pd.to_datetime(known.calendar.written(one.first + np.arange(count + of.horizon)))
        model = Prophet(interval_width=0.9).fit(pd.DataFrame({"ds": days[:count], "y": y}))
        told = model.predict(pd.DataFrame({"ds": days[count:]}))
        made.append(told[["yhat_lower", "yhat", "yhat_upper"]].to_numpy())
    return np.array(made)


def _served(known: TrainingSeries, of: Competition, slug: str, more: dict[str, object]) -> Doubles:
    """Return what the light form of a service answers after learning from what is known."""
    parameters = {"horizon": of.horizon, "season": of.season, **more}
    service = catalog.get(slug)(task=Task.FORECAST, parameters=parameters, threads=2)
    service.fit(known, lambda *_said, **_more: None)
    light, at_once = service.light, MOST_ANSWERS // of.horizon
    names = light.known.names
    told = [light.forecast(series=names[start : start + at_once]) for start in range(0, len(names), at_once)]
    pairs = [pair for answers in told for pair in zip(answers.values, answers.details, strict=True)]
    rows = np.array([[(bounds := detail.get("interval", (value, value)))[0], value, bounds[1]] for value, detail in pairs])
    answered = list(dict.fromkeys(detail["series"] for _, detail in pairs))
    made = dict(zip(answered, rows.reshape(len(answered), of.horizon, 3), strict=True))
    nothing = np.full((of.horizon, 3), np.nan)
    return np.array([made.get(one.name, nothing) for one in known.series])
