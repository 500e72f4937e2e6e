"""Gradient boosting by scikit-learn's histograms."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.hyperparameters import Hyperparameter
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.table import Doubles, Finish
from apps.algorithms.results import Progress
from apps.algorithms.schema import Task
from apps.algorithms.table_service import conformal_widths
from apps.algorithms.tree_service import Fitted, TreeService


class GradientBoostingService(TreeService):
    """Trees that grow leaf by leaf where they gain most, stopped when rows held back stop improving."""

    slug: ClassVar[str] = "gradient_boosting"
    title: ClassVar[str] = "Gradient boosting"
    summary: ClassVar[str] = "Scores with few settings: trees that grow where they gain most, fast on many rows."
    tasks: ClassVar[tuple[Task, ...]] = (Task.CLASSIFICATION, Task.REGRESSION)
    library: ClassVar[str] = "sklearn"
    reference: ClassVar[str] = "Friedman, J. (2001). Greedy Function Approximation. Annals of Statistics 29, 1189-1232."
    fast_parameters = {"n_estimators": 40, "max_leaf_nodes": 8, "learning_rate": 0.2, "min_samples_leaf": 10}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("n_estimators", "integer", 600, "Most trees", "Fewer are used when more do not help.", 10, 5_000),
        Hyperparameter("learning_rate", "number", 0.05, "Learning rate", "Smaller learns slower and finer.", 0.001, 1.0),
        Hyperparameter("max_leaf_nodes", "integer", 15, "Leaves a tree", "More see more interplay of columns.", 2, 255),
        Hyperparameter("min_samples_leaf", "integer", 20, "Rows in a leaf", "More smooth the answers.", 1, 1_000),
        Hyperparameter("max_features", "number", 0.5, "Share of columns tried at a split", "", 0.05, 1.0),
        Hyperparameter("l2_regularization", "number", 1.0, "L2 penalty", "", 0.0, 1_000.0),
        Hyperparameter(
            "early_stopping_rounds", "integer", 40, "Patience",
            "Stop after so many trees without gain on rows held back; empty: never.", 5, 500, nullable=True,
        ),
    )  # fmt: skip

    def _fit_trees(self, matrix: Matrix, target: npt.NDArray[Any] | None, classes: int, progress: Progress) -> Fitted:
        from apps.algorithms.engine.boosting import fit_boosting
        from apps.algorithms.engine.boosting_sklearn import HistogramRounds
        from apps.algorithms.engine.flatten import flat_histogram_boosting

        assert target is not None
        known = ("learning_rate", "max_leaf_nodes", "min_samples_leaf", "max_features", "l2_regularization")
        settings = {name: self.parameters[name] for name in known} | {"random_state": self.seed}
        boosted = fit_boosting(
            HistogramRounds(matrix, target, classes, settings),
            target,
            rounds=self.parameters["n_estimators"],
            patience=self.parameters["early_stopping_rounds"],
            stratified=classes > 0,
            seed=self.seed,
            progress=progress,
        )
        base = tuple(np.ravel(boosted.model._baseline_prediction).tolist())  # noqa: SLF001  (as flatten reads its trees)
        link = "softmax" if classes > 2 else "sigmoid" if classes else "identity"
        intervals = None if classes else conformal_widths(boosted.held_out_predicted, boosted.held_out_truth)
        return Fitted(boosted.model, flat_histogram_boosting(boosted.model), Finish(link, base), intervals=intervals)

    def _native_raw(self, matrix: Matrix) -> Doubles:
        raw = self.native.predict(matrix) if self.task == Task.REGRESSION else self.native.decision_function(matrix)
        return np.asarray(raw, dtype=np.float64).reshape(len(matrix), -1)

    def _save_native(self, folder: Path) -> None:
        import joblib

        joblib.dump(self.native, folder / "boosting.joblib", compress=1)

    def _load_native(self, folder: Path) -> None:
        import joblib

        self.native = joblib.load(folder / "boosting.joblib")
