"""Gradient boosting by XGBoost."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.boosting_service import LEARNING_RATE, PATIENCE, BoostingService
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.trees import FlatTrees

if TYPE_CHECKING:
    from apps.algorithms.engine.boosting import Boosting


class XGBoostService(BoostingService):
    """Trees that correct one another, stopped when rows held back stop improving."""

    slug: ClassVar[str] = "xgboost"
    title: ClassVar[str] = "XGBoost"
    summary: ClassVar[str] = "Usually the most accurate on tables; finds its own number of trees."
    library: ClassVar[str] = "xgboost"
    reference: ClassVar[str] = "Chen, T., Guestrin, C. (2016). XGBoost: A Scalable Tree Boosting System. KDD."
    fast_parameters = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.2}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("n_estimators", "integer", 800, "Most trees", "Fewer are used when more do not help.", 10, 5_000),
        LEARNING_RATE,
        Hyperparameter(
            "max_depth", "integer", 5, "Depth", "Deeper trees see more interplay of columns.", 1, 16,
            search=Range(2, 10),
        ),
        Hyperparameter(
            "min_child_weight", "number", 3.0, "Weight in a leaf", "More smooth the answers.", 0.0, 1_000.0,
            search=Range(0.3, 50.0, log=True),
        ),
        Hyperparameter("subsample", "number", 0.8, "Share of rows a tree", "", 0.1, 1.0, search=Range(0.5, 1.0)),
        Hyperparameter("colsample_bytree", "number", 0.7, "Share of columns a tree", "", 0.1, 1.0, search=Range(0.3, 1.0)),
        Hyperparameter("reg_lambda", "number", 1.0, "L2 penalty", "", 0.0, 1_000.0, search=Range(0.01, 100.0, log=True)),
        PATIENCE,
    )  # fmt: skip

    def _boosting(self, matrix: Matrix, target: npt.NDArray[Any], classes: int) -> "Boosting":
        from apps.algorithms.engine.boosting_xgboost import XGBoostRounds

        known = ("learning_rate", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda")
        fixed = {"tree_method": "hist", "seed": self.seed, "nthread": self.threads, "verbosity": 0}
        settings = {name: self.parameters[name] for name in known} | fixed | _objective(classes)
        return XGBoostRounds(matrix, target, settings)

    def _flattened(self, model: Any, outputs: int, columns: int) -> tuple[FlatTrees, tuple[float, ...]]:
        from apps.algorithms.engine.flatten import flat_boosting

        trees = flat_boosting(model, outputs=outputs)
        probe = np.zeros((1, columns), dtype=np.float32)
        return trees, tuple((_margins(model, probe) - trees.sums(probe))[0].tolist())

    def _native_raw(self, matrix: Matrix) -> Doubles:
        return _margins(self.native, matrix)

    def _save_native(self, folder: Path) -> None:
        (folder / "booster.json").write_bytes(self.native.save_raw(raw_format="json"))  # its own writer hides a full disk

    def _load_native(self, folder: Path) -> None:
        import xgboost

        self.native = xgboost.Booster(model_file=folder / "booster.json")


def _objective(classes: int) -> dict[str, Any]:
    if classes > 2:
        return {"objective": "multi:softprob", "num_class": classes, "eval_metric": "mlogloss"}
    if classes:
        return {"objective": "binary:logistic", "eval_metric": "logloss"}
    return {"objective": "reg:squarederror", "eval_metric": "rmse"}


def _margins(booster: Any, matrix: Matrix) -> Doubles:
    import xgboost

    margins = np.asarray(booster.predict(xgboost.DMatrix(matrix), output_margin=True), dtype=np.float64)
    return margins.reshape(len(matrix), -1)
