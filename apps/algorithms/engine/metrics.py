"""What each task's people expect to see, on rows the model never saw; labels are class codes, chances per class."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk

from apps.algorithms.results import Evaluation

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
CALIBRATION_BINS = 15
CURVE_POINTS = 100
MOST_CLASSES_IN_MATRIX = 30
_TINY = 1e-7
ALERT_RATE = "alert_rate"
MOST_COMPARED = 3_000  # rows whose distances are all measured
MAP_POINTS = 400


def classification_metrics(truth: Codes, chances: Doubles, *, positive: int = 1) -> dict[str, float]:
    """Score class probabilities (rows x classes); of two classes, `positive` is the one to be found."""
    classes = chances.shape[1]
    best = chances.argmax(axis=1)
    hit = np.zeros_like(chances)
    hit[np.arange(len(truth)), truth] = 1.0
    found = {
        "accuracy": float((best == truth).mean()),
        "balanced_accuracy": float(np.mean([(best[truth == c] == c).mean() for c in np.unique(truth)])),
        "f1_macro": float(sk.f1_score(truth, best, average="macro", zero_division=0)),
        "log_loss": float(-np.log(np.clip(chances[np.arange(len(truth)), truth], _TINY, 1.0)).mean()),
        "brier": float(((chances - hit) ** 2).sum(axis=1).mean() / (2 if classes == 2 else 1)),
        "calibration_error": calibration_error(best == truth, chances.max(axis=1)),
    }
    if len(np.unique(truth)) == classes:
        if classes == 2:
            found["roc_auc"] = float(sk.roc_auc_score(truth, chances[:, 1]))
            found["average_precision"] = float(sk.average_precision_score(truth == positive, chances[:, positive]))
        else:
            found["roc_auc"] = float(sk.roc_auc_score(truth, chances, multi_class="ovr", average="macro"))
    return found


def calibration_error(right: npt.NDArray[np.bool_], confidence: Doubles) -> float:
    """Return the expected calibration error over equal-width bins of confidence, as a share (Naeini et al. 2015)."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    sure = np.bincount(bins, weights=confidence, minlength=CALIBRATION_BINS)
    good = np.bincount(bins, weights=right.astype(float), minlength=CALIBRATION_BINS)
    return float(np.abs(sure - good).sum() / max(1, counts.sum()))


def classification_curves(truth: Codes, chances: Doubles, names: list[str], *, positive: int = 1) -> dict[str, Any]:
    """Return the confusion matrix, the calibration bins and, for two classes, the one to be found and points of its ROC curve."""
    curves: dict[str, Any] = {}
    if len(names) <= MOST_CLASSES_IN_MATRIX:
        matrix = sk.confusion_matrix(truth, chances.argmax(axis=1), labels=range(len(names)))
        curves["confusion"] = {"labels": names, "counts": matrix.tolist()}
    shown = chances[:, positive] if len(names) == 2 else chances.max(axis=1)
    right = truth == positive if len(names) == 2 else chances.argmax(axis=1) == truth
    bins = np.minimum((shown * 10).astype(int), 9)
    curves["calibration"] = [
        {
            "predicted": float(shown[bins == b].mean()),
            "observed": float(right[bins == b].mean()),
            "rows": int((bins == b).sum()),
        }
        for b in range(10)
        if (bins == b).any()
    ]
    if len(names) == 2:
        curves["positive"] = names[positive]
    if len(names) == 2 and len(np.unique(truth)) == 2:
        false, true, _ = sk.roc_curve(truth == positive, chances[:, positive])
        picked = np.unique(np.linspace(0, len(false) - 1, CURVE_POINTS).astype(int))
        curves["roc"] = np.column_stack([false[picked], true[picked]]).round(4).tolist()
    return curves


def set_metrics(truth: Codes, members: list[list[int]]) -> dict[str, float]:
    """Score sets of classes: the share that holds the true one, and the mean number of classes in a set."""
    held = [code in inside for code, inside in zip(truth.tolist(), members, strict=True)]
    return {"set_coverage": float(np.mean(held)), "set_size": float(np.mean([len(inside) for inside in members]))}


def regression_metrics(truth: Doubles, values: Doubles, bounds: Doubles | None = None) -> dict[str, float]:
    """Score point predictions and, when given, intervals (n x 2)."""
    error = values - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    found = {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "r2": 1.0 - float((error**2).sum()) / spread if spread else 0.0,
    }
    if bounds is not None:
        inside = (truth >= bounds[:, 0]) & (truth <= bounds[:, 1])
        found["interval_coverage"] = float(inside.mean())
        found["interval_width"] = float((bounds[:, 1] - bounds[:, 0]).mean())
    return found


def regression_curves(truth: Doubles, values: Doubles) -> dict[str, Any]:
    """Return up to 300 points of predicted against observed."""
    picked = np.unique(np.linspace(0, len(truth) - 1, 300).astype(int))
    return {"predicted_observed": np.column_stack([values[picked], truth[picked]]).tolist()}


def anomaly_metrics(scores: Doubles, alerts: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_] | None) -> dict[str, float]:
    """Score anomaly scores; without labels only the share of alerts is known."""
    found = {ALERT_RATE: float(alerts.mean())}
    if truth is not None and 0 < truth.sum() < len(truth):
        found["roc_auc"] = float(sk.roc_auc_score(truth, scores))
        found["average_precision"] = float(sk.average_precision_score(truth, scores))
        found["precision_of_alerts"] = float(truth[alerts].mean()) if alerts.any() else 0.0
        found["recall_of_alerts"] = float(alerts[truth].mean())
    return found


def cluster_metrics(rows: Doubles, found: Codes, groups: Codes | None) -> dict[str, float]:
    """Score clusters (-1: noise) of rows on one scale; up to `MOST_COMPARED` are compared for the silhouette, to which noise adds 0."""
    inside = np.flatnonzero(found >= 0)
    inside = inside[np.unique(np.linspace(0, len(inside) - 1, min(len(inside), MOST_COMPARED)).astype(int))]
    told = {"clusters": float(len(np.unique(found[found >= 0]))), "noise_share": float((found < 0).mean())}
    if 1 < len(np.unique(found[inside])) < len(inside):
        told["silhouette"] = float(sk.silhouette_score(rows[inside], found[inside])) * float((found >= 0).mean())
    if groups is not None and len(np.unique(groups)) > 1:
        told["adjusted_rand"] = float(sk.adjusted_rand_score(groups, found))
    return told


def agreement(one: Codes, other: Codes) -> float:
    """Return the adjusted Rand index of two clusterings of the same rows: 1 where both are one group."""
    return float(sk.adjusted_rand_score(one, other))


def cluster_curves(rows: Doubles, found: Codes) -> dict[str, Any]:
    """Return up to `MAP_POINTS` rows in the two directions in which they differ most, each with its cluster."""
    centred = rows - rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    shares = sizes**2 / max(float((sizes**2).sum()), _TINY)
    picked = np.unique(np.linspace(0, len(rows) - 1, MAP_POINTS).astype(int))
    flat = centred[picked] @ directions[:2].T
    if flat.shape[1] < 2:
        flat = np.column_stack([flat, np.zeros(len(flat))])
    points = [[float(x), float(y), int(cluster)] for (x, y), cluster in zip(flat, found[picked], strict=True)]
    return {"map": {"points": points, "share": float(shares[:2].sum())}}


def beats_baseline(evaluation: Evaluation, baseline: dict[str, float]) -> bool:
    """Say whether the main metric is better than the baseline's; True where nothing can be compared."""
    if evaluation.main in {ALERT_RATE, "noise_share"}:
        return True  # without labels no answer is better than another
    ours, trivial = evaluation.metrics.get(evaluation.main), baseline.get(evaluation.main)
    if ours is None or trivial is None:
        return True
    return ours > trivial if evaluation.greater_is_better else ours < trivial
