"""Fit one recurrent network over many series: it learns what a Theta forecast of each window still misses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t

from apps.algorithms.conformal import LEVEL
from apps.algorithms.engine.recurrent_training import Trainer
from apps.algorithms.engine.recurrent_windows import Ends, Examples, SeriesSet, drawn
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.recurrent_network import HEAD, RecurrentNetwork, Weights
from apps.algorithms.predictors.windows import AHEAD_INPUTS, STEP_INPUTS, WINDOW_INPUTS, Cut, Singles
from apps.algorithms.results import Progress, part_of

_SEASONS = 3  # rows of so many are looked at where the series have them
_MORE = (1, 2, 4, 9)  # times as many rows, which are tried
_GAIN = 0.0005  # of the loss, less is none
_WORTH, _WORTH_OF_FEW, _ENOUGH_PERIODS = 0.02, 0.10, 3  # of the base's loss; of fewer periods
_CHANCE = 0.10  # that a gain which is none passes for one
_NORMAL = 1.645  # standard errors, where too little was seen to know better
_FEW = 20  # outcomes, too few for their quantiles
_SPREADS = (0.5, 2.5)
_NARROWEST = 0.05  # scales
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the caller decides.

    `sequence_length` rows are read by the network, up to `context` are looked at for level, season and trend. An epoch takes
    `windows_an_epoch` of `most_windows`, which are drawn once; the learning rate falls over `epochs`, which end early after
    `patience` without gain. `refit` learns once more, as long, with the rows that were held back. `head` units join what the
    layers tell with what is known of a row ahead.
    """

    horizon: int
    sequence_length: int = 90
    hidden_layers: tuple[int, ...] = (128, 64, 32)
    dropout: float = 0.2
    learning_rate: float = 0.001
    epochs: int = 12
    patience: int = 5
    batch: int = 128
    windows_an_epoch: int = 3_072
    most_windows: int = 16_384
    context: int = 732
    head: int = 64
    level: float = LEVEL
    seed: int = 0
    threads: int = 1
    refit: bool = True


def fit_network(
    values: Sequence[Doubles], covariates: Sequence[Doubles] | None, *, season: int, settings: Settings, progress: Progress
) -> RecurrentNetwork:
    """Fit one network over all series; new ones of their kind can be forecast too.

    The network starts as a Theta forecast with the quantiles of its errors, and is kept at the epoch that is best on the last
    windows of each series; where that gains too little there, or in some periods only, at its start.

    Parameters
    ----------
    values : one array a series on a regular grid, NaN where a value is missing; short and constant ones may be among them.
    covariates : (rows + horizon, k) a series, known in advance and of about unit size; None for none.
    season : rows until the pattern repeats; 1 for none.
    progress : told after each epoch; what it raises is let through.

    Raises
    ------
    ValueError : there is no series, or covariates of the wrong shape.

    """
    if not values or max(map(len, values)) == 0:
        raise ValueError("There is no series to learn from.")
    series, chance = SeriesSet(values, covariates, season), np.random.default_rng(settings.seed)
    widest = _widest(values, season, settings)
    learned, held_back, every = series.ends(widest)
    progress(0.0, "fitting")
    cut = _best_cut(series, widest, np.concatenate([every[:0], *held_back]))
    held = [some for period in held_back if len((some := series.examples(period, cut).telling()).targets)]
    pool = series.examples(drawn(learned, settings.most_windows, chance), cut).telling()
    begun = RecurrentNetwork(cut, series.width, settings.level, 0, _begun(settings, cut, series.width, pool))
    found = _best_epoch(begun, pool, held, settings, part_of(progress, 0.05, 0.5 if settings.refit else 1.0))
    found = replace(found, spread=_spread(found, held, settings.level))
    if not settings.refit or not found.epochs:
        return found
    pool = series.examples(drawn(every, settings.most_windows, chance), cut).telling()
    trainer = _trainer(_begun(settings, cut, series.width, pool), pool, settings)
    for epoch in range(found.epochs):
        trainer.epoch()
        progress(0.5 + 0.5 * (epoch + 1) / found.epochs, "fitting")
    return replace(found, weights=trainer.weights())


def _widest(values: Sequence[Doubles], season: int, settings: Settings) -> Cut:
    """Return the longest windows of these series: shorter than asked where no series has a horizon after that many rows."""
    longest = max(map(len, values))
    read = min(settings.sequence_length, max(2, longest - settings.horizon))
    return Cut(season, read, max(read, min(settings.context, longest)), settings.horizon)


def _best_cut(series: SeriesSet, widest: Cut, held_back: Ends) -> Cut:
    """Return how many rows to look at so that the base forecasts best."""
    least = max(widest.sequence_length, _SEASONS * widest.season)
    cuts = [replace(widest, context=rows) for rows in sorted({min(widest.context, more * least) for more in _MORE})]
    return min(cuts, key=lambda cut: series.examples(held_back, cut).base_error())


def _best_epoch(
    begun: RecurrentNetwork, pool: Examples, held: Sequence[Examples], settings: Settings, progress: Progress
) -> RecurrentNetwork:
    """Return the network at the epoch of the least loss on the windows held back, each period counted alike."""
    if not len(pool.targets) or not held:
        return begun
    trainer = _trainer(begun.weights, pool, settings)

    def losses() -> Doubles:
        return np.array([trainer.loss(period) for period in held])

    first = losses()
    best, least = begun, first
    for epoch in range(1, settings.epochs + 1):
        trained, now = trainer.epoch(), losses()
        metrics = {"train_loss": trained, "validation_loss": float(now.mean())}
        progress(epoch / settings.epochs, "fitting", step=epoch, metrics=metrics)
        if now.mean() < least.mean() * (1 - _GAIN):
            best, least = replace(begun, weights=trainer.weights(), epochs=epoch), now
        elif epoch - best.epochs >= settings.patience:
            break
    return best if is_worth_having(1 - least / np.maximum(first, _TINY)) else begun


def is_worth_having(gains: Doubles) -> bool:
    """Say whether what was won in each period (periods,), as a share of the base's loss, will be won in the next one too.

    Of three periods on Student's test that the mean gain is more than none decides; of fewer the gain must be large, since all
    series of a set drift alike: on M3, 4 and 6 % won in two periods were lost in the next.
    """
    periods = len(gains)
    if periods < _ENOUGH_PERIODS:
        return bool(gains.mean() >= _WORTH_OF_FEW)
    least = gains.mean() - t.isf(_CHANCE, periods - 1) * gains.std(ddof=1) / np.sqrt(periods)
    return bool(gains.mean() >= _WORTH and least > 0)


def _trainer(start: Weights, pool: Examples, settings: Settings) -> Trainer:
    return Trainer(
        start, pool, batch=settings.batch, windows=settings.windows_an_epoch, epochs=settings.epochs, seed=settings.seed,
        learning_rate=settings.learning_rate, dropout=settings.dropout, level=settings.level, threads=settings.threads,
    )  # fmt: skip


def _begun(settings: Settings, cut: Cut, width: int, pool: Examples) -> Weights:
    """Return weights whose forecast is the base, with the quantiles of what the base missed."""
    chance = np.random.default_rng(settings.seed)

    def drawn_evenly(rows: int, columns: int) -> Singles:
        """Glorot, Bengio 2010."""
        most = np.sqrt(6 / (rows + columns))
        return chance.uniform(-most, most, (rows, columns)).astype(np.float32)

    kernels, biases, inputs = [], [], STEP_INPUTS + width
    for units in settings.hidden_layers:
        turned = np.linalg.qr(chance.normal(size=(4 * units, units)))[0].T.astype(np.float32)
        kernels.append(np.concatenate([drawn_evenly(inputs, 4 * units), turned]))
        biases.append(np.repeat(np.array([0, 1, 0, 0], dtype=np.float32), units))  # it forgets little at first
        inputs = units
    head = {
        "of_rows": drawn_evenly(2 * cut.sequence_length, settings.head) / np.float32(2),
        "of_state": drawn_evenly(inputs, settings.head),
        "of_ahead": drawn_evenly(AHEAD_INPUTS + width, settings.head),
        "of_window": drawn_evenly(WINDOW_INPUTS, settings.head),
        "places": np.zeros((cut.horizon, settings.head), dtype=np.float32),
        "to_quantiles": np.zeros((settings.head, 3), dtype=np.float32),
        "offsets": _offsets(pool, cut.horizon, settings.level),
    }
    return Weights(tuple(kernels), tuple(biases), **{name: head[name] for name in HEAD})


def _offsets(pool: Examples, horizon: int, level: float) -> Singles:
    """Return the outputs (H, 3) that stand for the quantiles of what the base missed, the median being the base."""
    found = np.zeros((horizon, 3))
    for place in range(horizon):
        missed = pool.targets[pool.weights[:, place] > 0, place]
        enough = len(missed) >= _FEW
        low, high = np.quantile(missed, [(1 - level) / 2, (1 + level) / 2]) if enough else (-_NORMAL, _NORMAL)
        found[place, [0, 2]] = np.log(np.expm1(np.clip([-low, high], _NARROWEST, 100.0)))
    return found.astype(np.float32)


def _spread(network: RecurrentNetwork, held: Sequence[Examples], level: float) -> tuple[float, float]:
    """Return how much wider the outer quantiles must be, below and above, to hold the outcomes that were held back."""
    sides_of = [_sides(network, period) for period in held]
    if sum(len(away) for away, _, _ in sides_of) < _FEW:
        return 1.0, 1.0
    away, below, above = (np.concatenate(parts) for parts in zip(*sides_of, strict=True))
    sides = (-away / np.maximum(below, _NARROWEST / 2), away / np.maximum(above, _NARROWEST / 2))
    least, most = _SPREADS
    down, up = (float(np.clip(np.quantile(side, (1 + level) / 2), least, most)) for side in sides)
    return down, up


def _sides(network: RecurrentNetwork, held: Examples) -> tuple[Doubles, Doubles, Doubles]:
    """Return how far outcomes were from the middle, and how far the bounds."""
    seen = held.weights > 0
    low, middle, high = np.moveaxis(network.outputs(held.windows), 2, 0)
    return (held.targets - middle)[seen], (middle - low)[seen], (high - middle)[seen]
