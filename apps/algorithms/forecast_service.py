"""What services over series share: horizon, calibration, back-tests, baselines, the light form. A service adds its fit."""

import json
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from apps.algorithms.base import Wanted
from apps.algorithms.conformal import LEVEL, conformal_factors
from apps.algorithms.hyperparameters import Hyperparameter
from apps.algorithms.light_service import LightService
from apps.algorithms.predictors import forecast
from apps.algorithms.predictors.calendar import Doubles
from apps.algorithms.predictors.forecast import ForecastPredictor, History, Known
from apps.algorithms.results import Answers, Baseline, Evaluation, Importance, Progress, part_of
from apps.algorithms.schema import Column, TableSchema, Task
from apps.core.errors import InvalidInput

if TYPE_CHECKING:
    from apps.algorithms.engine.forecasts import Origins
    from apps.algorithms.series import OneSeries, SeriesSplit, TrainingSeries

FREQUENCIES = ("found", "hour", "day", "week", "month")
REPEATED = ("refused", "sum", "mean")
LEAST_STEPS = 12
_USUAL_HORIZONS = {"hour": 48, "day": 90, "weekday": 60, "week": 13, "month": 12, "quarter": 4, "year": 3}
_OTHER_HORIZON = 12
_PARTS = 4  # a series has this many horizons at least when none is asked for
_LEAST_PARTS = 3  # one to learn from, one to calibrate, one to measure
_CALIBRATED, _MOST_CALIBRATED = 0.2, 6  # of the steps to learn from; horizons: errors of long ago say little of the next
_KEPT_HORIZONS = 4  # of known values, in the light form
_CALIBRATION_DONE = 0.6  # of the fit


class ForecastService(LightService):
    """A service over series. Each forecast comes after the last known step, so the model learns again from all of it."""

    tasks: ClassVar[tuple[Task, ...]] = (Task.FORECAST,)
    input_kind: ClassVar[str] = "series"
    learns_again_up_to: ClassVar[float] = math.inf
    light_form: ClassVar[type[ForecastPredictor]]
    light: ForecastPredictor
    horizon: int | None = None
    season: int = 1

    series_parameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("horizon", "integer", None, "Horizon", "Steps ahead; empty: from the calendar.", 1, 1_000, nullable=True),
        Hyperparameter(
            "frequency", "choice", "found", "Frequency",
            "Step that rows are brought down to; found: that of the times.",
            choices=FREQUENCIES,
        ),
        Hyperparameter(
            "repeated", "choice", "refused", "Several rows of one step",
            "With their sum, a step without a row is 0.", choices=REPEATED,
        ),
        Hyperparameter(
            "season", "integer", None, "Season", "Steps after which it repeats; empty: from the calendar or the data.",
            1, 1_000, nullable=True,
        ),
    )  # fmt: skip

    @abstractmethod
    def _calibration_forecasts(self, data: "TrainingSeries", origins: "Origins", progress: Progress) -> Doubles:
        """Return forecasts (origins, series, horizon, 3) of a model that has not seen what they are of.

        `progress` is called with each share of this work.
        """

    @abstractmethod
    def _learn(
        self, data: "TrainingSeries", known: Known, factors: tuple[float, ...], progress: Progress
    ) -> ForecastPredictor:
        """Fit all of the series and return the light predictor; keep the library's own model."""

    @abstractmethod
    def _forecasts(self, data: "TrainingSeries", origins: "Origins") -> Doubles:
        """Return the fitted model's forecasts (origins, series, horizon, 3), each with what was known at its origin."""

    def _native_ahead(self, histories: Sequence[History], horizon: int) -> Doubles:
        """Return what `ForecastPredictor.ahead` returns, computed by the library's own model."""
        return self.light.ahead(histories, horizon)

    def read(self, path: Path, *, columns: list[Column], wanted: Wanted) -> "TrainingSeries":
        """Read the series of a canonical Parquet file; covariates are the columns that are asked for by name."""
        from apps.algorithms.roles import Roles
        from apps.algorithms.series import TrainingSeries

        covariates = tuple(name for name in wanted.features if name not in {wanted.time, wanted.group, wanted.target})
        return TrainingSeries.from_parquet(
            path,
            columns=columns,
            roles=Roles(wanted.time, wanted.target, wanted.group, covariates),
            frequency=self.parameters["frequency"],
            repeated=self.parameters["repeated"],
            zone=self.zone,
        )

    def split(self, data: "TrainingSeries", *, test_share: float) -> "SeriesSplit":
        """Keep the last part of each series apart; it decides the horizon."""
        self.horizon = self._horizon_of(data)
        return _parted(data, test_share, self.horizon)

    def folds(self, data: "TrainingSeries", count: int) -> "list[SeriesSplit]":
        """Return one: the last part of each series, as far ahead as the whole is forecast or what is left of it allows."""
        self.horizon = max(1, min(data.horizon or self._horizon_of(data), data.longest // _LEAST_PARTS))
        return [_parted(data, 1 / count, self.horizon)]

    def difference(self, data: "TrainingSeries", light: Path) -> float:
        """Return the largest difference between the library's forecasts and those of the light form."""
        names = self.light.known.names[: max(1, forecast.MOST_ANSWERS // self.light.horizon)]
        posed: dict[str, Any] = {"series": names if self.light.schema.series else None}
        served = self.light_form.load(light, json.loads((light / "predictor.json").read_text()))
        ours, theirs = self.light.forecast(**posed, by=self._native_ahead), served.forecast(**posed)
        scale = np.maximum(1.0, np.abs(ours.values))
        return float((np.abs(np.array(ours.values) - np.array(theirs.values)) / scale).max())

    def _horizon_of(self, data: "TrainingSeries") -> int:
        lengths = np.array([len(one.values) for one in data.series])
        if lengths.max() < LEAST_STEPS:
            raise InvalidInput(
                f"The longest series has {lengths.max()} steps of one {data.calendar.name}; at least {LEAST_STEPS} are needed. "
                "Upload more of it, or choose a shorter step as the frequency."
            )
        if all(np.ptp(one.values[np.isfinite(one.values)]) == 0 for one in data.series):
            raise InvalidInput(f"Every value of {data.roles.target!r} is the same: there is nothing to forecast.")
        asked: int | None = self.parameters["horizon"]
        if asked is None:
            usual = _USUAL_HORIZONS.get(data.calendar.name, _OTHER_HORIZON)
            known = [int(np.isfinite(one.values).sum()) for one in data.series]
            return max(1, min(usual, int(np.median(known)) // _PARTS))
        if lengths.max() < _LEAST_PARTS * asked:
            raise InvalidInput(
                f"A horizon of {asked} needs {_LEAST_PARTS * asked} steps: as many to learn from, to calibrate and to measure. The "
                f"longest series has {lengths.max()}. Give a horizon of {lengths.max() // _LEAST_PARTS} or less, or upload more."
            )
        return asked

    def _fit(self, data: "TrainingSeries", progress: Progress) -> None:
        from apps.algorithms.engine.forecasts import Origins, found_season, naive_scales

        progress(0.0, "preparing")
        horizon = self.horizon = self.horizon or self._horizon_of(data)
        kept = data.at_least(2 * horizon, learned=lambda one: _with_end(one, horizon).begins)
        self.warnings = kept.notes
        self.season = self._season_of(kept, found_season)
        scales = naive_scales(kept.series, self.season)
        apart = replace(kept, series=tuple(_with_end(one, horizon) for one in kept.series))
        origins = Origins.within(apart.series, horizon, self._most_origins(len(kept.series)))

        forecasts = self._calibration_forecasts(apart, origins, part_of(progress, 0.02, _CALIBRATION_DONE))
        factors = conformal_factors(origins.observed(apart.series), forecasts, scales)
        if not factors:
            self.warnings += ("There are too few steps to say how far forecasts may be off: they have no bounds.",)

        learning = part_of(progress, _CALIBRATION_DONE, 1.0)
        self.light = self._learn(kept, self._known(kept, scales, horizon), factors, learning)
        progress(1.0, "fitting")

    def _season_of(self, data: "TrainingSeries", found: Any) -> int:
        asked: int | None = self.parameters["season"]
        season = asked or data.calendar.season
        if season == 1 and asked is None:
            season = found(data.series)
        return int(season) if 2 * season <= data.longest else 1

    def _most_origins(self, series: int) -> int:
        """Return from how many origins forecasts are made: fewer where there are many series."""
        return 10

    def _kept_steps(self, horizon: int) -> int:
        """Return how many known steps the light form keeps of each series."""
        return max(_KEPT_HORIZONS * horizon, 2 * self.season)

    def _known(self, data: "TrainingSeries", scales: Doubles, horizon: int) -> Known:
        steps = min(self._kept_steps(horizon), data.longest)
        tails = np.full((len(data.series), steps), np.nan)
        beside = np.full((len(data.series), steps, len(data.roles.covariates)), np.nan)
        for i, one in enumerate(data.series):
            own = one.values[-steps:]
            tails[i, steps - len(own) :] = own
            beside[i, steps - len(own) :] = one.covariates[-steps:]
        return Known(
            names=tuple(one.name for one in data.series),
            last=tuple(one.first + len(one.values) - 1 for one in data.series),
            scales=tuple(scales.tolist()),
            tails=tails,
            beside=beside,
        )

    def _common(self, data: "TrainingSeries", known: Known, factors: tuple[float, ...]) -> dict[str, Any]:
        """Return the fields that every `ForecastPredictor` has."""
        schema = TableSchema(
            columns=data.columns,
            target=data.roles.target,
            target_kind=data.target_kind,
            time=data.roles.time,
            series=data.roles.series or None,
        )
        fields = {"task": self.task, "schema": schema, "calendar": data.calendar, "known": known}
        return {**fields, "horizon": self.horizon, "level": LEVEL, "factors": factors}

    def _evaluate(self, data: "TrainingSeries") -> Evaluation:
        from apps.algorithms.engine.forecasts import by_series, forecast_curves
        from apps.algorithms.engine.judged_series import JudgedSeries

        origins, observed, scales = self._measured(data)
        forecasts = self.light.widened(self._forecasts(data, origins), scales)
        curves = forecast_curves(data.series, origins, forecasts, observed, scales)
        curves |= {"calendar": data.calendar.as_json(), "horizon": origins.horizon, "season": self.season}
        judged = JudgedSeries.of(observed, forecasts, scales)
        curves |= {"by_series": by_series(data.series, judged)}
        return Evaluation(judged.metrics, "mase", greater_is_better=False, curves=curves, judged=judged)

    def _baseline(self, data: "TrainingSeries") -> Baseline:
        """Return the better of repeating the last season and of going on along a line."""
        from apps.algorithms.engine.forecasts import drift_forecast, naive_forecast
        from apps.algorithms.engine.judged_series import JudgedSeries

        origins, observed, scales = self._measured(data)
        named = f"seasonal naive ({self.season})" if self.season > 1 else "the last value"
        found: dict[str, JudgedSeries] = {}
        for name in (named, "drift"):
            made = np.empty(observed.shape)
            for origin in range(len(origins.back)):
                for i, one in enumerate(origins.histories(data.series, origin)):
                    made[origin, i] = (
                        drift_forecast(one.values, origins.horizon)
                        if name == "drift"
                        else naive_forecast(one.values, self.season, origins.horizon)
                    )
            found[name] = JudgedSeries.of(observed, np.repeat(made[..., None], 3, axis=-1), scales)
        best = min(found, key=lambda name: found[name].metrics["mase"])
        return Baseline(best, found[best].metrics, judged=found[best])

    def _measured(self, data: "TrainingSeries") -> "tuple[Origins, Doubles, Doubles]":
        """Return the origins of a part kept apart, what was observed after them, and the scales of what came before it."""
        from apps.algorithms.engine.forecasts import Origins, naive_scales

        assert self.horizon is not None
        origins = Origins.within(data.series, self.horizon, self._most_origins(len(data.series)))
        before = [one.until(one.begins) for one in data.series]
        return origins, origins.observed(data.series), naive_scales(before, self.season)

    def _importance(self, data: "TrainingSeries") -> Importance:
        """Say how large each part of the forecasts is, beside the error of the naive forecast."""
        assert self.horizon is not None
        known, sizes = self.light.known, dict[str, list[float]]()
        number_of = {name: number for number, name in enumerate(known.names)}
        for one in data.series:
            number = number_of[one.name]
            history = history_of(one, one.begins, self.horizon, number=number, scale=known.scales[number])
            for name, part in self.light.parts(history, self.horizon)[1].items():
                sizes.setdefault(name, []).extend((np.abs(part) / history.scale).tolist())
        told = [(name, float(np.mean(own)), float(np.std(own))) for name, own in sizes.items()]
        method = f"mean size of each part of the forecast ({self.light.method}), beside the naive forecast's error"
        return Importance(method, tuple(sorted(told, key=lambda one: -one[1])), rows=len(data.series) * self.horizon)

    def _predict(self, rows: list[dict[str, Any]]) -> Answers:
        return self.light.forecast(rows=rows, by=self._native_ahead)

    def _remembered(self) -> dict[str, Any]:
        return {"season": self.season}

    def _remember(self, facts: Mapping[str, Any]) -> None:
        self.horizon, self.season = self.light.horizon, facts["season"]


def history_of(one: "OneSeries", steps: int, horizon: int, *, number: int | None, scale: float) -> History:
    """Return what was known of a series after so many steps, its covariates as far as the horizon."""
    values, covariates = one.values[:steps], one.covariates[: steps + horizon]
    return History(one.name, number, one.first + steps - 1, values, covariates, scale)


def _parted(data: "TrainingSeries", test_share: float, horizon: int) -> "SeriesSplit":
    """Keep the last part of each series apart; those too short to be learned from before it are left out."""
    from apps.algorithms.series import begins_apart

    def learned(one: "OneSeries") -> int:
        return _with_end(one.until(begins_apart(one, test_share=test_share, horizon=horizon)), horizon).begins

    kept = data.at_least(_LEAST_PARTS * horizon, learned=learned)
    return kept.split(test_share=test_share, horizon=horizon)


def _with_end(one: "OneSeries", horizon: int) -> "OneSeries":
    """Return a series whose last part is to be forecast, not learned from."""
    apart = max(horizon, min(round(len(one.values) * _CALIBRATED), _MOST_CALIBRATED * horizon))
    return replace(one, begins=len(one.values) - apart)
