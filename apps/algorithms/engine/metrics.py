"""What each task's people expect to see, on rows the model never saw; labels are class codes, chances per class."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk

from apps.algorithms.conformal import LEVEL
from apps.algorithms.engine.ranking import Ranked
from apps.algorithms.results import Evaluation

Doubles = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
CALIBRATION_BINS = 15
CURVE_POINTS = 100
HISTOGRAM_BINS = 30
_OUTERMOST = 0.005  # of the residuals, on either side: beyond lies what would press all others into one bin
MOST_CLASSES_IN_MATRIX = 30
_TINY = 1e-7
_R2_DECIMALS = 12  # beyond is the rounding of its sums
ALERT_RATE = "alert_rate"
MOST_COMPARED = 3_000  # rows whose distances are all measured
MAP_POINTS = 400
MOST_GROUPS = 20  # whose sizes are told one by one


def classification_metrics(truth: Codes, chances: Doubles, *, positive: int = 1) -> dict[str, float]:
    """Score class probabilities (rows x classes); of two classes, `positive` is the one to be found."""
    classes = chances.shape[1]
    best = chances.argmax(axis=1)
    losses, squares = losses_of_chances(truth, chances)
    found = {
        "accuracy": float((best == truth).mean()),
        "balanced_accuracy": float(np.mean([(best[truth == c] == c).mean() for c in np.unique(truth)])),
        "f1_macro": float(sk.f1_score(truth, best, average="macro", zero_division=0)),
        "log_loss": float(losses.mean()),
        "brier": float(squares.mean()),
        "calibration_error": calibration_error(best == truth, chances.max(axis=1)),
    }
    if classes == 2:
        found["precision"] = float(sk.precision_score(truth, best, pos_label=positive, zero_division=0))
        found["recall"] = float(sk.recall_score(truth, best, pos_label=positive, zero_division=0))
    else:
        found["f1_weighted"] = float(sk.f1_score(truth, best, average="weighted", zero_division=0))
    if len(np.unique(truth)) == classes:
        if classes == 2:
            found["roc_auc"] = float(sk.roc_auc_score(truth, chances[:, 1]))
            found["average_precision"] = float(sk.average_precision_score(truth == positive, chances[:, positive]))
        else:
            found["roc_auc"] = float(sk.roc_auc_score(truth, chances, multi_class="ovr", average="macro"))
    return found


def losses_of_chances(truth: Codes, chances: Doubles) -> tuple[Doubles, Doubles]:
    """Return the log loss and the squared loss (Brier 1950) of each row; of two classes the loss of one of them."""
    rows = np.arange(len(truth))
    squares = (chances**2).sum(axis=1) - 2 * chances[rows, truth] + 1.0
    return -np.log(np.clip(chances[rows, truth], _TINY, 1.0)), squares / (2 if chances.shape[1] == 2 else 1)


def confidence_bins(confidence: Doubles) -> Codes:
    """Return the bin of equal width that each confidence (0..1) lies in."""
    return np.minimum((np.nan_to_num(confidence) * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def calibration_error(right: npt.NDArray[np.bool_], confidence: Doubles) -> float:
    """Return the expected calibration error over equal-width bins of confidence, as a share (Naeini et al. 2015)."""
    bins = confidence_bins(confidence)
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
        curves["precision_recall"] = precision_recall(truth == positive, chances[:, positive])
    return curves


def precision_recall(truth: npt.NDArray[np.bool_], scores: Doubles) -> list[list[float]]:
    """Return up to `CURVE_POINTS` points of recall and precision as the threshold falls, evenly spread over the recall."""
    precision, recall, _ = sk.precision_recall_curve(truth, scores)
    recall, precision = recall[-2::-1], precision[-2::-1]  # without the point that stands for no row at all
    picked = np.unique(np.searchsorted(recall, np.linspace(recall[0], 1.0, CURVE_POINTS)))
    points: list[list[float]] = np.column_stack([recall[picked], precision[picked]]).round(4).tolist()
    return points


def histogram(values: Doubles, *, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    """Return counts in `HISTOGRAM_BINS` bins of equal width and their edges; what lies outside counts in the outermost."""
    low, high = (float(values.min()) if least is None else least), (float(values.max()) if most is None else most)
    counts, edges = np.histogram(np.clip(values, low, high), bins=HISTOGRAM_BINS if high > low else 1, range=(low, high))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def set_metrics(truth: Codes, members: list[list[int]]) -> dict[str, float]:
    """Score sets of classes: the share that holds the true one, and the mean number of classes in a set."""
    held, sizes = sets_by_row(truth, members)
    return {"set_coverage": float(held.mean()), "set_size": float(sizes.mean())}


def sets_by_row(truth: Codes, members: list[list[int]]) -> tuple[npt.NDArray[np.bool_], Doubles]:
    """Return whether each row's set holds its class, and how many classes are in it."""
    held = [code in inside for code, inside in zip(truth.tolist(), members, strict=True)]
    return np.array(held, dtype=bool), np.array([len(inside) for inside in members], dtype=np.float64)


def regression_metrics(
    truth: Doubles, values: Doubles, bounds: Doubles | None = None, *, level: float = LEVEL
) -> dict[str, float]:
    """Score point predictions and, when given, intervals (n x 2) of `level`."""
    error = values - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    found = {
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "median_absolute_error": float(np.median(np.abs(error))),
        "r2": round(1.0 - float((error**2).sum()) / spread, _R2_DECIMALS) if spread else 0.0,
    }
    if bounds is not None:
        inside = (truth >= bounds[:, 0]) & (truth <= bounds[:, 1])
        found["interval_coverage"] = float(inside.mean())
        found["interval_width"] = float((bounds[:, 1] - bounds[:, 0]).mean())
        tail = (1 - level) / 2
        found["pinball_low"] = float(pinball(truth, bounds[:, 0], tail).mean())
        found["pinball_high"] = float(pinball(truth, bounds[:, 1], 1 - tail).mean())
    return found


def pinball(truth: Doubles, bound: Doubles, quantile: float) -> Doubles:
    """Return the loss of each row that is least when `bound` is the quantile (0..1) of the truth (Koenker, Bassett 1978)."""
    missed = truth - bound
    return np.maximum(quantile * missed, (quantile - 1.0) * missed)


def regression_curves(truth: Doubles, values: Doubles) -> dict[str, Any]:
    """Return up to 300 points of predicted against observed, and the histogram of the residuals (observed - predicted)."""
    picked = np.unique(np.linspace(0, len(truth) - 1, 300).astype(int))
    residuals = truth - values
    low, high = np.quantile(residuals, [_OUTERMOST, 1 - _OUTERMOST]).tolist()
    return {
        "predicted_observed": np.column_stack([values[picked], truth[picked]]).tolist(),
        "residuals": histogram(residuals, least=low, most=high),
    }


def anomaly_metrics(
    scores: Doubles, alerts: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_] | None, *, share: float
) -> dict[str, float]:
    """Score anomaly scores, of which a `share` may alert; without labels only the share of alerts is known."""
    found = {ALERT_RATE: float(alerts.mean())}
    if truth is not None and 0 < truth.sum() < len(truth):
        found["roc_auc"] = float(sk.roc_auc_score(truth, scores))
        found["average_precision"] = float(sk.average_precision_score(truth, scores))
        found["precision_of_alerts"] = float(truth[alerts].mean()) if alerts.any() else 0.0
        found["recall_of_alerts"] = float(alerts[truth].mean())
        found["precision_at_budget"] = float(Ranked.of(scores, truth).precision_at(np.ones((1, len(scores))), share)[0])
    return found


def anomaly_curves(scores: Doubles, truth: npt.NDArray[np.bool_] | None, *, threshold: float | None) -> dict[str, Any]:
    """Return the histogram of the scores with the threshold above which a row alerts; with labels the precision by recall."""
    curves: dict[str, Any] = {"scores": {**histogram(scores), "threshold": threshold}}
    if truth is not None and 0 < truth.sum() < len(truth):
        curves["precision_recall"] = precision_recall(truth, scores)
    return curves


def silhouettes(rows: Doubles, found: Codes) -> Doubles:
    """Return the silhouette of up to `MOST_COMPARED` rows in clusters (Rousseeuw 1987), NaN for those not compared."""
    told = np.full(len(rows), np.nan)
    inside = np.flatnonzero(found >= 0)
    inside = inside[np.unique(np.linspace(0, len(inside) - 1, min(len(inside), MOST_COMPARED)).astype(int))]
    if 1 < len(np.unique(found[inside])) < len(inside):
        told[inside] = sk.silhouette_samples(rows[inside], found[inside])
    return told


def cluster_metrics(found: Codes, each: Doubles, groups: Codes | None) -> dict[str, float]:
    """Score clusters (-1: noise) of rows by their `silhouettes`, to which noise adds 0, and by the labels if there are any."""
    told = {"clusters": float(len(np.unique(found[found >= 0]))), "noise_share": float((found < 0).mean())}
    compared = each[np.isfinite(each)]
    if len(compared):
        told["silhouette"] = float(compared.mean()) * float((found >= 0).mean())
    if groups is not None and len(np.unique(groups)) > 1:
        told["adjusted_rand"] = float(sk.adjusted_rand_score(groups, found))
    return told


def agreement(one: Codes, other: Codes) -> float:
    """Return the adjusted Rand index of two clusterings of the same rows: 1 where both are one group."""
    return float(sk.adjusted_rand_score(one, other))


def cluster_curves(rows: Doubles, found: Codes) -> dict[str, Any]:
    """Return up to `MAP_POINTS` rows in the two directions in which they differ most, each with its cluster, and their sizes."""
    centred = rows - rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    shares = sizes**2 / max(float((sizes**2).sum()), _TINY)
    picked = np.unique(np.linspace(0, len(rows) - 1, MAP_POINTS).astype(int))
    flat = centred[picked] @ directions[:2].T
    if flat.shape[1] < 2:
        flat = np.column_stack([flat, np.zeros(len(flat))])
    points = [[float(x), float(y), int(cluster)] for (x, y), cluster in zip(flat, found[picked], strict=True)]
    sizes_of_groups = np.bincount(found[found >= 0]).tolist()
    groups = {"counts": sizes_of_groups[:MOST_GROUPS], "more": sizes_of_groups[MOST_GROUPS:], "none": int((found < 0).sum())}
    return {"map": {"points": points, "share": float(shares[:2].sum())}, "sizes": {**groups, "more": sum(groups["more"])}}


def beats_baseline(evaluation: Evaluation, baseline: dict[str, float]) -> bool:
    """Say whether the main metric is better than the baseline's; True where nothing can be compared."""
    if evaluation.main in {ALERT_RATE, "noise_share"}:
        return True  # without labels no answer is better than another
    ours, trivial = evaluation.metrics.get(evaluation.main), baseline.get(evaluation.main)
    if ours is None or trivial is None:
        return True
    return ours > trivial if evaluation.greater_is_better else ours < trivial
