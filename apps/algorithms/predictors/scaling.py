"""Features on one scale, for what measures distances."""

import numpy as np

from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles

_AT_ONCE = 64  # features held in double precision
_CONSTANT = 1e-7  # a spread of less than this share of the mean is rounding


def scaling_of(matrix: Matrix, *, keep_flags: bool = False) -> tuple[Doubles, Doubles]:
    """Return mean and standard deviation of each feature (features,); a constant feature has the scale 1.

    `keep_flags`: a feature of zeros and ones keeps its scale, so that two rows of different categories lie about as far apart
    as two rows of a number do, however rare the categories are.
    """
    means, scales = np.zeros(matrix.shape[1]), np.ones(matrix.shape[1])
    for start in range(0, matrix.shape[1], _AT_ONCE):
        block = matrix[:, start : start + _AT_ONCE].astype(np.float64)
        missing = np.isnan(block)
        known = np.maximum((~missing).sum(axis=0), 1)
        mean = np.where(missing, 0.0, block).sum(axis=0) / known
        spread = np.sqrt((np.where(missing, 0.0, block - mean) ** 2).sum(axis=0) / known)
        keeps = spread <= _CONSTANT * np.abs(mean)
        if keep_flags:
            keeps |= (missing | np.isin(block, (0.0, 1.0))).all(axis=0)
        means[start : start + _AT_ONCE], scales[start : start + _AT_ONCE] = mean, np.where(keeps, 1.0, spread)
    return means, scales


def scaled(matrix: Matrix, means: Doubles, scales: Doubles) -> Doubles:
    """Return features in `scales` from their `means`; what is missing is 0."""
    found: Doubles = matrix.astype(np.float64)
    found -= means
    found /= scales
    return np.nan_to_num(found, copy=False)
