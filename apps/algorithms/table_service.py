"""What services over tables share: labels, the encoder, evaluation, the light form. A service adds its fit."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.base import BaseMLService
from apps.algorithms.predictors.encoder import Encoder, Matrix
from apps.algorithms.predictors.rows import Columns
from apps.algorithms.predictors.table import Doubles, Intervals, TablePredictor, probabilities, with_warnings
from apps.algorithms.results import Answers, Baseline, Evaluation, Explanation, Importance, Progress
from apps.algorithms.schema import TableSchema, Task
from apps.core.errors import InvalidInput

if TYPE_CHECKING:
    from apps.algorithms.tables import TrainingTable

LEVEL = 0.90
MOST_EXPLAINED = 1_000
_ROWS_AT_ONCE = 10


@dataclass(frozen=True)
class Encoded:
    """The training rows as numbers: `matrix` (rows x features, float32; missing values are NaN), `target` class codes or
    numbers, `classes` how many (0: none). `task`, `schema` and `encoder` are for the predictor.
    """

    matrix: Matrix
    target: npt.NDArray[Any] | None
    classes: int
    task: Task
    schema: TableSchema
    encoder: Encoder

    def common(self) -> dict[str, Any]:
        """Return the fields that every `TablePredictor` has."""
        return {"task": self.task, "schema": self.schema, "encoder": self.encoder}


class TableService(BaseMLService):
    """A service over encoded tables. Where the light predictor is the whole model, `_learn` is all that a service adds."""

    light_form: ClassVar[type[TablePredictor]]
    light: TablePredictor
    trivial: dict[str, Any]

    @property
    def schema(self) -> TableSchema:
        """The input the fitted model takes."""
        return self.light.schema

    @abstractmethod
    def _learn(self, data: Encoded, progress: Progress) -> TablePredictor:
        """Fit the encoded training rows and return the light predictor; keep the library's own model, if there is one."""

    def _native_raw(self, matrix: Matrix) -> Doubles:
        """Return what `TablePredictor.raw` returns, computed by the library's own model."""
        return self.light.raw(matrix)

    def _save_native(self, folder: Path) -> None:
        """Write the library's own model."""

    def _load_native(self, folder: Path) -> None:
        """Read the library's own model."""

    def _explainer(self) -> tuple[TablePredictor, int, str]:
        """Return who explains how many rows for the importance, and what is to be said of it."""
        return self.light, MOST_EXPLAINED, ""

    def _fit(self, table: "TrainingTable", progress: Progress) -> None:
        from apps.algorithms.engine.encoding import fit_encoder

        progress(0.0, "preparing")
        target, classes = self._target(table)
        fitted = fit_encoder(table, task=self.task, target=target, seed=self.seed)
        self.warnings = fitted.warnings
        if not fitted.encoder.encodings:
            raise InvalidInput("No column is left to learn from: " + " ".join(fitted.warnings))
        progress(0.02, "fitting")
        read = {encoding.column for encoding in fitted.encoder.encodings}
        schema = TableSchema(
            columns=tuple(column for column in table.features if column.name in read),
            target=table.target_name,
            target_kind=table.target_kind,
            classes=classes,
            unused=tuple(column for column in table.features if column.name not in read),
        )
        self.trivial = _trivial(target, len(classes), self.task)
        self.light = self._learn(Encoded(fitted.matrix, target, len(classes), self.task, schema, fitted.encoder), progress)
        progress(1.0, "fitting")

    def _target(self, table: "TrainingTable") -> tuple[npt.NDArray[Any] | None, tuple[Any, ...]]:
        if table.target is None or self.task not in {Task.REGRESSION, Task.CLASSIFICATION}:
            return None, ()
        return (table.target.astype(np.float64), ()) if self.task == Task.REGRESSION else _class_codes(table.target)

    def _evaluate(self, table: "TrainingTable") -> Evaluation:
        from apps.algorithms.engine import metrics

        raw = self.light.raw(self._matrix(table))
        if self.task == Task.CLASSIFICATION:
            chances = probabilities(self.light.finish.link, raw)
            codes, seen = self._codes(table)
            if not seen.any():
                raise InvalidInput(
                    f"None of the rows kept apart is of a class of {table.target_name!r} that was there to learn from. "
                    "Choose another way to keep rows apart, or upload more rows."
                )
            truth, chances = codes[seen], chances[seen]
            found = metrics.classification_metrics(truth, chances, positive=self._positive)
            names = list(self.schema.class_names)
            curves = metrics.classification_curves(truth, chances, names, positive=self._positive)
            return Evaluation(found, "roc_auc" if "roc_auc" in found else "accuracy", greater_is_better=True, curves=curves)
        if self.task == Task.REGRESSION:
            assert table.target is not None
            observed, values = table.target.astype(np.float64), raw[:, 0]
            bounds = self.light.intervals.around(values) if self.light.intervals else None
            found = metrics.regression_metrics(observed, values, bounds)
            return Evaluation(found, "rmse", greater_is_better=False, curves=metrics.regression_curves(observed, values))
        answers = self.light.answers_of_raw(raw)
        scores, alerts = np.array([d["score"] for d in answers.details]), np.array(answers.values) == -1
        found = metrics.anomaly_metrics(scores, alerts, _anomaly_truth(table))
        return Evaluation(found, "roc_auc" if "roc_auc" in found else "alert_rate", greater_is_better="roc_auc" in found)

    def _baseline(self, table: "TrainingTable") -> Baseline:
        from apps.algorithms.engine import metrics

        if self.task == Task.CLASSIFICATION:
            codes, seen = self._codes(table)
            chances = np.tile(np.array(self.trivial["shares"]), (int(seen.sum()), 1))
            return Baseline(
                "always the share of each class",
                metrics.classification_metrics(codes[seen], chances, positive=self._positive),
            )
        if self.task == Task.REGRESSION:
            assert table.target is not None
            truth = table.target.astype(np.float64)
            return Baseline("always the mean", metrics.regression_metrics(truth, np.full(len(truth), self.trivial["mean"])))
        matrix = np.nan_to_num(self._matrix(table), nan=0.0)
        middle = np.median(matrix, axis=0)
        spread = np.median(np.abs(matrix - middle), axis=0) * 1.4826
        scores = (np.abs(matrix - middle) / np.where(spread > 0, spread, 1.0)).max(axis=1).astype(np.float64)
        share = float(self.parameters.get("alert_share", 0.01))
        alerts = scores > np.quantile(scores, 1 - share)
        return Baseline("the largest robust z-score", metrics.anomaly_metrics(scores, alerts, _anomaly_truth(table)))

    def _importance(self, table: "TrainingTable") -> Importance:
        explainer, rows, how = self._explainer()
        sample = table.take(np.unique(np.linspace(0, table.rows - 1, min(rows, table.rows)).astype(np.int64)))
        matrix = self._matrix(sample)
        with ThreadPoolExecutor(self.threads) as pool:  # the tree kernel holds no interpreter lock
            parts = pool.map(explainer.explain_encoded, np.array_split(matrix, max(1, len(matrix) // _ROWS_AT_ONCE)))
            explained = [one for part in parts for one in part]
        names = [column.name for column in self.schema.columns]
        sizes = np.abs(np.array([[e.contributions[name] for name in names] for e in explained]))
        mean, spread = sizes.mean(axis=0), sizes.std(axis=0)
        order = np.argsort(-mean, kind="stable")
        return Importance(
            method=f"mean absolute contribution ({explainer.method}{how}, {len(explained)} rows)",
            features=tuple((names[i], float(mean[i]), float(spread[i])) for i in order),
            rows=len(explained),
        )

    def _predict(self, columns: Columns, rows: int) -> Answers:
        matrix, warnings = self.light.encoder.encode(columns, rows)
        return with_warnings(self.light.answers_of_raw(self._native_raw(matrix)), warnings)

    def _explain(self, columns: Columns, rows: int) -> list[Explanation]:
        return self.light.explain_encoded(self.light.encoder.encode(columns, rows)[0])

    def _save(self, folder: Path) -> dict[str, Any]:
        light = folder / "light"
        light.mkdir()
        self.light.save(light)
        self._save_native(folder)
        return {"trivial": self.trivial}

    def _load(self, folder: Path, facts: Mapping[str, Any]) -> None:
        light = folder / "light"
        self.trivial = facts["trivial"]
        self.light = self.light_form.load(light, json.loads((light / "predictor.json").read_text()))
        self._load_native(folder)

    def _predictor(self, folder: Path) -> None:
        self.light.save(folder)

    @property
    def _positive(self) -> int:
        """Which of two classes is to be found: the rarer one of the training rows; the second when they are even."""
        shares = self.trivial["shares"]
        return 0 if shares[0] < shares[1] else 1

    def _matrix(self, table: "TrainingTable") -> Matrix:
        return self.light.encoder.encode(table.columns, table.rows)[0]

    def _codes(self, table: "TrainingTable") -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        assert table.target is not None
        code_of = {label: code for code, label in enumerate(self.schema.classes)}
        codes = np.array([code_of.get(label, -1) for label in table.target.tolist()], dtype=np.int64)
        return codes, codes >= 0


def _class_codes(target: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], tuple[Any, ...]]:
    labels = target.tolist()
    classes = sorted(set(labels), key=lambda label: (str(type(label)), label))
    code_of = {label: code for code, label in enumerate(classes)}
    return np.array([code_of[label] for label in labels], dtype=np.int64), tuple(classes)


def _trivial(target: npt.NDArray[Any] | None, classes: int, task: Task) -> dict[str, Any]:
    if target is None:
        return {}
    if task == Task.REGRESSION:
        return {"mean": float(target.mean())}
    return {"shares": (np.bincount(target, minlength=classes) / len(target)).tolist()}


def _anomaly_truth(table: "TrainingTable") -> npt.NDArray[np.bool_] | None:
    if table.target is None:
        return None
    normal = {0, 1, "0", "normal", "false", "no", "non", "inlier"}
    labels = [label.lower() if isinstance(label, str) else label for label in table.target.tolist()]
    values = set(labels)
    usual = (
        1 if values <= {1, -1} else next((v for v in (0, False, "0", "normal", "no", "non", "inlier") if v in values), None)
    )
    if usual is None or usual not in normal:
        return None
    return np.array([label is not None and label != usual for label in labels], dtype=bool)


def conformal_widths(predicted: Doubles, truth: Doubles, *, level: float = LEVEL) -> Intervals | None:
    """Return half-widths from held-out residuals by bins of the predicted value.

    Split conformal prediction (Vovk et al. 2005) within each bin (Mondrian), which follows a spread that grows with the
    value. Each bin has at least 100 rows; fewer than 20 rows in all give no interval.
    """
    if len(truth) < 20:
        return None
    bins = int(np.clip(len(truth) // 100, 1, 10))
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1])) if bins > 1 else np.zeros(0)
    where = np.searchsorted(edges, predicted)
    residuals = np.abs(predicted - truth)
    widths = [_conformal_quantile(residuals[where == b], residuals, level) for b in range(len(edges) + 1)]
    return Intervals(level=level, edges=tuple(edges.tolist()), widths=tuple(widths))


def _conformal_quantile(own: Doubles, everyone: Doubles, level: float) -> float:
    chosen = np.sort(own if len(own) >= 20 else everyone)
    rank = min(len(chosen), int(np.ceil((len(chosen) + 1) * level)))
    return float(chosen[rank - 1])
