"""What the tree services share: labels, the encoder, evaluation, the light form. A service adds its fit and its files."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from apps.algorithms.base import BaseMLService
from apps.algorithms.predictors.encoder import Encoder, Matrix
from apps.algorithms.predictors.kernels import kernel
from apps.algorithms.predictors.rows import columns_of_rows
from apps.algorithms.predictors.table import TREE_SHAP, Finish, Intervals, Tail, TreePredictor, probabilities
from apps.algorithms.predictors.trees import Doubles, FlatTrees
from apps.algorithms.results import Answers, Baseline, Evaluation, Explanation, Importance, Progress
from apps.algorithms.schema import TableSchema, Task
from apps.core.errors import InvalidInput

if TYPE_CHECKING:
    from apps.algorithms.tables import TrainingTable

LEVEL = 0.90
_SHAP_WORK = 700_000_000  # nodes times depth walked for the importance: about two seconds of one core
_NUMPY_IS_SLOWER = 80  # than the kernel
_LEAST_ROWS, _MOST_ROWS, _LEAST_TREES, _ROWS_AT_ONCE = 100, 1_000, 10, 10


@dataclass(frozen=True)
class Fitted:
    """What a service's own fit returns: the library's model, its flat form, and how sums become answers."""

    native: Any
    trees: FlatTrees
    finish: Finish
    intervals: Intervals | None = None
    tail: Tail | None = None


class TreeService(BaseMLService):
    """A service over a tree ensemble."""

    native: Any
    light: TreePredictor
    trivial: dict[str, Any]

    @property
    def schema(self) -> TableSchema:
        """The input the fitted model takes."""
        return self.light.schema

    @abstractmethod
    def _fit_trees(self, matrix: Matrix, target: npt.NDArray[Any] | None, classes: int, progress: Progress) -> Fitted:
        """Fit the library's model on the encoded training rows."""

    @abstractmethod
    def _native_raw(self, matrix: Matrix) -> Doubles:
        """Return what `TreePredictor.raw` returns, computed by the library's own model."""

    @abstractmethod
    def _save_native(self, folder: Path) -> None:
        """Write the library's model."""

    @abstractmethod
    def _load_native(self, folder: Path) -> Any:
        """Read the library's model."""

    def _fit(self, table: "TrainingTable", progress: Progress) -> None:
        from apps.algorithms.engine.encoding import fit_encoder

        progress(0.0, "preparing")
        target, classes = self._target(table)
        fitted = fit_encoder(table, task=self.task, target=target, seed=self.seed)
        self.warnings = fitted.warnings
        if not fitted.encoder.encodings:
            raise InvalidInput("No column is left to learn from: " + " ".join(fitted.warnings))
        progress(0.02, "fitting")
        own = self._fit_trees(fitted.matrix, target, len(classes), progress)
        self.native = own.native
        self.trivial = _trivial(target, len(classes), self.task)
        read = {encoding.column for encoding in fitted.encoder.encodings}
        schema = TableSchema(
            columns=tuple(column for column in table.features if column.name in read),
            target=table.target_name,
            target_kind=table.target_kind,
            classes=classes,
            unused=tuple(column for column in table.features if column.name not in read),
        )
        self.light = TreePredictor(
            self.task, schema, fitted.encoder, own.trees, own.finish, intervals=own.intervals, tail=own.tail
        )
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
            found = metrics.classification_metrics(truth, chances)
            curves = metrics.classification_curves(truth, chances, [str(c) for c in self.schema.classes])
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
            return Baseline("always the share of each class", metrics.classification_metrics(codes[seen], chances))
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
        rows, trees = self._explained_share()
        sample = table.take(np.unique(np.linspace(0, table.rows - 1, min(rows, table.rows)).astype(np.int64)))
        explainer, matrix = self.light.with_first_trees(trees), self._matrix(sample)
        with ThreadPoolExecutor(self.threads) as pool:  # the kernel's walk holds no interpreter lock
            parts = pool.map(explainer.explain_encoded, np.array_split(matrix, max(1, len(matrix) // _ROWS_AT_ONCE)))
            explained = [one for part in parts for one in part]
        names = [column.name for column in self.schema.columns]
        sizes = np.abs(np.array([[e.contributions[name] for name in names] for e in explained]))
        mean, spread = sizes.mean(axis=0), sizes.std(axis=0)
        order = np.argsort(-mean, kind="stable")
        known, used = len(self.light.trees.roots), len(explainer.trees.roots)
        of_trees = f" of {used} of {known} trees" if used < known else ""
        return Importance(
            method=f"mean absolute contribution ({TREE_SHAP}{of_trees}, {len(explained)} rows)",
            features=tuple((names[i], float(mean[i]), float(spread[i])) for i in order),
            rows=len(explained),
        )

    def _explained_share(self) -> tuple[int, int]:
        """Return how many rows to explain and by how many trees: a forest too large for its rows gives fewer trees."""
        trees = self.light.trees
        work = len(trees.nodes) * max(1, trees.deepest) * (1 if kernel() else _NUMPY_IS_SLOWER)
        rows = _SHAP_WORK // work
        fewer = max(_LEAST_TREES, len(trees.roots) * rows // _LEAST_ROWS)
        return int(np.clip(rows, _LEAST_ROWS, _MOST_ROWS)), fewer if rows < _LEAST_ROWS // 2 else len(trees.roots)

    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Answer one value a row by the native library; raise `InvalidInput` naming each fault."""
        matrix, warnings = self.light.encoder.encode(columns_of_rows(self.schema, rows), len(rows))
        answers = self.light.answers_of_raw(self._native_raw(matrix))
        for row, texts in warnings.items():
            answers.details[row]["warnings"] = texts
        return answers

    def explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        """Attribute each row's answer to its columns."""
        return self.light.explain(rows)

    def _save(self, folder: Path) -> None:
        facts = {"task": self.task, "parameters": self.parameters, "seed": self.seed, "trivial": self.trivial}
        (folder / "service.json").write_text(json.dumps(facts))
        light = folder / "light"
        light.mkdir()
        self._predictor(light)
        self._save_native(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild a fitted service from `save`'s files, whose checksums the caller has verified."""
        facts: Mapping[str, Any] = json.loads((folder / "service.json").read_text())
        service = cls(task=Task(facts["task"]), parameters=facts["parameters"], seed=facts["seed"])
        service.trivial = facts["trivial"]
        light = folder / "light"
        service.light = TreePredictor.load(light, json.loads((light / "predictor.json").read_text()))
        service.native = service._load_native(folder)
        return service

    def _predictor(self, folder: Path) -> None:
        self.light.trees.save(folder)
        (folder / "predictor.json").write_text(json.dumps(self.light.facts()))

    def _matrix(self, table: "TrainingTable") -> Matrix:
        encoder: Encoder = self.light.encoder
        return encoder.encode(table.columns, table.rows)[0]

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


def portions(trees: int) -> list[int]:
    """Return the numbers of trees at which a growing forest reports: up to ten, at least five trees apart."""
    counts: list[int] = np.unique(np.linspace(0, trees, min(10, trees // 5) + 1).astype(int))[1:].tolist()
    return counts


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
