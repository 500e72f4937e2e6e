"""Fit a support vector machine: exactly on few rows, over landmarks on many; calibrated on rows held back."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize
from sklearn.svm import SVC

from apps.algorithms.engine.held_back import ALONE, Ties, held_back
from apps.algorithms.predictors.finish import Doubles, probabilities
from apps.algorithms.predictors.kernel_machine import similarities
from apps.algorithms.results import Progress

FEW_ROWS = 4_000  # more are too many for an exact fit, whose time grows with their square
MOST_ROWS = 60_000  # to learn from
_MOST_CELLS = 60_000_000  # of rows beside features and landmarks, which are held in memory
_MOST_EXACT = 20_000  # rows times classes: each class is a fit of its own
_PENALTY = 1e-4  # on the bases of the calibration
_OF_EVERY_CLASS = 20
_TINY = 1e-12
_REACHES = (0.1, 0.3, 1.0)  # of scikit-learn's, which is short where there are many columns
_CURVE = (0.125, 0.25, 0.5, 1.0)  # shares of the rows for the live curve

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Machine:
    """`similarities(rows, vectors, gamma) @ weights + base`; an output a class, one alone for two classes."""

    vectors: Doubles
    weights: Doubles
    base: Doubles
    gamma: float

    def outputs(self, rows: Doubles) -> Doubles:
        """Return the raw outputs of scaled rows."""
        return similarities(rows, self.vectors, self.gamma) @ self.weights + self.base


@dataclass(frozen=True)
class Calibrated:
    """A machine whose outputs the `link` turns into probabilities; those of rows held back, with their codes."""

    machine: Machine
    link: str
    held_out_chances: Doubles
    held_out_truth: Codes


@dataclass(frozen=True)
class Settings:
    """`c` weighs errors against a smooth border; `gamma` is the reach of a row, None: what suits the rows; `landmarks` stand
    for many rows.
    """

    c: float
    gamma: float | None
    landmarks: int
    seed: int
    few: bool | None = None  # whether the fit is exact; None: as its own rows are few


def is_few(rows: int, classes: int) -> bool:
    """Say whether an exact fit is affordable: each class is a fit of its own."""
    return rows <= FEW_ROWS and rows * (1 if classes == 2 else classes) <= _MOST_EXACT


def usual_gamma(rows: Doubles) -> float:
    """Return scikit-learn's `scale`: one over features times variance."""
    return float(1.0 / max(_TINY, rows.shape[1] * float(rows.var())))


def rows_to_learn_from(target: Codes, features: int, settings: Settings) -> Codes:
    """Return the numbers of as many rows as can be learned from: drawn at random, some of every class."""
    most = min(MOST_ROWS, _MOST_CELLS // (features + settings.landmarks))
    drawn = np.random.default_rng(settings.seed).permutation(len(target))
    if len(target) <= most:
        return np.arange(len(target))
    of_class = np.argsort(np.argsort(target[drawn], kind="stable"), kind="stable")
    begins = np.concatenate([[0], np.cumsum(np.bincount(target))])[target[drawn]]
    is_first = of_class - begins < _OF_EVERY_CLASS
    found: Codes = np.sort(np.concatenate([drawn[is_first], drawn[~is_first]])[: max(most, int(is_first.sum()))])
    return found


def fit_calibrated(
    rows: Doubles, target: Codes, classes: int, settings: Settings, progress: Progress, ties: Ties = ALONE
) -> Calibrated:
    """Fit on scaled rows; the outputs are log-odds (two classes) or scores whose softmax are the probabilities.

    The outputs are calibrated on rows held back (Platt 1999; for more classes temperature and bias, Guo et al. 2017), and the
    calibration is folded into the weights.
    """
    few = is_few(len(rows), classes)
    settings = replace(settings, few=few)
    if settings.gamma is None:
        settings = replace(settings, gamma=_suited_gamma(rows, target, classes, settings, ties))
    folds = len(rows) <= FEW_ROWS
    parts = list(held_back(target, stratified=True, folds=folds, seed=settings.seed, ties=ties))
    outputs, truth = [], []
    for number, (left, right) in enumerate(parts):
        if number == 0:
            machine = _drawing_the_curve(rows, target, classes, settings, progress, left, right)
        else:
            machine = fit(rows[left], target[left], classes, settings)
        outputs.append(machine.outputs(rows[right]))
        truth.append(target[right])
        progress(0.3 + 0.5 * (number + 1) / len(parts), "fitting")
    held_out, known = np.concatenate(outputs), np.concatenate(truth)
    slope, base = _calibration(held_out, known, classes)
    if len(parts) > 1 or ties.times is not None:
        machine = fit(rows, target, classes, settings)
    progress(0.95, "fitting")
    calibrated = Machine(machine.vectors, slope * machine.weights, slope * machine.base + base, machine.gamma)
    link = "sigmoid" if classes == 2 else "softmax"
    return Calibrated(calibrated, link, probabilities(link, slope * held_out + base), known)


def _suited_gamma(rows: Doubles, target: Codes, classes: int, settings: Settings, ties: Ties) -> float:
    """Return that of a few reaches which tells best of rows held back."""
    some = np.random.default_rng(settings.seed).permutation(len(rows))[:FEW_ROWS]
    left, right = next(iter(held_back(target[some], stratified=True, folds=True, seed=settings.seed, ties=ties.of(some))))
    tried = [usual_gamma(rows) * factor for factor in _REACHES]
    losses = []
    for gamma in tried:
        machine = fit(rows[some[left]], target[some[left]], classes, replace(settings, gamma=gamma))
        outputs, truth = machine.outputs(rows[some[right]]), target[some[right]]
        slope, base = _calibration(outputs, truth, classes)
        losses.append(_log_loss(slope * outputs + base, truth))
    return tried[int(np.argmin(losses))]


def fit(rows: Doubles, target: Codes, classes: int, settings: Settings) -> Machine:
    """Fit one machine a class against the rest; one alone for two classes."""
    wanted = [1] if classes == 2 else list(range(classes))
    signs = np.stack([np.where(target == code, 1.0, -1.0) for code in wanted], axis=1)
    few = is_few(len(rows), classes) if settings.few is None else settings.few
    gamma = usual_gamma(rows) if settings.gamma is None else settings.gamma
    return _exact(rows, signs, settings, gamma) if few else _over_landmarks(rows, signs, settings, gamma)


def _exact(rows: Doubles, signs: Doubles, settings: Settings, gamma: float) -> Machine:
    weights, base = np.zeros_like(signs), np.zeros(signs.shape[1])
    for output, own in enumerate(signs.T):
        if abs(own.sum()) == len(own):  # a class that none of these rows has, or all have
            base[output] = own[0]
            continue
        machine = SVC(C=settings.c, gamma=gamma, cache_size=500).fit(rows, own)
        weights[machine.support_, output] = machine.dual_coef_[0]
        base[output] = machine.intercept_[0]
    used = np.flatnonzero(weights.any(axis=1))
    return Machine(rows[used], weights[used], base, gamma)


def _over_landmarks(rows: Doubles, signs: Doubles, settings: Settings, gamma: float) -> Machine:
    """Minimize the squared hinge over the Nyström features of some rows (Williams, Seeger 2001)."""
    chance = np.random.default_rng(settings.seed)
    vectors = rows[chance.choice(len(rows), min(settings.landmarks, len(rows)), replace=False)]
    values, turned = np.linalg.eigh(similarities(vectors, vectors, gamma))
    whitening = turned / np.sqrt(np.maximum(values, values.max() * 1e-10))
    features = (similarities(rows, vectors, gamma) @ whitening).astype(np.float32)
    solved = [_squared_hinge(features, own.astype(np.float32), settings.c) for own in signs.T]
    weights = whitening @ np.stack([weights for weights, _ in solved], axis=1)
    return Machine(vectors, weights, np.array([base for _, base in solved]), gamma)


def _squared_hinge(features: npt.NDArray[np.float32], signs: npt.NDArray[np.float32], c: float) -> tuple[Doubles, float]:
    def loss(at: Doubles) -> tuple[float, Doubles]:
        weights, base = at[:-1].astype(np.float32), np.float32(at[-1])
        short = np.maximum(1.0 - signs * (features @ weights + base), 0.0)
        pull = -2.0 * c * short * signs
        value = 0.5 * float(at[:-1] @ at[:-1]) + c * float(short.astype(np.float64) @ short)
        return value, np.append(at[:-1] + (features.T @ pull).astype(np.float64), float(pull.sum(dtype=np.float64)))

    found: Any = optimize.minimize(
        loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 300}
    )
    return found.x[:-1], float(found.x[-1])


def _calibration(outputs: Doubles, truth: Codes, classes: int) -> tuple[float, Doubles]:
    """Return slope and base, so that `slope * outputs + base` are log-odds (two classes) or scores for a softmax.

    One slope for all and a base a class: more numbers would fit the rows held back too well. The targets are smoothed by the
    count of their class as Platt's are, so that a class of few rows is never sure, nor one of none impossible.
    """
    scores = np.column_stack([np.zeros(len(outputs)), outputs]) if classes == 2 else outputs
    counts = np.bincount(truth, minlength=classes)
    doubt = 1.0 / (counts[truth] + 2.0)
    wanted = np.repeat(doubt[:, None] / max(1, classes - 1), classes, axis=1)
    wanted[np.arange(len(truth)), truth] = 1.0 - doubt

    def loss(at: Doubles) -> tuple[float, Doubles]:
        slope, base = np.exp(at[0]), at[1:]
        chances = probabilities("softmax", slope * scores + base)
        short = (chances - wanted) / len(truth)
        value = -float((wanted * np.log(np.maximum(chances, _TINY))).sum()) / len(truth) + _PENALTY * float(base @ base)
        return value, np.append(slope * float((short * scores).sum()), short.sum(axis=0) + 2 * _PENALTY * base)

    bounds = [(-4.0, 4.0), *([(None, None)] * classes)]
    found: Any = optimize.minimize(loss, np.zeros(classes + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    slope, base = float(np.exp(found.x[0])), found.x[1:]
    return slope, np.array([base[1] - base[0]]) if classes == 2 else base


def _log_loss(scores: Doubles, truth: Codes) -> float:
    chances = probabilities("sigmoid" if scores.shape[1] == 1 else "softmax", scores)
    return float(-np.log(np.maximum(chances[np.arange(len(truth)), truth], _TINY)).mean())


def _drawing_the_curve(
    rows: Doubles, target: Codes, classes: int, settings: Settings, progress: Progress, left: Codes, right: Codes
) -> Machine:
    """Fit on ever more of the rows `left`; the last is the fit on all of them."""
    shuffled = np.random.default_rng(settings.seed).permutation(left)
    for share in _CURVE:
        some = left if share == 1.0 else shuffled[: max(20, int(len(left) * share))]
        machine = fit(rows[some], target[some], classes, settings)
        outputs = machine.outputs(rows[right])
        slope, base = _calibration(outputs, target[right], classes)
        loss = _log_loss(slope * outputs + base, target[right])
        progress(0.02 + 0.28 * share, "fitting", step=len(some), metrics={"validation_loss": loss})
    return machine
