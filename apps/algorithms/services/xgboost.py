"""Gradient boosting by XGBoost."""

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


class XGBoostService(TreeService):
    """Trees that correct one another, stopped when rows held back stop improving."""

    slug: ClassVar[str] = "xgboost"
    title: ClassVar[str] = "XGBoost"
    summary: ClassVar[str] = "Usually the most accurate on tables; finds its own number of trees."
    tasks: ClassVar[tuple[Task, ...]] = (Task.CLASSIFICATION, Task.REGRESSION)
    library: ClassVar[str] = "xgboost"
    reference: ClassVar[str] = "Chen, T., Guestrin, C. (2016). XGBoost: A Scalable Tree Boosting System. KDD."
    fast_parameters = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.2}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("n_estimators", "integer", 800, "Most trees", "Fewer are used when more do not help.", 10, 5_000),
        Hyperparameter("learning_rate", "number", 0.05, "Learning rate", "Smaller learns slower and finer.", 0.001, 1.0),
        Hyperparameter("max_depth", "integer", 5, "Depth", "Deeper trees see more interplay of columns.", 1, 16),
        Hyperparameter("min_child_weight", "number", 3.0, "Weight in a leaf", "More smooth the answers.", 0.0, 1_000.0),
        Hyperparameter("subsample", "number", 0.8, "Share of rows a tree", "", 0.1, 1.0),
        Hyperparameter("colsample_bytree", "number", 0.7, "Share of columns a tree", "", 0.1, 1.0),
        Hyperparameter("reg_lambda", "number", 1.0, "L2 penalty", "", 0.0, 1_000.0),
        Hyperparameter(
            "early_stopping_rounds", "integer", 40, "Patience",
            "Stop after so many trees without gain on rows held back; empty: never.", 5, 500, nullable=True,
        ),
    )  # fmt: skip

    def _fit_trees(self, matrix: Matrix, target: npt.NDArray[Any] | None, classes: int, progress: Progress) -> Fitted:
        from apps.algorithms.engine.boosting import fit_boosting
        from apps.algorithms.engine.boosting_xgboost import XGBoostRounds
        from apps.algorithms.engine.flatten import flat_boosting

        assert target is not None
        settings = {
            "learning_rate": self.parameters["learning_rate"],
            "max_depth": self.parameters["max_depth"],
            "min_child_weight": self.parameters["min_child_weight"],
            "subsample": self.parameters["subsample"],
            "colsample_bytree": self.parameters["colsample_bytree"],
            "reg_lambda": self.parameters["reg_lambda"],
            "tree_method": "hist",
            "seed": self.seed,
            "nthread": self.threads,
            "verbosity": 0,
            **_objective(classes),
        }
        boosted = fit_boosting(
            XGBoostRounds(matrix, target, settings),
            target,
            rounds=self.parameters["n_estimators"],
            patience=self.parameters["early_stopping_rounds"],
            stratified=classes > 0,
            seed=self.seed,
            progress=progress,
        )
        outputs = classes if classes > 2 else 1
        trees = flat_boosting(boosted.model, outputs=outputs)
        probe = np.zeros((1, matrix.shape[1]), dtype=np.float32)
        base = _margins(boosted.model, probe) - trees.sums(probe)
        link = "softmax" if classes > 2 else "sigmoid" if classes else "identity"
        intervals = None if classes else conformal_widths(boosted.held_out_predicted, boosted.held_out_truth)
        return Fitted(boosted.model, trees, Finish(link, tuple(base[0].tolist())), intervals=intervals)

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
