"""Fit a support vector machine: exactly on few rows, over landmarks on many; calibrated on rows held back."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from apps.algorithms.engine.held_back import held_back
from apps.algorithms.predictors.finish import Doubles, probabilities
from apps.algorithms.predictors.kernel_machine import similarities
from apps.algorithms.results import Progress

FEW_ROWS = 4_000  # more are too many for an exact fit, whose time grows with their square
MOST_ROWS = 60_000  # to learn from: the similarities to the landmarks are held in memory
_MOST_EXACT = 20_000  # rows times classes: each class is a fit of its own
_MOST_SCALED_CLASSES = 30  # of more the calibration has too many numbers to find
_CALIBRATION_PENALTY = 0.01
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


def usual_gamma(rows: Doubles) -> float:
    """Return scikit-learn's `scale`: one over features times variance."""
    return float(1.0 / max(_TINY, rows.shape[1] * float(rows.var())))


def fit_calibrated(rows: Doubles, target: Codes, classes: int, settings: Settings, progress: Progress) -> Calibrated:
    """Fit on scaled rows; the outputs are log-odds (two classes) or scores whose softmax are the probabilities.

    The calibration is a logistic regression of the classes on the outputs for rows held back (Platt 1999; for more classes
    matrix scaling, Guo et al. 2017), folded into the weights.
    """
    few = len(rows) <= FEW_ROWS
    if settings.gamma is None:
        settings = replace(settings, gamma=_suited_gamma(rows, target, classes, settings))
    parts = list(held_back(target, stratified=True, folds=few, seed=settings.seed))
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
    slopes, base = _calibration(held_out, known, classes)
    if few:
        machine = fit(rows, target, classes, settings)
    progress(0.95, "fitting")
    calibrated = Machine(machine.vectors, machine.weights @ slopes, machine.base @ slopes + base, machine.gamma)
    link = "sigmoid" if classes == 2 else "softmax"
    return Calibrated(calibrated, link, probabilities(link, held_out @ slopes + base), known)


def _suited_gamma(rows: Doubles, target: Codes, classes: int, settings: Settings) -> float:
    """Return that of a few reaches which tells best of rows held back."""
    some = np.random.default_rng(settings.seed).permutation(len(rows))[:FEW_ROWS]
    left, right = next(
        iter(held_back(target[some], stratified=np.bincount(target[some]).min() > 1, folds=True, seed=settings.seed))
    )
    tried = [usual_gamma(rows) * factor for factor in _REACHES]
    losses = []
    for gamma in tried:
        machine = fit(rows[some[left]], target[some[left]], classes, replace(settings, gamma=gamma))
        outputs, truth = machine.outputs(rows[some[right]]), target[some[right]]
        slopes, base = _calibration(outputs, truth, classes)
        losses.append(_log_loss(outputs @ slopes + base, truth))
    return tried[int(np.argmin(losses))]


def fit(rows: Doubles, target: Codes, classes: int, settings: Settings) -> Machine:
    """Fit one machine a class against the rest; one alone for two classes."""
    wanted = [1] if classes == 2 else list(range(classes))
    signs = np.stack([np.where(target == code, 1.0, -1.0) for code in wanted], axis=1)
    few = len(rows) <= FEW_ROWS and signs.size <= _MOST_EXACT
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


def _calibration(outputs: Doubles, truth: Codes, classes: int) -> tuple[Doubles, Doubles]:
    """Return slopes (outputs x outputs) and base, so that `outputs @ slopes + base` are log-odds or scores for a softmax."""
    if len(np.unique(truth)) == classes <= _MOST_SCALED_CLASSES:
        fitted = LogisticRegression(C=1.0 / _CALIBRATION_PENALTY, max_iter=1_000).fit(outputs, truth)
        return fitted.coef_.T, fitted.intercept_
    found: Any = optimize.minimize_scalar(lambda t: _log_loss(outputs * t, truth), bounds=(0.05, 20.0), method="bounded")
    return np.eye(outputs.shape[1]) * found.x, np.zeros(outputs.shape[1])


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
        slopes, base = _calibration(outputs, target[right], classes)
        loss = _log_loss(outputs @ slopes + base, target[right])
        progress(0.02 + 0.28 * share, "fitting", step=len(some), metrics={"validation_loss": loss})
    return machine
