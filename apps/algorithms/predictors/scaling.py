"""Features on one scale, for what measures distances."""

import numpy as np

from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles


def scaling_of(matrix: Matrix, *, keep_flags: bool = False) -> tuple[Doubles, Doubles]:
    """Return mean and standard deviation of each feature (features,).

    `keep_flags`: a feature of zeros and ones keeps its scale, so that two rows of different categories lie about as far apart
    as two rows of a number do, however rare the categories are.
    """
    means, scales = np.nan_to_num(np.nanmean(matrix, axis=0)), np.nan_to_num(np.nanstd(matrix, axis=0))
    keeps = (scales <= 0) | (np.isin(matrix, (0.0, 1.0)).all(axis=0) if keep_flags else False)
    return means.astype(np.float64), np.where(keeps, 1.0, scales).astype(np.float64)


def scaled(matrix: Matrix, means: Doubles, scales: Doubles) -> Doubles:
    """Return features in `scales` from their `means`; what is missing is 0."""
    found: Doubles = np.nan_to_num((matrix.astype(np.float64) - means) / scales)
    return found
