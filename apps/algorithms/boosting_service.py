"""What boosting services share: the number of rounds found on rows held back, the link, the intervals."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Finish
from apps.algorithms.predictors.trees import FlatTrees
from apps.algorithms.results import Progress
from apps.algorithms.schema import Task
from apps.algorithms.table_service import conformal_sets, conformal_widths
from apps.algorithms.tree_service import Fitted, TreeService

if TYPE_CHECKING:
    from apps.algorithms.engine.boosting import Boosting

LEARNING_RATE = Hyperparameter(
    "learning_rate", "number", 0.05, "Learning rate", "Smaller learns slower and finer.", 0.001, 1.0,
    search=Range(0.01, 0.2, log=True),
)  # fmt: skip
PATIENCE = Hyperparameter(
    "early_stopping_rounds", "integer", 40, "Patience",
    "Stop after so many trees without gain on rows held back; empty: never.", 5, 500, nullable=True,
)  # fmt: skip


class BoostingService(TreeService):
    """Trees that correct one another; takes `n_estimators` and `PATIENCE` among its hyperparameters."""

    tasks: ClassVar[tuple[Task, ...]] = (Task.CLASSIFICATION, Task.REGRESSION)

    @abstractmethod
    def _boosting(self, matrix: Matrix, target: npt.NDArray[Any], classes: int) -> "Boosting":
        """Return the library's boosting on these rows; `classes` 0: a regression."""

    @abstractmethod
    def _flattened(self, model: Any, outputs: int, columns: int) -> tuple[FlatTrees, tuple[float, ...]]:
        """Return a fitted model's trees with what it adds to their sums, one number an output."""

    def _fit_trees(self, matrix: Matrix, target: npt.NDArray[Any] | None, classes: int, progress: Progress) -> Fitted:
        from apps.algorithms.engine.boosting import fit_boosting

        assert target is not None
        boosted = fit_boosting(
            self._boosting(matrix, target, classes),
            target,
            rounds=self.parameters["n_estimators"],
            patience=self.parameters["early_stopping_rounds"],
            stratified=classes > 0,
            seed=self.seed,
            progress=progress,
        )
        trees, base = self._flattened(boosted.model, classes if classes > 2 else 1, matrix.shape[1])
        link = "softmax" if classes > 2 else "sigmoid" if classes else "identity"
        told, truth = boosted.held_out_predicted, boosted.held_out_truth
        if not classes:
            return Fitted(boosted.model, trees, Finish(link, base), intervals=conformal_widths(told, truth))
        chances = told if told.ndim > 1 else np.column_stack([1.0 - told, told])
        return Fitted(boosted.model, trees, Finish(link, base), sets=conformal_sets(chances, truth.astype(np.int64)))
