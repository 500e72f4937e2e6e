"""Split conformal prediction: from rows held back from a fit to bounds and sets that hold nine tenths of those to come."""

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.finish import Doubles, Intervals, PredictionSets
from apps.algorithms.predictors.forecast import bounds_apart

LEVEL = 0.90
_LEAST_ROWS = 20
_LEAST_OF_A_CLASS = 9  # rows of which the worst bounds nine tenths of those to come
_POOLED = 100  # errors of neighbouring steps ahead
_TIE = 1e-6


def conformal_widths(predicted: Doubles, truth: Doubles, *, level: float = LEVEL) -> Intervals | None:
    """Return half-widths from held-out residuals by bins of the predicted value.

    Split conformal prediction (Vovk et al. 2005) within each bin (Mondrian), which follows a spread that grows with the
    value. Bins have 100 rows and more, fewer where predictions are equal; one of fewer than 20 takes the residuals of all, and fewer
    than 20 in all give no interval.
    """
    if len(truth) < _LEAST_ROWS:
        return None
    bins = int(np.clip(len(truth) // 100, 1, 10))
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1])) if bins > 1 else np.zeros(0)
    where = np.searchsorted(edges, predicted)
    residuals = np.abs(predicted - truth) + _TIE * np.abs(truth)
    pools = [residuals[where == b] for b in range(len(edges) + 1)]
    widths = [_quantile(own if len(own) >= _LEAST_ROWS else residuals, level) for own in pools]
    return Intervals(level=level, edges=tuple(edges.tolist()), widths=tuple(widths))


def conformal_sets(chances: Doubles, truth: npt.NDArray[np.int64], *, level: float = LEVEL) -> PredictionSets | None:
    """Return the least probability of each class for its set, from held-out rows (rows x classes) and their codes.

    Split conformal prediction by the probability of the true class, within each class (Vovk et al. 2005, section 4.5), so that
    rare classes are covered too; classes of too few rows for that are taken together, and are in every set where even these
    are too few. A probability may fall short by `_TIE`: held-out ones are not computed to the last bit as the served ones are.
    """
    if len(truth) < _LEAST_ROWS:
        return None
    missing = 1.0 - chances[np.arange(len(truth)), truth]
    counts = np.bincount(truth, minlength=chances.shape[1])
    together = missing[counts[truth] < _LEAST_OF_A_CLASS]
    pools = [missing[truth == code] if counts[code] >= _LEAST_OF_A_CLASS else together for code in range(len(counts))]
    least = [1.0 - _quantile(pool, level) - _TIE if len(pool) >= _LEAST_OF_A_CLASS else 0.0 for pool in pools]
    return PredictionSets(level, tuple(least))


def conformal_factors(observed: Doubles, forecasts: Doubles, scales: Doubles, *, level: float = LEVEL) -> tuple[float, ...]:
    """Return how many times the distance from middle to bounds must be taken at each step ahead; none for too few errors.

    Split conformal prediction of errors beside the forecast's own bounds, over series and origins (Lei et al. 2018, section 5.2).
    Neighbouring steps are taken together until there are errors enough.
    """
    low, middle, high = np.moveaxis(bounds_apart(forecasts, scales), -1, 0)
    missed = observed - middle
    beside = np.where(missed < 0, -missed / (middle - low), missed / (high - middle))
    known, horizon = np.isfinite(beside), observed.shape[2]
    if known.sum() < _LEAST_ROWS:
        return ()
    counts, factors = known.sum(axis=(0, 1)), []
    for step in range(horizon):
        reach = next(
            (far for far in range(horizon) if counts[max(0, step - far) : step + far + 1].sum() >= _POOLED), horizon
        )
        near = slice(max(0, step - reach), step + reach + 1)
        factors.append(_quantile(beside[..., near][known[..., near]], level))
    return tuple(factors)


def _quantile(values: Doubles, level: float) -> float:
    ordered = np.sort(values)
    return float(ordered[min(len(ordered), int(np.ceil((len(ordered) + 1) * level))) - 1])
