"""Prophet fits, and their parameters in the light form. Worker only."""

import logging
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from apps.algorithms.predictors.calendar import DAY, Calendar, Doubles, Places, Unit
from apps.algorithms.predictors.prophet import Holidays, Season, prophet_seconds
from apps.algorithms.series import OneSeries

for _name in ("prophet", "prophet.plot", "cmdstanpy"):  # they tell of each fit, and of libraries that draw
    logging.getLogger(_name).disabled = True
warnings.filterwarnings("ignore", category=DeprecationWarning, module="prophet")  # its own calls of pandas

from prophet import Prophet  # noqa: E402
from prophet.make_holidays import make_holidays_df  # noqa: E402
from prophet.serialize import model_from_dict, model_to_dict  # noqa: E402

_YEARS_AHEAD = 20  # of holidays that the light form knows
_WAVES = 5  # of a season that was found in the data
_LEAST_WAVES_SHARE = 2  # steps of a season that each wave needs
_FOUND = "season"
_ONE_YEAR, _TWO_YEARS = 365 * DAY, 730 * DAY


@dataclass(frozen=True)
class Settings:
    """How each Prophet is fitted; `season` is that of series whose calendar has none, in steps.

    `yearly` names the series with a yearly season, so that what is measured on a part of each is shaped as what learns from the
    whole; None leaves it to the library, which goes by the length of what it is given.
    """

    growth: Literal["linear", "flat"]
    seasonality_mode: Literal["additive", "multiplicative"]
    changepoint_prior_scale: float
    seasonality_prior_scale: float
    country: str
    season: int
    seed: int
    yearly: frozenset[str] | None = None


def with_a_yearly_season(series: Iterable[OneSeries], calendar: Calendar) -> frozenset[str]:
    """Return the names of the series that are long enough for a yearly season, by the library's own rule."""
    return frozenset(one.name for one in series if _span(one, calendar) >= _TWO_YEARS)


def _span(one: OneSeries, calendar: Calendar) -> float:
    """Return the seconds from the first known value to the last."""
    known = np.flatnonzero(np.isfinite(one.values))
    if _is_numbered(calendar) or not len(known):
        return 0.0
    first, last = calendar.wall(one.first + known[[0, -1]])
    return float(last - first)


def fit_one(one: OneSeries, calendar: Calendar, covariates: Sequence[str], settings: Settings) -> Prophet:
    """Fit one series by the library."""
    seasons: Literal["auto"] | bool = False if _is_numbered(calendar) else "auto"
    yearly = seasons
    if settings.yearly is not None:
        yearly = one.name in settings.yearly and _span(one, calendar) >= _ONE_YEAR
    model = Prophet(
        growth=settings.growth,
        seasonality_mode=settings.seasonality_mode,
        changepoint_prior_scale=settings.changepoint_prior_scale,
        seasonality_prior_scale=settings.seasonality_prior_scale,
        uncertainty_samples=0,
        daily_seasonality=seasons,
        weekly_seasonality=seasons,
        yearly_seasonality=yearly,
    )
    if settings.country and not _is_numbered(calendar) and _steps_within_days(calendar):
        model.add_country_holidays(settings.country)
    if _is_numbered(calendar) and settings.season > 1:
        waves = max(1, min(_WAVES, settings.season // _LEAST_WAVES_SHARE))
        model.add_seasonality(_FOUND, period=settings.season, fourier_order=waves)
    for column in range(len(covariates)):
        model.add_regressor(_regressor(column))
    model.fit(rows_of(one, calendar, covariates).dropna(), seed=settings.seed % 2**31)
    return model


def fit_all(
    series: Iterable[OneSeries], calendar: Calendar, covariates: Sequence[str], settings: Settings, threads: int
) -> Iterable[Prophet]:
    """Fit several series side by side, in their order: the library's own process does the work."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        yield from pool.map(lambda one: fit_one(one, calendar, covariates, settings), series)


def forecast_of(
    model: Prophet, calendar: Calendar, covariates: Sequence[str], *, places: Places, beside: Doubles
) -> Doubles:
    """Return the library's own forecast at these places (steps,)."""
    return np.asarray(model.predict(_frame(calendar, places, covariates, beside))["yhat"], dtype=np.float64)


def rows_of(one: OneSeries, calendar: Calendar, covariates: Sequence[str]) -> pd.DataFrame:
    """Return a series as the library takes it."""
    frame = _frame(calendar, one.first + np.arange(len(one.values)), covariates, one.covariates)
    frame["y"] = one.values  # noqa: PD011  (a series of ours)
    return frame


def _frame(calendar: Calendar, places: Places, covariates: Sequence[str], beside: Doubles) -> pd.DataFrame:
    seconds = prophet_seconds(calendar, places)
    frame = pd.DataFrame({"ds": np.round(seconds * 1e3).astype("datetime64[ms]").astype("datetime64[ns]")})
    for column in range(len(covariates)):
        frame[_regressor(column)] = beside[:, column]
    return frame


def as_json(models: Sequence[Prophet]) -> list[dict[str, Any]]:
    """Return fitted models in the library's own form."""
    return [model_to_dict(model) for model in models]


def from_json(stored: Sequence[dict[str, Any]]) -> list[Prophet]:
    """Rebuild models from `as_json`."""
    return [model_from_dict(one) for one in stored]


def light_fields(models: Sequence[Any], covariates: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Return what `ProphetPredictor` needs of fitted models; a feature that one has not learned weighs nothing in it."""
    seasons: dict[str, Season] = {}
    for model in models:
        for name, facts in model.seasonalities.items():
            seasons.setdefault(name, Season(name, float(facts["period"]), int(facts["fourier_order"])))
    holidays = _holidays(models, settings.country)
    features = [f"{season.name}_delim_{i + 1}" for season in seasons.values() for i in range(2 * season.order)]
    features += [f"{name}_delim_+0" for name in holidays.days]
    features += [_regressor(column) for column in range(len(covariates))]
    place = {name: i for i, name in enumerate(features)}
    most = max(len(model.params["delta"][0]) for model in models)
    trends, centres = np.zeros((len(models), 5)), np.ones((len(models), len(covariates), 2))
    bends, when = np.zeros((len(models), most)), np.full((len(models), most), np.inf)
    weights = np.zeros((len(models), len(place)))
    for i, model in enumerate(models):
        params, changes = model.params, len(model.changepoints_t)
        start, span = model.start.value / 1e9, model.t_scale.total_seconds()
        trends[i] = params["k"].item(), params["m"].item(), start, span, model.y_scale
        bends[i, :changes], when[i, :changes] = params["delta"][0][:changes], model.changepoints_t
        for name, weight in zip(_feature_names(model), params["beta"][0].tolist(), strict=True):
            if name in place:
                weights[i, place[name]] = weight
        for column in range(len(covariates)):
            facts = model.extra_regressors[_regressor(column)]
            centres[i, column] = facts["mu"], facts["std"]
    when[~np.isfinite(when)] = 1e9  # never reached
    return {
        "trends": trends, "bends": bends, "bend_times": when, "weights": weights, "centres": centres,
        "seasons": tuple(seasons.values()), "holidays": holidays, "is_multiplied": settings.seasonality_mode == "multiplicative",
    }  # fmt: skip


def _regressor(column: int) -> str:
    """Return what a covariate is called within the library, which keeps some names for itself."""
    return f"covariate {column}"


def _feature_names(model: Any) -> list[str]:
    """Return the names of the features that the weights are of, in the library's own order."""
    features, _, _, _ = model.make_all_seasonality_features(model.history.head(1))
    return [str(name) for name in features.columns]


def _holidays(models: Sequence[Any], country: str) -> Holidays:
    names: set[str] = set()
    for model in models:
        if model.train_holiday_names is not None:
            names |= set(model.train_holiday_names)
    if not names:
        return Holidays({})
    first = min(model.history["ds"].min().year for model in models)
    last = max(model.history["ds"].max().year for model in models)
    found = make_holidays_df(year_list=list(range(first, last + _YEARS_AHEAD + 1)), country=country)
    days = found["ds"].to_numpy().astype("datetime64[D]").astype(np.int64)
    of = found["holiday"].to_numpy()
    return Holidays({name: tuple(np.unique(days[of == name]).tolist()) for name in sorted(names)})


def _is_numbered(calendar: Calendar) -> bool:
    return calendar.unit == Unit.NUMBER


def _steps_within_days(calendar: Calendar) -> bool:
    return calendar.unit == Unit.WEEKDAY or (calendar.unit == Unit.SECOND and calendar.every <= DAY)
