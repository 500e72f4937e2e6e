"""How well a classifier does on rows whose labels are not known yet, from its own calibrated probabilities.

Confidence-based performance estimation (Bialas et al., NannyML): a row answered with a probability of 0.8 is right in 0.8
of such rows. It follows inputs that move, and is blind where what the inputs mean moves (concept drift): no estimate
without labels can see that. So it is held against labels once they come, and said to be void when they contradict it.

Regression is left out: its stored conformal widths differ by the predicted value alone, so an estimate from them would only
say that answers moved, and stay calm while every row becomes harder.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from apps.algorithms.reference import Doubles, Index
from apps.monitoring.detectors.finding import LEAST_ROWS

LEVEL = 0.01
_DRAWS = 200
_MOST_DRAWN = 20_000  # rows; of more, the spread is that of so many, scaled
_LEAST_CHANCE = 1e-15
NAMES = {"accuracy": "accuracy", "roc_auc": "ROC AUC", "log_loss": "log loss"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure that is expected, and its standard error: what the labels' own chance leaves open."""

    measure: str
    value: float
    spread: float
    rows: int


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Whether labels contradict an estimate of the same rows: how far they are `apart`, and the chance of that."""

    measure: str
    expected: float
    labelled: float
    apart: float
    p_value: float
    is_contradicted: bool
    sentence: str


def expected_quality(chances: Doubles, answers: Index | None = None, *, seed: int = 0) -> dict[str, Estimate]:
    """Estimate accuracy, ROC AUC (of one class against the others, averaged) and log loss of calibrated probabilities.

    `chances` (rows x classes) are those of the model; rows that hold anything else are passed over, and nothing is told of
    fewer than 30. `answers` are the classes that it answered, where these are not the most probable ones. The spreads are
    those of labels drawn with these probabilities; a fault of calibration is not in them.
    """
    known, good = _usable(chances)
    if len(known) < LEAST_ROWS:
        return {}
    told = known.argmax(axis=1) if answers is None else answers[good]
    expected = {
        "accuracy": float(known[np.arange(len(known)), told].mean()),
        "roc_auc": _expected_area(known),
        "log_loss": float(-(known * np.log(known.clip(_LEAST_CHANCE))).sum(axis=1).mean()),
    }
    chance = np.random.default_rng(seed)
    picked = chance.permutation(len(known))[:_MOST_DRAWN]
    some, of_some = known[picked], told[picked]
    sums = some.cumsum(axis=1)[:, :-1]
    drawn = [measured_quality(some, (chance.random((len(some), 1)) > sums).sum(axis=1), of_some) for _ in range(_DRAWS)]
    found = {}
    for name, value in expected.items():
        values = [one[name] for one in drawn if name in one]
        if value is not None and len(values) > _DRAWS / 2:
            spread = float(np.std(values, ddof=1)) * math.sqrt(len(some) / len(known))
            found[name] = Estimate(name, value, spread, len(known))
    return found


def measured_quality(chances: Doubles, labels: Index, answers: Index | None = None) -> dict[str, float]:
    """Measure the same on rows whose labels are known (the places of their classes); of one class there is no ROC AUC."""
    of_label = chances[np.arange(len(labels)), labels]
    measured = {
        "accuracy": float(((chances.argmax(axis=1) if answers is None else answers) == labels).mean()),
        "log_loss": float(-np.log(of_label.clip(_LEAST_CHANCE)).mean()),
    }
    areas = []
    for at in range(1 if chances.shape[1] == 2 else 0, chances.shape[1]):
        own = labels == at
        count = int(own.sum())
        if 0 < count < len(labels):
            ranks = rankdata(chances[:, at])
            areas.append((ranks[own].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))
    if areas:
        measured["roc_auc"] = float(np.mean(areas))
    return measured


def contradicts(
    estimate: Estimate, labelled: Mapping[str, float], *, level: float = LEVEL, least: float = 0.0
) -> Contradiction | None:
    """Tell whether what was `measured_quality` on the estimate's own rows lies beyond what chance explains at `level`.

    None where the measure is not known. Where probabilities are calibrated it is said to be contradicted once in a hundred times.
    What is apart by less than `least` contradicts nothing, however sure it is.
    """
    if estimate.measure not in labelled or not math.isfinite(labelled[estimate.measure]):
        return None
    value = labelled[estimate.measure]
    apart = value - estimate.value
    p_value = float(2 * norm.sf(abs(apart) / estimate.spread)) if estimate.spread else float(abs(apart) < 1e-9)
    is_contradicted = p_value <= level and abs(apart) >= least
    name = NAMES[estimate.measure]
    told = f"Labels give {name} {value:.3f} where {estimate.value:.3f} was expected (standard error {estimate.spread:.3f})"
    small = "chance explains that." if p_value > level else "that is too little to matter."
    end = "the estimate is no longer to be trusted." if is_contradicted else small
    return Contradiction(estimate.measure, estimate.value, value, apart, p_value, is_contradicted, f"{told}: {end}")


def _usable(chances: Doubles) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Return the rows that hold probabilities, and which ones these are."""
    given = np.asarray(chances, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] < 2:
        return np.zeros((0, 2)), np.zeros(len(given), dtype=bool)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(given).all(axis=1) & (given >= 0).all(axis=1) & (np.abs(given.sum(axis=1) - 1) < 1e-3)
    kept = given[good]
    return np.asarray(kept / kept.sum(axis=1, keepdims=True)), good


def _expected_area(chances: Doubles) -> float | None:
    """Return the expected share of pairs, one of the class and one not, that are ranked rightly; ties count half."""
    areas = []
    for at in range(1 if chances.shape[1] == 2 else 0, chances.shape[1]):
        score = np.sort(chances[:, at])
        starts = np.unique(score, return_index=True)[1]
        own, other = (np.add.reduceat(side, starts) for side in (score, 1 - score))
        with_itself = np.add.reduceat(score * (1 - score), starts)  # a row is no pair with itself
        below = np.cumsum(other) - other
        right = float((own * (below + other / 2) - with_itself / 2).sum())
        pairs = float(own.sum() * other.sum() - with_itself.sum())
        if pairs > 1e-9:
            areas.append(right / pairs)
    return float(np.mean(areas)) if areas else None
