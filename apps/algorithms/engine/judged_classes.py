"""What a classifier answered, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from apps.algorithms.engine import metrics
from apps.algorithms.engine.bootstrap import Doubles, Index, Measure
from apps.algorithms.engine.judged import Judged, SliceMeasure
from apps.algorithms.engine.ranking import Bools, Ranked, placements, ratio
from apps.algorithms.engine.weighted import Codes, mean_of, sum_by


@dataclass(frozen=True)
class JudgedClasses(Judged):
    """Class codes, and the chance given to each class (rows x classes); `held` and `sizes` are those of the sets."""

    truth: Codes
    chances: Doubles
    positive: int = 1
    held: Bools | None = None
    sizes: Doubles | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.truth)

    @property
    def strata(self) -> Index | None:
        """The class: each resample holds as many rows of it as there are."""
        return self.truth

    @property
    def shares(self) -> Mapping[str, int]:
        """How many rows are behind each share: the rarest class's where every class counts alike."""
        names = ("roc_auc", "average_precision", "balanced_accuracy", "f1_macro", "f1_weighted", "recall", "precision")
        rarest = int(np.unique(self.truth, return_counts=True)[1].min())
        return {**dict.fromkeys(names, rarest), "accuracy": self.rows, "set_coverage": self.rows}

    def take(self, rows: Index) -> "JudgedClasses":
        """Return the answers to some rows."""
        some = replace(self, truth=self.truth[rows], chances=self.chances[rows])
        if self.held is None or self.sizes is None:
            return some
        return replace(some, held=self.held[rows], sizes=self.sizes[rows])

    @cached_property
    def best(self) -> Codes:
        """The class with the largest chance."""
        best: Codes = self.chances.argmax(axis=1)
        return best

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """The measures of `metrics.classification_metrics` and `set_metrics`."""
        right = (self.best == self.truth).astype(np.float64)
        losses, squares = metrics.losses_of_chances(self.truth, self.chances)
        found: dict[str, Measure] = {
            "accuracy": mean_of(right),
            "balanced_accuracy": lambda weights: self._by_class(weights)["balanced_accuracy"],
            "f1_macro": lambda weights: self._by_class(weights)["f1_macro"],
            "log_loss": mean_of(losses),
            "brier": mean_of(squares),
            "calibration_error": self._calibration_error,
        }
        if self.chances.shape[1] == 2:
            found |= {
                "precision": lambda weights: self._by_class(weights)["precision"],
                "recall": lambda weights: self._by_class(weights)["recall"],
                "roc_auc": Ranked.of(self.chances[:, 1], self.truth == 1).roc_auc,
                "average_precision": Ranked.of(
                    self.chances[:, self.positive], self.truth == self.positive
                ).average_precision,
            }
        else:
            found |= {"f1_weighted": lambda weights: self._by_class(weights)["f1_weighted"], "roc_auc": self._mean_auc}
        if self.held is not None and self.sizes is not None:
            found |= {"set_coverage": mean_of(self.held.astype(np.float64)), "set_size": mean_of(self.sizes)}
        return found

    def slice_measure(self, main: str) -> SliceMeasure | None:
        """Return the ROC AUC of two classes where it is the main metric, else the accuracy."""
        if main == "roc_auc" and self.chances.shape[1] == 2:
            return SliceMeasure("roc_auc", True, self.chances[:, 1], self.truth == 1)
        return SliceMeasure("accuracy", True, (self.best == self.truth).astype(np.float64))

    def _by_class(self, weights: Doubles) -> dict[str, Doubles]:
        classes = self.chances.shape[1]
        present = sum_by(self.truth, weights, classes)
        said = sum_by(self.best, weights, classes)
        hits = sum_by(self.truth, weights * (self.best == self.truth), classes)
        recall = ratio(hits, present)
        f1 = ratio(2 * hits, present + said)
        return {
            "balanced_accuracy": np.nanmean(recall, axis=1),
            "f1_macro": np.nanmean(f1, axis=1),
            "f1_weighted": (np.nan_to_num(f1) * present).sum(axis=1) / present.sum(axis=1),
            "recall": np.nan_to_num(recall[:, min(self.positive, classes - 1)]),
            "precision": np.nan_to_num(ratio(hits, said)[:, min(self.positive, classes - 1)]),
        }

    def _calibration_error(self, weights: Doubles) -> Doubles:
        sure = self.chances.max(axis=1)
        gaps = weights * (sure - (self.best == self.truth))
        by_bin = np.abs(sum_by(metrics.confidence_bins(sure), gaps, metrics.CALIBRATION_BINS))
        return ratio(by_bin.sum(axis=1), weights.sum(axis=1))

    @cached_property
    def _pulls(self) -> tuple[float, Doubles]:
        """The mean area under the ROC curves of many classes, each against the others, and what each row pulls it by.

        The pulls are its derivative by the rows' weights (DeLong et al. 1988, summed over classes): sorting again for
        every class and resample would take too long.
        """
        pulls, areas = np.zeros(self.rows), []
        classes = self.chances.shape[1]
        for code in range(classes):
            own = self.truth == code
            if not 0 < own.sum() < self.rows:
                return np.nan, pulls
            placed = placements(self.chances[:, code], own)
            areas.append(placed[own].mean())
            pulls += (placed - areas[-1]) / np.where(own, own.sum(), (~own).sum()) / classes
        return float(np.mean(areas)), pulls

    def _mean_auc(self, weights: Doubles) -> Doubles:
        area, pulls = self._pulls
        found: Doubles = area + weights @ pulls * (self.rows / weights.sum(axis=1))
        return found
