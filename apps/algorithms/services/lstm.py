"""Long short-term memory network."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from apps.algorithms.forecast_service import ForecastService, history_of
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.calendar import Doubles
from apps.algorithms.predictors.forecast import ForecastPredictor, Known
from apps.algorithms.predictors.recurrent import RecurrentPredictor, known_inputs
from apps.algorithms.predictors.recurrent_network import RecurrentNetwork
from apps.algorithms.results import Progress, StoredPredictor

if TYPE_CHECKING:
    from apps.algorithms.engine.forecasts import Origins
    from apps.algorithms.series import OneSeries, TrainingSeries

_CONTEXT = 732  # rows looked at for level, season and trend
_OWN = ("sequence_length", "hidden_layers", "dropout", "learning_rate", "epochs")
Centres = tuple[tuple[float, float], ...]


class LSTMService(ForecastService):
    """A recurrent network over all series together that learns what a statistical forecast of each still misses."""

    slug: ClassVar[str] = "lstm"
    title: ClassVar[str] = "LSTM network"
    summary: ClassVar[str] = "One network for many series: learns what they have in common, forecasts new ones too."
    library: ClassVar[str] = "tensorflow"
    reference: ClassVar[str] = (
        "Hochreiter, S., Schmidhuber, J. (1997). Long Short-Term Memory. Neural Computation 9, 1735-1780."
    )
    fast_parameters = {"horizon": 7, "sequence_length": 14, "hidden_layers": [4], "epochs": 3}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        *ForecastService.series_parameters,
        Hyperparameter(
            "sequence_length", "integer", 90, "Rows read", "Steps that the network reads of each series.", 4, 1_000
        ),
        Hyperparameter(
            "hidden_layers", "integers", (48,), "Layers", "Units of each layer, such as 128, 64, 32.", 1, 512,
            search=((32,), (48,), (96,), (64, 32)),
        ),
        Hyperparameter(
            "dropout", "number", 0.2, "Dropout", "Share of units left out while it learns.", 0.0, 0.9,
            search=Range(0.0, 0.4),
        ),
        Hyperparameter(
            "learning_rate", "number", 0.002, "Learning rate", "Smaller learns slower and finer.", 1e-5, 0.1,
            search=Range(5e-4, 1e-2, log=True),
        ),
        Hyperparameter("epochs", "integer", 12, "Epochs", "Fewer are used when more do not help.", 1, 200),
    )  # fmt: skip
    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = (RecurrentPredictor,)
    light_form: ClassVar[type[ForecastPredictor]] = RecurrentPredictor
    light: RecurrentPredictor

    def _calibration_forecasts(self, data: "TrainingSeries", origins: "Origins", progress: Progress) -> Doubles:
        """Return forecasts of a network that learned from what comes before the first origin."""
        before = replace(data, series=tuple(one.until(one.begins) for one in data.series))
        centres = _centres(before)
        network = self._network(before, centres, progress, refit=False)
        known = Known((), (), (), np.zeros((0, 0)), np.zeros((0, 0, 0)))
        light = RecurrentPredictor(**self._common(data, known, ()), network=network, centres=centres)
        return _rolled(light, data, origins)

    def _forecasts(self, data: "TrainingSeries", origins: "Origins") -> Doubles:
        """Return the network's forecasts, its weights as they are, its context up to each origin."""
        return _rolled(self.light, data, origins)

    def _learn(
        self, data: "TrainingSeries", known: Known, factors: tuple[float, ...], progress: Progress
    ) -> ForecastPredictor:
        centres = _centres(data)

        def unseen(fraction: float, stage: str, **_curve: Any) -> None:
            progress(fraction, stage)  # the live curve is that of the first fit

        network = self._network(data, centres, unseen, refit=True)
        if not network.epochs:
            self.warnings += ("The network adds nothing to the Theta forecast of these series: that is what it answers.",)
        return RecurrentPredictor(**self._common(data, known, factors), network=network, centres=centres)

    def _network(self, data: "TrainingSeries", centres: Centres, progress: Progress, *, refit: bool) -> RecurrentNetwork:
        from apps.algorithms.engine.recurrent import Settings, fit_network

        assert self.horizon is not None
        chosen = {name: self.parameters[name] for name in _OWN}
        chosen["hidden_layers"] = tuple(chosen["hidden_layers"])
        settings = Settings(
            horizon=self.horizon, seed=self.seed, threads=self.threads, refit=refit, context=_CONTEXT, **chosen
        )
        beside = [_inputs(data, one, self.horizon, centres) for one in data.series]
        values = [one.values for one in data.series]
        return fit_network(values, beside, season=self.season, settings=settings, progress=progress)

    def _kept_steps(self, horizon: int) -> int:
        return max(super()._kept_steps(horizon), _CONTEXT, int(self.parameters["sequence_length"]))


def _rolled(light: RecurrentPredictor, data: "TrainingSeries", origins: "Origins") -> Doubles:
    made = []
    for origin in range(len(origins.back)):
        known = origins.histories(data.series, origin)
        histories = [
            history_of(one, len(before.values), origins.horizon, number=i, scale=1.0)
            for i, (one, before) in enumerate(zip(data.series, known, strict=True))
        ]
        made.append(light.ahead(histories, origins.horizon))
    return np.array(made)


def _centres(data: "TrainingSeries") -> Centres:
    """Return mean and standard deviation of each covariate over all series; a constant one has the spread 1."""
    every = np.concatenate([one.covariates for one in data.series])
    spreads = every.std(axis=0)
    pairs = zip(every.mean(axis=0).tolist(), np.where(spreads > 0, spreads, 1.0).tolist(), strict=True)
    return tuple((mean, spread) for mean, spread in pairs)


def _inputs(data: "TrainingSeries", one: "OneSeries", horizon: int, centres: Centres) -> Doubles:
    """Return what is known of the steps of a series and of those after it; covariates after it are not asked for."""
    places = one.first + np.arange(len(one.values) + horizon)
    beside = np.full((len(places), len(centres)), np.nan)
    beside[: len(one.covariates)] = one.covariates
    return known_inputs(data.calendar, places, beside, centres)
