"""A plain linear model on the encoded columns: what a trained model should beat to be worth its complexity.

Logistic regression for classes, ridge regression for numbers, on features brought to one scale, missing values at their
mean. It learns from some of the training rows at the end of a fit and keeps its weights only.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from apps.algorithms.engine.growth import spread_rows
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles, probabilities
from apps.algorithms.predictors.scaling import scaled, scaling_of

NAME = "a plain linear model"
MOST_ROWS, LEAST_ROWS = 20_000, 2_000
_MOST_WORK = 20_000_000  # rows times features times classes a step: about two seconds of one core
_STEPS = 100
_AT_ONCE = 50_000  # rows whose features are held in double precision


@dataclass(frozen=True)
class LinearBaseline:
    """`weights` (features x outputs) of features in `scales` from their `means`; `base` (outputs,) is added."""

    weights: Doubles
    base: Doubles
    means: Doubles
    scales: Doubles

    def raw(self, matrix: Matrix) -> Doubles:
        """Return numbers, or the logits of classes, of the second alone of two (rows x outputs)."""
        found = np.empty((len(matrix), len(self.base)))
        for start in range(0, len(matrix), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            found[rows] = scaled(matrix[rows], self.means, self.scales) @ self.weights + self.base
        return found

    def chances(self, matrix: Matrix) -> Doubles:
        """Return class probabilities (rows x classes)."""
        return probabilities("softmax" if len(self.base) > 1 else "sigmoid", self.raw(matrix))


def fit_linear_baseline(matrix: Matrix, target: npt.NDArray[Any], *, classes: int) -> LinearBaseline | None:
    """Fit rows (rows x features; missing values are NaN) to class codes, or to numbers when `classes` is 0.

    None where the columns and classes are too many for a quick fit, or the numbers too large for one.
    """
    outputs = classes if classes > 2 else 1
    most = _MOST_WORK // (matrix.shape[1] * outputs)
    if most < LEAST_ROWS and most < len(matrix):
        return None
    rows = _rows(target, min(most, MOST_ROWS), classes=classes)
    means, scales = scaling_of(matrix[rows])
    features, known = scaled(matrix[rows], means, scales), target[rows]
    model = LogisticRegression(max_iter=_STEPS) if classes else Ridge()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, known)
    weights, base = np.atleast_2d(model.coef_).T.astype(np.float64), np.atleast_1d(model.intercept_).astype(np.float64)
    found = LinearBaseline(weights, base, means, scales)
    return found if np.isfinite(weights).all() and np.isfinite(base).all() else None


def _rows(target: npt.NDArray[Any], most: int, *, classes: int) -> npt.NDArray[np.int64]:
    """Return rows spread evenly, one of each class at least."""
    rows = spread_rows(len(target), most)
    return np.union1d(rows, np.unique(target, return_index=True)[1]) if classes else rows
