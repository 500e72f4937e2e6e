"""Do our forecasters beat Theta and the seasonal naive forecast on the sets that competitions were held on?

Each service learns from the training part of NN5, M3 monthly and M4 weekly, as one file of many series, and forecasts the
competition's own last stretch; so do Theta (statsmodels, with its test for a season) and the last season repeated. Means over
the series of MASE, scaled by the error of the naive forecast within the training part, and of sMAPE.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
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
from benchmarks.platform import SHARED_DATA


@dataclass(frozen=True)
class Set:
    """One competition: its file, how far ahead it asks, the season of the series and that of the scaled error."""

    file: str
    horizon: int
    season: int
    scaled_by: int
    time: str = "ds"


SETS = {
    "NN5 daily": Set("nn5_cash_daily.csv.gz", 56, 7, 7),
    "M3 monthly": Set("m3_monthly.csv.gz", 18, 12, 12),
    "M4 weekly": Set("m4_weekly.csv.gz", 13, 52, 1, time="t"),
}
OURS = {"lstm": {}, "prophet": {"holidays": "none"}}


def main() -> None:
    """Print a line a set and forecaster."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    asked.add_argument("--ours", nargs="*", default=list(OURS), choices=list(OURS))
    given, _ = asked.parse_known_args()
    if not (SHARED_DATA / "series").exists():
        print("forecasts: the public series are not here; this part is left out")
        return
    print(f"{'set':12} {'forecaster':16} {'MASE':>7} {'sMAPE':>7} {'cover':>6} {'seconds':>8}", flush=True)
    for name in given.sets:
        of, (known, came) = SETS[name], _parts(SETS[name])
        scales = naive_scales(known.series, of.scaled_by)
        for who, forecast in _forecasters(of, given.ours).items():
            began = time.perf_counter()
            told = JudgedSeries.of(came[None], forecast(known)[None], scales).metrics
            cover = f"{told['interval_coverage']:.3f}" if "interval_coverage" in told else "-"
            seconds = time.perf_counter() - began
            print(f"{name:12} {who:16} {told['mase']:7.3f} {told['smape']:7.2f} {cover:>6} {seconds:8.1f}", flush=True)


def _parts(of: Set) -> tuple[TrainingSeries, Doubles]:
    """Return the training part of a set, and what came after it (series, horizon)."""
    frame = pd.read_csv(SHARED_DATA / "series" / of.file)
    numbered = of.time == "t"
    stamps = frame["t"] if numbered else pd.to_datetime(frame[of.time]).astype("datetime64[s]").astype("int64")
    kind = ColumnKind.INTEGER if numbered else ColumnKind.DATE
    series, came, times = [], [], []
    for name, own in frame.assign(stamp=stamps).groupby("series_id", sort=True):
        before, after = own[own["split"] == "train"], own[own["split"] == "test"]
        values = before["y"].to_numpy(float)
        times.append(before["stamp"].to_numpy(float))
        series.append((str(name), values))
        came.append(after["y"].to_numpy(float)[: of.horizon])
    calendar = calendar_of(times, kind=kind, zone="UTC")
    places = [int(calendar.places(own[:1])[0]) for own in times]
    made = tuple(
        OneSeries(name, place, values, np.zeros((len(values), 0)))
        for (name, values), place in zip(series, places, strict=True)
    )
    columns = (Column(of.time, kind), Column("series_id", ColumnKind.CATEGORY))
    data = TrainingSeries(calendar, made, columns, Roles(of.time, "y", "series_id"), ColumnKind.NUMBER)
    return data, np.array(came)


def _forecasters(of: Set, ours: Sequence[str]) -> dict[str, Callable[[TrainingSeries], Doubles]]:
    found: dict[str, Callable[[TrainingSeries], Doubles]] = {
        "seasonal naive": lambda known: _each(known, lambda values: naive_forecast(values, of.scaled_by, of.horizon)),
        "Theta": lambda known: _each(known, lambda values: _theta(values, of)),
    }
    return found | {slug: (lambda known, slug=slug: _served(known, of, slug)) for slug in ours}


def _each(known: TrainingSeries, forecast: Callable[[Doubles], Doubles]) -> Doubles:
    """Return point forecasts of each series with bounds of no width (series, horizon, 3)."""
    return np.array([np.repeat(forecast(one.values)[:, None], 3, axis=1) for one in known.series])


def _theta(values: Doubles, of: Set) -> Doubles:
    filled = pd.Series(values).interpolate(limit_direction="both")
    season = of.season if len(filled) >= 2 * of.season else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = ThetaModel(filled, period=season, deseasonalize=season > 1).fit()
        return np.asarray(fitted.forecast(of.horizon))


def _served(known: TrainingSeries, of: Set, slug: str) -> Doubles:
    """Return what the light form of a service answers after learning from the training part."""
    parameters = {"horizon": of.horizon, "season": of.season, **OURS[slug]}
    service = catalog.get(slug)(task=Task.FORECAST, parameters=parameters, threads=2)
    service.fit(known, lambda *_said, **_more: None)
    light, at_once = service.light, MOST_ANSWERS // of.horizon
    names = light.known.names
    told = [light.forecast(series=names[start : start + at_once]) for start in range(0, len(names), at_once)]
    pairs = [pair for answers in told for pair in zip(answers.values, answers.details, strict=True)]
    details = [detail for _, detail in pairs]
    rows = np.array([[(bounds := detail.get("interval", (value, value)))[0], value, bounds[1]] for value, detail in pairs])
    answered = list(dict.fromkeys(detail["series"] for detail in details))
    made = dict(zip(answered, rows.reshape(len(answered), of.horizon, 3), strict=True))
    nothing = np.full((of.horizon, 3), np.nan)
    return np.array([made.get(one.name, nothing) for one in known.series])


if __name__ == "__main__":
    main()
