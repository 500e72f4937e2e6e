"""A judge for each task: what it learns from a target, how its answers are measured, which trivial ones stand beside them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from apps.algorithms.encoded import Encoded
from apps.algorithms.engine import metrics
from apps.algorithms.engine.anomaly_labels import Truth, counts_of, read_labels
from apps.algorithms.engine.density import find_clusters, samples_for
from apps.algorithms.engine.growth import spread_rows
from apps.algorithms.engine.judged import JudgedAlerts, JudgedAmounts, JudgedGroups
from apps.algorithms.engine.judged_classes import JudgedClasses
from apps.algorithms.engine.linear_baseline import NAME, LinearBaseline
from apps.algorithms.predictors.density import NOISE, DensityPredictor
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles, probabilities
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.results import Baseline, Evaluation
from apps.algorithms.schema import Task
from apps.algorithms.tables import TrainingTable
from apps.core.errors import InvalidInput

Facts = Mapping[str, Any]  # what a judge remembers of the training rows, as plain JSON
_AS_NORMAL = 1.4826  # the median absolute deviation of a normal distribution, times this, is its standard deviation
_ALERT_SHARE = 0.01  # where a service does not ask for one
_MOST_GROUPED = 10_000  # rows whose neighbours are looked for
_RESAMPLED = 0.8  # of the dense rows


class Judge(ABC):
    """Measures a fitted `TablePredictor` on rows that it never saw; has no state of its own."""

    def target(self, table: TrainingTable) -> tuple[npt.NDArray[Any] | None, tuple[Any, ...]]:
        """Return what is learned from a table's target (class codes, numbers or nothing), and the classes."""
        return None, ()

    def remember(self, table: TrainingTable, data: Encoded, parameters: Facts) -> dict[str, Any]:
        """Return what the measures and the trivial answers need to know of the training rows, read and as numbers."""
        return {}

    @abstractmethod
    def evaluate(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Evaluation:
        """Measure the predictor."""

    @abstractmethod
    def baseline(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Baseline:
        """Measure the trivial answers on the same rows."""

    def linear_baseline(
        self, light: TablePredictor, facts: Facts, table: TrainingTable, linear: LinearBaseline
    ) -> Baseline | None:
        """Measure a linear model on the same rows; None where nothing is learned from a target."""
        return None


class _Classes(Judge):
    def target(self, table: TrainingTable) -> tuple[npt.NDArray[Any] | None, tuple[Any, ...]]:
        assert table.target is not None
        labels = table.target.tolist()
        classes = sorted(set(labels), key=lambda label: (str(type(label)), label))
        code_of = {label: code for code, label in enumerate(classes)}
        return np.array([code_of[label] for label in labels], dtype=np.int64), tuple(classes)

    def remember(self, table: TrainingTable, data: Encoded, parameters: Facts) -> dict[str, Any]:
        target = data.target
        assert target is not None
        return {"shares": (np.bincount(target, minlength=data.classes) / len(target)).tolist()}

    def evaluate(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Evaluation:
        codes, seen = self._codes(light, table)
        if not seen.any():
            raise InvalidInput(
                f"None of the rows kept apart is of a class of {table.target_name!r} that was there to learn from. "
                "Choose another way to keep rows apart, or upload more rows."
            )
        chances = probabilities(light.finish.link, light.raw(_matrix(light, table)))[seen]
        truth, positive, names = codes[seen], self._positive(facts), list(light.schema.class_names)
        found = metrics.classification_metrics(truth, chances, positive=positive)
        judged = JudgedClasses(truth, chances, positive)
        if light.sets is not None:
            members = light.sets.members(chances)
            found |= metrics.set_metrics(truth, members)
            held, sizes = metrics.sets_by_row(truth, members)
            judged = replace(judged, held=held, sizes=sizes)
        curves = metrics.classification_curves(truth, chances, names, positive=positive)
        main = "roc_auc" if "roc_auc" in found else "accuracy"
        rows = table if seen.all() else table.take(np.flatnonzero(seen))
        return Evaluation(found, main, greater_is_better=True, curves=curves, judged=judged, rows=rows)

    def baseline(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Baseline:
        codes, seen = self._codes(light, table)
        chances = np.tile(np.array(facts["shares"]), (int(seen.sum()), 1))
        return self._scored("always the share of each class", codes[seen], chances, self._positive(facts))

    def linear_baseline(self, light: TablePredictor, facts: Facts, table: TrainingTable, linear: LinearBaseline) -> Baseline:
        codes, seen = self._codes(light, table)
        return self._scored(NAME, codes[seen], linear.chances(_matrix(light, table))[seen], self._positive(facts))

    @staticmethod
    def _scored(name: str, truth: npt.NDArray[np.int64], chances: Doubles, positive: int) -> Baseline:
        found = metrics.classification_metrics(truth, chances, positive=positive)
        return Baseline(name, found, judged=JudgedClasses(truth, chances, positive))

    @staticmethod
    def _positive(facts: Facts) -> int:
        """Which of two classes is to be found: the rarer one of the training rows; the second when they are even."""
        shares = facts["shares"]
        return 0 if shares[0] < shares[1] else 1

    @staticmethod
    def _codes(light: TablePredictor, table: TrainingTable) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        assert table.target is not None
        code_of = {label: code for code, label in enumerate(light.schema.classes)}
        codes = np.array([code_of.get(label, -1) for label in table.target.tolist()], dtype=np.int64)
        return codes, codes >= 0


class _Amounts(Judge):
    def target(self, table: TrainingTable) -> tuple[npt.NDArray[Any] | None, tuple[Any, ...]]:
        assert table.target is not None
        return table.target.astype(np.float64), ()

    def remember(self, table: TrainingTable, data: Encoded, parameters: Facts) -> dict[str, Any]:
        assert data.target is not None
        return {"mean": float(data.target.mean())}

    def evaluate(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Evaluation:
        assert table.target is not None
        observed, values = table.target.astype(np.float64), light.raw(_matrix(light, table))[:, 0]
        judged, bounds, level = JudgedAmounts(observed, values), None, 0.0
        if light.intervals:
            bounds, level = light.intervals.around(values), light.intervals.level
            judged = replace(judged, low=bounds[:, 0], high=bounds[:, 1], level=level)
        found, curves = (
            metrics.regression_metrics(observed, values, bounds, level=level),
            metrics.regression_curves(observed, values),
        )
        return Evaluation(found, "rmse", greater_is_better=False, curves=curves, judged=judged, rows=table)

    def baseline(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Baseline:
        return self._scored("always the mean", table, np.full(table.rows, facts["mean"]))

    def linear_baseline(self, light: TablePredictor, facts: Facts, table: TrainingTable, linear: LinearBaseline) -> Baseline:
        return self._scored(NAME, table, linear.raw(_matrix(light, table))[:, 0])

    @staticmethod
    def _scored(name: str, table: TrainingTable, values: Doubles) -> Baseline:
        assert table.target is not None
        observed = table.target.astype(np.float64)
        return Baseline(name, metrics.regression_metrics(observed, values), judged=JudgedAmounts(observed, values))


class _Anomalies(Judge):
    def remember(self, table: TrainingTable, data: Encoded, parameters: Facts) -> dict[str, Any]:
        share, matrix = float(parameters.get("alert_share", _ALERT_SHARE)), np.nan_to_num(data.matrix, nan=0.0)
        middle = np.median(matrix, axis=0)
        spread = np.median(np.abs(matrix - middle), axis=0) * _AS_NORMAL
        threshold = float(np.quantile(_robust_scores(matrix, middle, spread), 1 - share))
        labels = table.target
        return {
            "alert_share": share,
            "labels": {} if labels is None else counts_of(labels.tolist()),
            "middle": middle.tolist(),
            "spread": spread.tolist(),
            "threshold": threshold,
        }

    def evaluate(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Evaluation:
        answers = light.answers(_matrix(light, table))
        scores, alerts = np.array([d["score"] for d in answers.details]), np.array(answers.values) == -1
        truth = self._truth(table, facts)
        found, judged = self._judged(scores, alerts, truth, facts["alert_share"])
        main = "roc_auc" if "roc_auc" in found else metrics.ALERT_RATE
        threshold = light.tail.threshold if light.tail else None
        curves = metrics.anomaly_curves(scores, None, threshold=threshold)
        if truth is not None:
            curves |= metrics.anomaly_curves(judged.scores, truth.anomalies, threshold=threshold) | curves
        return Evaluation(
            found,
            main,
            greater_is_better="roc_auc" in found,
            curves=curves,
            warnings=() if truth is None else truth.warnings,
            judged=judged,
            rows=table.take(truth.rows) if truth is not None and judged.is_part else table,
        )

    def baseline(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Baseline:
        matrix = np.nan_to_num(_matrix(light, table), nan=0.0)
        scores = _robust_scores(matrix, np.array(facts["middle"]), np.array(facts["spread"]))
        alerts = scores > facts["threshold"]
        found, judged = self._judged(scores, alerts, self._truth(table, facts), facts["alert_share"])
        return Baseline("the largest robust z-score", found, judged=judged)

    @staticmethod
    def _judged(
        scores: Doubles, alerts: npt.NDArray[np.bool_], truth: Truth | None, share: float
    ) -> tuple[dict[str, float], JudgedAlerts]:
        """Measure all rows by their alerts, and those that have a label by it."""
        found = metrics.anomaly_metrics(scores, alerts, None, share=share)
        if truth is None:
            return found, JudgedAlerts(scores, alerts, None, share)
        own = JudgedAlerts(
            scores[truth.rows], alerts[truth.rows], truth.anomalies, share, is_part=len(truth.rows) < len(scores)
        )
        return metrics.anomaly_metrics(own.scores, own.alerts, own.truth, share=share) | found, own

    @staticmethod
    def _truth(table: TrainingTable, facts: Facts) -> Truth | None:
        """Return which rows the labels call anomalies; None where it cannot be said, or the few that have one are all alike."""
        truth = None if table.target is None else read_labels(table.target.tolist(), facts["labels"])
        if truth is not None and len(truth.rows) < table.rows and len(np.unique(truth.anomalies)) < 2:
            return None
        return truth


def _robust_scores(matrix: Matrix, middle: npt.NDArray[Any], spread: npt.NDArray[Any]) -> Doubles:
    """Return how many spreads each row (rows x features) lies from the middle, in the feature where it is most."""
    scores: Doubles = (np.abs(matrix - middle) / np.where(spread > 0, spread, 1.0)).max(axis=1).astype(np.float64)
    return scores


class _Clusters(Judge):
    def evaluate(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Evaluation:
        dense, some = cast("DensityPredictor", light), table.take(spread_rows(table.rows, _MOST_GROUPED))
        matrix = _matrix(light, some)
        rows, found = dense.places(matrix), dense.clusters(dense.raw(matrix))
        judged = JudgedGroups(
            found, metrics.silhouettes(rows, found), self._groups(some), self._grouped_by_some(dense, rows)
        )
        told = metrics.cluster_metrics(found, judged.silhouettes, judged.labels)
        told["agreement"] = metrics.agreement(found, cast("npt.NDArray[np.int64]", judged.again))
        main = next((name for name in ("adjusted_rand", "silhouette") if name in told), "noise_share")
        better, curves = main != "noise_share", metrics.cluster_curves(rows, found)
        return Evaluation(told, main, greater_is_better=better, curves=curves, judged=judged, rows=some)

    def baseline(self, light: TablePredictor, facts: Facts, table: TrainingTable) -> Baseline:
        dense, some = cast("DensityPredictor", light), table.take(spread_rows(table.rows, _MOST_GROUPED))
        matrix = _matrix(light, some)
        dealt = np.random.default_rng(0).permutation(dense.clusters(dense.raw(matrix)))
        judged = JudgedGroups(dealt, metrics.silhouettes(dense.places(matrix), dealt), self._groups(some))
        told = metrics.cluster_metrics(dealt, judged.silhouettes, judged.labels)
        return Baseline("groups at random, of the same sizes", told, judged=judged)

    @staticmethod
    def _grouped_by_some(dense: DensityPredictor, rows: Doubles) -> npt.NDArray[np.int64]:
        """Return the clusters of rows by some of the dense rows alone, which are grouped anew."""
        some = np.random.default_rng(0).permutation(len(dense.cores))[: max(1, int(_RESAMPLED * len(dense.cores)))]
        samples = samples_for(len(some), min_samples=dense.min_samples, learned=len(dense.cores))
        again = find_clusters(dense.cores[some], reach=dense.reach, min_samples=samples)
        if not len(again.cores):
            return np.full(len(rows), NOISE)
        other = replace(dense, cores=dense.cores[some][again.cores], labels=again.labels[again.cores])
        return other.clusters(other.raw_of_places(rows))

    @staticmethod
    def _groups(table: TrainingTable) -> npt.NDArray[np.int64] | None:
        """Return the labels as codes; None where there are none for every row."""
        if table.target is None or any(label is None for label in table.target.tolist()):
            return None
        codes: npt.NDArray[np.int64] = np.unique([str(label) for label in table.target.tolist()], return_inverse=True)[1]
        return codes


def _matrix(light: TablePredictor, table: TrainingTable) -> Matrix:
    return light.encoder.encode(table.columns, table.rows)[0]


JUDGES: dict[Task, Judge] = {
    Task.CLASSIFICATION: _Classes(),
    Task.REGRESSION: _Amounts(),
    Task.ANOMALY: _Anomalies(),
    Task.CLUSTERING: _Clusters(),
}
