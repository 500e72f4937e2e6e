"""All columns at once: a classifier learns to tell current rows from those of the reference, and is asked whether it can.

What moves together but not alone (two columns that no longer go together) shows here and in no single column.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu
from sklearn.ensemble import HistGradientBoostingClassifier

from apps.algorithms.reference import Doubles, Index
from apps.monitoring.detectors.finding import Finding, unknown

DETECTOR = "domain_classifier"
THRESHOLD = 0.6  # of the ROC AUC: one column moved by a third of its spread, as the stability index's 0.1
LEAST_ROWS, MOST_ROWS = 60, 10_000  # of either side
MOST_NAMED = 5
_LEAST_FALL, _LEAST_OF_LARGEST = 0.02, 0.1  # of the ROC AUC, when a column is shuffled; of the largest such fall
_MOST_MEASURED = 2_000  # rows of a half that columns are shuffled in


@dataclass(frozen=True)
class Separation:
    """What the classifier found, and the columns it told the rows apart by: each with what the ROC AUC loses without it."""

    finding: Finding
    columns: tuple[tuple[str, float], ...] = ()


def separation(
    reference: npt.NDArray[np.floating], current: npt.NDArray[np.floating], names: list[str], *, seed: int = 0
) -> Separation:
    """Tell reference from current rows (matrices of the same columns, NaN where a value is missing).

    Each half of the rows is scored by a classifier that learned from the other, and ranked by Mann and Whitney's test;
    the smaller of both p-values is doubled. Scores of many folds would be ranked by models that learned from one another's rows,
    and no test knows how surely.
    """
    if min(len(reference), len(current)) < LEAST_ROWS:
        lacks = f"Not enough data: {len(current)} rows and {len(reference)} of the reference; {LEAST_ROWS} are needed."
        return Separation(unknown(DETECTOR, "", THRESHOLD, lacks))
    chance = np.random.default_rng(seed)
    sides = [np.where(np.isfinite(side), side, np.nan) for side in (reference, current)]
    picked = [side[chance.permutation(len(side))[:MOST_ROWS]] for side in sides]
    rows = np.concatenate(picked)
    telling = np.flatnonzero(
        [len(np.unique(own[np.isfinite(own)])) > 1 or 0 < np.isnan(own).sum() < len(own) for own in rows.T]
    )
    if not len(telling):
        return Separation(
            Finding(DETECTOR, "", 0.5, 0.5, 1.0, THRESHOLD, "All rows are alike: there is nothing to tell them by.")
        )
    rows, names = rows[:, telling], [names[at] for at in telling]
    is_current = np.repeat([0, 1], [len(side) for side in picked])
    half = np.concatenate([np.arange(len(side)) % 2 for side in picked])
    areas, chances, falls = [], [], np.zeros(rows.shape[1])
    for apart in (0, 1):
        model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, min_samples_leaf=20, random_state=seed)
        model.fit(rows[half != apart], is_current[half != apart])
        own, truth = rows[half == apart], is_current[half == apart]
        area, p_value = _ranked(model.predict_proba(own)[:, 1], truth)
        areas.append(area)
        chances.append(p_value)
        if area > THRESHOLD:
            falls += _falls(model, own, truth, chance) / 2
    area, p_value = float(np.mean(areas)), min(1.0, 2 * min(chances))
    order = np.argsort(-falls, kind="stable")[:MOST_NAMED]
    told = tuple(
        (names[at], float(falls[at])) for at in order if falls[at] >= max(_LEAST_FALL, _LEAST_OF_LARGEST * falls.max())
    )
    sentence = f"A classifier tells current rows from those of training with a ROC AUC of {area:.2f} (0.50 is guessing)"
    by = f", mainly by {', '.join(name for name, _ in told)}." if told else "."
    return Separation(Finding(DETECTOR, "", area, max(area, 0.5), p_value, THRESHOLD, sentence + by), told)


def _ranked(scores: Doubles, truth: Index) -> tuple[float, float]:
    """Return the ROC AUC and the chance of one as large where the classifier guesses."""
    own, other = scores[truth == 1], scores[truth == 0]
    told = mannwhitneyu(own, other, alternative="greater", method="asymptotic")
    p_value = float(told.pvalue)
    return float(told.statistic) / (len(own) * len(other)), p_value if np.isfinite(p_value) else 1.0


def _falls(model: HistGradientBoostingClassifier, rows: Doubles, truth: Index, chance: np.random.Generator) -> Doubles:
    """Return what the ROC AUC loses when a column is shuffled."""
    some = chance.permutation(len(rows))[:_MOST_MEASURED]
    rows, truth = rows[some], truth[some]
    if len(np.unique(truth)) < 2:
        return np.zeros(rows.shape[1])
    whole = _ranked(model.predict_proba(rows)[:, 1], truth)[0]
    falls = np.zeros(rows.shape[1])
    for at in range(rows.shape[1]):
        shuffled = rows.copy()
        shuffled[:, at] = chance.permutation(shuffled[:, at])
        falls[at] = whole - _ranked(model.predict_proba(shuffled)[:, 1], truth)[0]
    return falls
