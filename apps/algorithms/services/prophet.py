"""Prophet."""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from apps.algorithms.forecast_service import ForecastService
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.calendar import Doubles
from apps.algorithms.predictors.forecast import ForecastPredictor, History, Known
from apps.algorithms.predictors.prophet import ProphetPredictor
from apps.algorithms.results import Progress, StoredPredictor

if TYPE_CHECKING:
    from apps.algorithms.engine.forecasts import Origins
    from apps.algorithms.engine.prophet import Settings
    from apps.algorithms.series import SeriesSplit, TrainingSeries

_COUNTRIES = ("FR", "none", "BE", "CH", "LU", "CA", "DE", "ES", "IT", "NL", "PT", "GB", "US")
_FITS = 200  # of all series and origins together, where forecasts are calibrated and measured
_MOST_ORIGINS = 10
_MODELS = "prophets.json"
_OWN = ("growth", "seasonality_mode", "changepoint_prior_scale", "seasonality_prior_scale")


class ProphetService(ForecastService):
    """A trend that bends, seasons, holidays and what is known ahead, fitted to each series by itself."""

    slug: ClassVar[str] = "prophet"
    title: ClassVar[str] = "Prophet"
    summary: ClassVar[str] = "Forecasts of trends with seasons and holidays; tells what each part adds."
    library: ClassVar[str] = "prophet"
    fast_parameters = {"horizon": 7, "holidays": "none"}
    reference: ClassVar[str] = "Taylor, S. J., Letham, B. (2018). Forecasting at Scale. The American Statistician 72, 37-45."
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        *ForecastService.series_parameters,
        Hyperparameter("growth", "choice", "linear", "Trend", "", choices=("linear", "flat")),
        Hyperparameter(
            "seasonality_mode", "choice", "additive", "Seasons", "Multiplicative: they grow with the trend.",
            choices=("additive", "multiplicative"), search=("additive", "multiplicative"),
        ),
        Hyperparameter(
            "changepoint_prior_scale", "number", 0.05, "How readily the trend bends", "", 0.001, 10.0,
            search=Range(0.001, 0.5, log=True),
        ),
        Hyperparameter(
            "seasonality_prior_scale", "number", 10.0, "How freely seasons are shaped", "", 0.01, 100.0,
            search=Range(0.01, 10.0, log=True),
        ),
        Hyperparameter("holidays", "choice", "FR", "Holidays", "Of a country, for steps up to a day.", choices=_COUNTRIES),
    )  # fmt: skip
    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = (ProphetPredictor,)
    light_form: ClassVar[type[ForecastPredictor]] = ProphetPredictor
    light: ProphetPredictor
    native: list[Any]

    yearly: frozenset[str] | None = None

    def split(self, data: "TrainingSeries", *, test_share: float) -> "SeriesSplit":
        """Keep the last part of each series apart; what is whole decides which have a yearly season."""
        from apps.algorithms.engine import prophet

        self.yearly = prophet.with_a_yearly_season(data.series, data.calendar)
        return super().split(data, test_share=test_share)

    def _calibration_forecasts(self, data: "TrainingSeries", origins: "Origins", progress: Progress) -> Doubles:
        from apps.algorithms.engine.forecasts import naive_scales
        from apps.algorithms.engine.judged_series import JudgedSeries

        observed, scales = origins.observed(data.series), naive_scales(data.series, self.season)
        made = np.full((*observed.shape, 3), np.nan)
        for origin, found in enumerate(self._from_each_origin(data, origins)):
            made[origin] = found
            so_far = JudgedSeries.of(observed[: origin + 1], made[: origin + 1], scales).metrics
            progress((origin + 1) / len(made), "fitting", step=origin + 1, metrics={"backtest_error": so_far["mase"]})
        return made

    def _forecasts(self, data: "TrainingSeries", origins: "Origins") -> Doubles:
        """Return forecasts of models that learned again from what was known at each origin, as the library's own tool does."""
        return np.array(list(self._from_each_origin(data, origins)))

    def _from_each_origin(self, data: "TrainingSeries", origins: "Origins") -> Iterator[Doubles]:
        """Yield the forecasts (series, horizon, 3) from one origin after the other."""
        from apps.algorithms.engine import prophet

        names, settings, ahead = data.roles.covariates, self._settings(), np.arange(origins.horizon)
        for origin in range(len(origins.back)):
            known = origins.histories(data.series, origin)
            models = prophet.fit_all(known, data.calendar, names, settings, self.threads)
            made = np.empty((len(known), origins.horizon, 3))
            for i, (model, one, before) in enumerate(zip(models, data.series, known, strict=True)):
                steps = len(before.values)
                beside = one.covariates[steps : steps + origins.horizon]
                places = one.first + steps + ahead
                made[i] = prophet.forecast_of(model, data.calendar, names, places=places, beside=beside)[:, None]
            yield made

    def _learn(
        self, data: "TrainingSeries", known: Known, factors: tuple[float, ...], progress: Progress
    ) -> ForecastPredictor:
        from apps.algorithms.engine import prophet

        names, settings, done = data.roles.covariates, self._settings(), count(1)
        self.native = []
        for model in prophet.fit_all(data.series, data.calendar, names, settings, self.threads):
            self.native.append(model)
            progress(next(done) / len(data.series), "fitting")
        fields = prophet.light_fields(self.native, names, settings)
        return ProphetPredictor(**self._common(data, known, factors), **fields)

    def _native_ahead(self, histories: Sequence[History], horizon: int) -> Doubles:
        from apps.algorithms.engine import prophet

        made, names = np.empty((len(histories), horizon, 3)), self.light.covariate_names
        for i, history in enumerate(histories):
            assert history.number is not None
            places, beside = history.last + 1 + np.arange(horizon), history.covariates[len(history.values) :]
            model = self.native[history.number]
            made[i] = prophet.forecast_of(model, self.light.calendar, names, places=places, beside=beside)[:, None]
        return made

    def _most_origins(self, series: int) -> int:
        return int(np.clip(_FITS // series, 1, _MOST_ORIGINS))

    def _settings(self) -> "Settings":
        from apps.algorithms.engine.prophet import Settings

        chosen = {name: self.parameters[name] for name in _OWN}
        country = self.parameters["holidays"]
        return Settings(
            **chosen, country="" if country == "none" else country, season=self.season, seed=self.seed, yearly=self.yearly
        )

    def _save_native(self, folder: Path) -> None:
        from apps.algorithms.engine import prophet

        (folder / _MODELS).write_text(json.dumps(prophet.as_json(self.native)))

    def _load_native(self, folder: Path) -> None:
        from apps.algorithms.engine import prophet

        self.native = prophet.from_json(json.loads((folder / _MODELS).read_text()))
