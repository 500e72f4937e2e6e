"""What a model answered, row by row, beside the truth: every measure of it can be taken again on any weights of the rows.

A measure takes weights (resamples x rows, how often each row counts) and returns a number a resample, NaN where it says
nothing. With weights of 1 it is the number in `Evaluation.metrics`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from apps.algorithms.conformal import LEVEL
from apps.algorithms.engine import metrics
from apps.algorithms.engine.bootstrap import Doubles, Index, Measure
from apps.algorithms.engine.ranking import Bools, Ranked, ratio
from apps.algorithms.engine.weighted import Codes, mean_of, median_of, rand_of

SHARE, ANY, FROM_ZERO = (0.0, 1.0), (-np.inf, np.inf), (0.0, np.inf)
BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("log_loss", "rmse", "mae", "median_absolute_error"), FROM_ZERO),
    **dict.fromkeys(("interval_width", "pinball_low", "pinball_high"), FROM_ZERO),
    **dict.fromkeys(("set_size", "r2"), ANY),
    **dict.fromkeys(("silhouette", "adjusted_rand", "agreement"), (-1.0, 1.0)),
}


@dataclass(frozen=True)
class SliceMeasure:
    """The one number by which parts of the rows are compared: the mean of `values`, its root, or how well they rank `truth`."""

    name: str
    greater_is_better: bool
    values: Doubles
    truth: Bools | None = None
    is_root: bool = False

    def take(self, rows: Index) -> "SliceMeasure":
        """Return that of some rows."""
        return replace(self, values=self.values[rows], truth=None if self.truth is None else self.truth[rows])

    @cached_property
    def ranked(self) -> Ranked:
        """The rows sorted, where they are ranked."""
        assert self.truth is not None
        return Ranked.of(self.values, self.truth)

    def __call__(self, weights: Doubles) -> Doubles:
        """Measure weighted rows."""
        if self.truth is not None:
            return self.ranked.roc_auc(weights)
        mean = mean_of(self.values)(weights)
        return np.sqrt(mean) if self.is_root else mean


@dataclass(frozen=True)
class Judged(ABC):
    """The answers to n rows. Subclasses hold what their task's measures need; `unit` is what a row is of."""

    unit: ClassVar[str] = "rows"

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows there are."""

    @property
    @abstractmethod
    def measures(self) -> Mapping[str, Measure]:
        """The measures by name."""

    @abstractmethod
    def take(self, rows: Index) -> Self:
        """Return the answers to some rows."""

    @property
    def strata(self) -> Index | None:
        """Codes of rows that are resampled among themselves."""
        return None

    @property
    def shares(self) -> Mapping[str, int]:
        """Measures from 0 to 1 that may reach either by luck, and how many rows are behind each."""
        return {}

    def bounds(self, name: str) -> tuple[float, float]:
        """Return the least and largest value that a measure can take."""
        return BOUNDS.get(name, SHARE)

    def slice_measure(self, main: str) -> SliceMeasure | None:
        """Return what slices are compared by; None where no part of the rows can be better than another."""
        return None


@dataclass(frozen=True)
class JudgedAmounts(Judged):
    """Numbers as they were and as they were predicted; `low` and `high` bound the intervals of `level`."""

    truth: Doubles
    values: Doubles
    low: Doubles | None = None
    high: Doubles | None = None
    level: float = LEVEL

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.truth)

    @property
    def shares(self) -> Mapping[str, int]:
        """How many rows are behind each share."""
        return {"interval_coverage": self.rows}

    def take(self, rows: Index) -> "JudgedAmounts":
        """Return the answers to some rows."""
        some = replace(self, truth=self.truth[rows], values=self.values[rows])
        return some if self.low is None or self.high is None else replace(some, low=self.low[rows], high=self.high[rows])

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """The measures of `metrics.regression_metrics`."""
        error = self.values - self.truth
        found: dict[str, Measure] = {
            "rmse": SliceMeasure("rmse", False, error**2, is_root=True),
            "mae": mean_of(np.abs(error)),
            "median_absolute_error": median_of(np.abs(error)),
            "r2": self._r2,
        }
        if self.low is not None and self.high is not None:
            tail = (1 - self.level) / 2
            inside = (self.truth >= self.low) & (self.truth <= self.high)
            found |= {
                "interval_coverage": mean_of(inside.astype(np.float64)),
                "interval_width": mean_of(self.high - self.low),
                "pinball_low": mean_of(metrics.pinball(self.truth, self.low, tail)),
                "pinball_high": mean_of(metrics.pinball(self.truth, self.high, 1 - tail)),
            }
        return found

    def slice_measure(self, main: str) -> SliceMeasure | None:
        """Return the root mean squared error."""
        return SliceMeasure("rmse", False, (self.values - self.truth) ** 2, is_root=True)

    def _r2(self, weights: Doubles) -> Doubles:
        centred = self.truth - self.truth.mean()
        total = weights.sum(axis=1)
        spread = weights @ centred**2 - (weights @ centred) ** 2 / total
        return 1.0 - ratio(weights @ (self.values - self.truth) ** 2, spread)


@dataclass(frozen=True)
class JudgedAlerts(Judged):
    """Anomaly scores, the rows that alert, and where labels say so which rows are anomalies; `share` of rows may alert.

    Where `is_part`, these are the rows with a label alone, of which the share of alerts says nothing.
    """

    scores: Doubles
    alerts: Bools
    truth: Bools | None
    share: float
    is_part: bool = False

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.scores)

    @property
    def strata(self) -> Index | None:
        """Anomalies and usual rows."""
        return None if self.truth is None else self.truth.astype(np.int64)

    @property
    def shares(self) -> Mapping[str, int]:
        """How many rows are behind each share."""
        found = {} if self.is_part else {metrics.ALERT_RATE: self.rows}
        if self.truth is not None:
            found |= dict.fromkeys(("roc_auc", "average_precision", "recall_of_alerts"), int(self.truth.sum()))
            found["precision_of_alerts"] = int(self.alerts.sum())
            found["precision_at_budget"] = max(1, round(self.share * self.rows))
        return found

    def take(self, rows: Index) -> "JudgedAlerts":
        """Return the answers to some rows."""
        truth = None if self.truth is None else self.truth[rows]
        return replace(self, scores=self.scores[rows], alerts=self.alerts[rows], truth=truth)

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """The measures of `metrics.anomaly_metrics`."""
        alerts = self.alerts.astype(np.float64)
        found: dict[str, Measure] = {} if self.is_part else {metrics.ALERT_RATE: mean_of(alerts)}
        if self.truth is not None and 0 < self.truth.sum() < self.rows:
            truth, ranked = self.truth.astype(np.float64), Ranked.of(self.scores, self.truth)
            found |= {
                "roc_auc": ranked.roc_auc,
                "average_precision": ranked.average_precision,
                "precision_at_budget": lambda weights: ranked.precision_at(weights, self.share),
                "precision_of_alerts": lambda weights: np.nan_to_num(ratio(weights @ (alerts * truth), weights @ alerts)),
                "recall_of_alerts": lambda weights: ratio(weights @ (alerts * truth), weights @ truth),
            }
        return found

    def slice_measure(self, main: str) -> SliceMeasure | None:
        """Return the ROC AUC where there are labels."""
        return (
            SliceMeasure("roc_auc", True, self.scores, self.truth) if self.truth is not None and main == "roc_auc" else None
        )


@dataclass(frozen=True)
class JudgedGroups(Judged):
    """The cluster of each row (-1: none), its silhouette (NaN: not compared), its label and its cluster by some rows alone."""

    found: Codes
    silhouettes: Doubles
    labels: Codes | None = None
    again: Codes | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.found)

    def take(self, rows: Index) -> "JudgedGroups":
        """Return the answers to some rows."""
        labels, again = (None if codes is None else codes[rows] for codes in (self.labels, self.again))
        return replace(self, found=self.found[rows], silhouettes=self.silhouettes[rows], labels=labels, again=again)

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """The measures of `metrics.cluster_metrics`; the number of groups is the model's own and has no interval."""
        found: dict[str, Measure] = {"noise_share": mean_of((self.found < 0).astype(np.float64))}
        compared = np.isfinite(self.silhouettes)
        if compared.any():
            values, inside = np.nan_to_num(self.silhouettes), mean_of((self.found >= 0).astype(np.float64))
            found["silhouette"] = lambda weights: (
                ratio(weights @ values, weights @ compared.astype(np.float64)) * inside(weights)
            )
        for name, other in (("adjusted_rand", self.labels), ("agreement", self.again)):
            if other is not None:
                found[name] = rand_of(self.found, other)
        return found
