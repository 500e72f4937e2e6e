"""How answers are measured."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import mean_squared_error, r2_score, roc_auc_score

CALIBRATION_BINS = 15
_TINY = 1e-6

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def calibration_error(right: npt.NDArray[Any], said: Doubles) -> float:
    """Return the expected calibration error of probabilities over bins of equal width, as a share."""
    bins = np.minimum((said * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(float(right[bins == b].mean() - said[bins == b].mean())) * float((bins == b).mean()) for b in set(bins.tolist())
    ]
    return sum(gaps)


def of_classes(truth: Codes, chances: Doubles) -> dict[str, float]:
    """Measure probabilities (rows x classes).

    The calibration is that of the second of two classes; of more, that of the most probable one.
    """
    best, own = chances.argmax(axis=1), chances[np.arange(len(truth)), truth]
    two = chances.shape[1] == 2
    ranked = roc_auc_score(truth, chances[:, 1]) if two else roc_auc_score(truth, chances, multi_class="ovr")
    calibration = calibration_error(truth, chances[:, 1]) if two else calibration_error(best == truth, chances.max(axis=1))
    return {
        "accuracy": float((best == truth).mean()),
        "roc_auc": float(ranked),
        "log_loss": float(-np.log(np.clip(own, _TINY, 1.0)).mean()),
        "calibration_error": calibration,
    }


def of_sets(truth: Codes, members: list[set[int]]) -> dict[str, float]:
    """Measure sets of classes: the share that holds the true one, and how many classes they hold."""
    held = [code in inside for code, inside in zip(truth.tolist(), members, strict=True)]
    return {"coverage_of_90": float(np.mean(held)), "set_size": float(np.mean([len(inside) for inside in members]))}


def of_amounts(truth: Doubles, values: Doubles) -> dict[str, float]:
    """Measure point predictions."""
    return {"rmse": float(mean_squared_error(truth, values) ** 0.5), "r2": float(r2_score(truth, values))}


def of_intervals(truth: Doubles, bounds: Doubles) -> dict[str, float]:
    """Measure intervals (rows x 2): the share that holds the true value, and how wide they are."""
    low, high = bounds.T
    return {"coverage_of_90": float(((truth >= low) & (truth <= high)).mean()), "width": float((high - low).mean())}
