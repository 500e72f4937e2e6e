"""Gradient boosting by scikit-learn's histograms."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.boosting_service import LEARNING_RATE, PATIENCE, BoostingService
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.trees import FlatTrees
from apps.algorithms.schema import Task

if TYPE_CHECKING:
    from apps.algorithms.engine.boosting import Boosting


class GradientBoostingService(BoostingService):
    """Trees that grow leaf by leaf where they gain most, stopped when rows held back stop improving."""

    slug: ClassVar[str] = "gradient_boosting"
    title: ClassVar[str] = "Gradient boosting"
    summary: ClassVar[str] = "Scores with few settings: trees that grow where they gain most, fast on many rows."
    library: ClassVar[str] = "sklearn"
    reference: ClassVar[str] = "Friedman, J. (2001). Greedy Function Approximation. Annals of Statistics 29, 1189-1232."
    fast_parameters = {"n_estimators": 40, "max_leaf_nodes": 8, "learning_rate": 0.2, "min_samples_leaf": 10}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("n_estimators", "integer", 600, "Most trees", "Fewer are used when more do not help.", 10, 5_000),
        LEARNING_RATE,
        Hyperparameter(
            "max_leaf_nodes", "integer", 15, "Leaves a tree", "More see more interplay of columns.", 2, 255,
            search=Range(4, 64, log=True),
        ),
        Hyperparameter(
            "min_samples_leaf", "integer", 20, "Rows in a leaf", "More smooth the answers.", 1, 1_000,
            search=Range(3, 100, log=True),
        ),
        Hyperparameter("max_features", "number", 0.5, "Share of columns tried at a split", "", 0.05, 1.0, search=Range(0.2, 1.0)),
        Hyperparameter("l2_regularization", "number", 1.0, "L2 penalty", "", 0.0, 1_000.0, search=Range(0.01, 100.0, log=True)),
        PATIENCE,
    )  # fmt: skip

    def _boosting(self, matrix: Matrix, target: npt.NDArray[Any], classes: int) -> "Boosting":
        from apps.algorithms.engine.boosting_sklearn import HistogramRounds

        known = ("learning_rate", "max_leaf_nodes", "min_samples_leaf", "max_features", "l2_regularization")
        settings = {name: self.parameters[name] for name in known} | {"random_state": self.seed}
        return HistogramRounds(matrix, target, classes, settings)

    def _flattened(self, model: Any, outputs: int, columns: int) -> tuple[FlatTrees, tuple[float, ...]]:
        from apps.algorithms.engine.flatten import flat_histogram_boosting

        base = np.ravel(model._baseline_prediction)  # noqa: SLF001  (as flatten reads its trees)
        return flat_histogram_boosting(model), tuple(base.tolist())

    def _native_raw(self, matrix: Matrix) -> Doubles:
        raw = self.native.predict(matrix) if self.task == Task.REGRESSION else self.native.decision_function(matrix)
        return np.asarray(raw, dtype=np.float64).reshape(len(matrix), -1)

    def _save_native(self, folder: Path) -> None:
        import joblib

        joblib.dump(self.native, folder / "boosting.joblib", compress=1)

    def _load_native(self, folder: Path) -> None:
        import joblib

        self.native = joblib.load(folder / "boosting.joblib")
