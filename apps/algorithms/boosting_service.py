"""What boosting services share: the number of rounds found on rows held back, the link, the intervals."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.conformal import conformal_sets, conformal_widths
from apps.algorithms.encoded import Encoded
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Finish, Intervals, PredictionSets
from apps.algorithms.predictors.trees import FlatTrees
from apps.algorithms.results import Progress
from apps.algorithms.schema import Task
from apps.algorithms.tree_service import FEW_ROWS, Fitted, TreeService

if TYPE_CHECKING:
    from apps.algorithms.engine.boosting import Boosting

_FITS_OF_FEW = 6  # of each fold, and of all
LEARNING_RATE = Hyperparameter(
    "learning_rate", "number", 0.05, "Learning rate", "Smaller learns slower and finer.", 0.001, 1.0,
    search=Range(0.01, 0.2, log=True),
)  # fmt: skip
PATIENCE = Hyperparameter(
    "early_stopping_rounds", "integer", 40, "Patience",
    "Stop after so many trees without gain on rows held back; empty: never.", 5, 500, nullable=True,
)  # fmt: skip


@dataclass(frozen=True)
class Calibration:
    """What held-back rows told: how many rounds help, and how far answers of such a model, of so many classes, are off."""

    rounds: int
    classes: int
    intervals: Intervals | None = None
    sets: PredictionSets | None = None


class BoostingService(TreeService):
    """Trees that correct one another; takes `n_estimators` and `PATIENCE` among its hyperparameters."""

    tasks: ClassVar[tuple[Task, ...]] = (Task.CLASSIFICATION, Task.REGRESSION)
    calibration: Calibration | None = None

    @abstractmethod
    def _boosting(self, matrix: Matrix, target: npt.NDArray[Any], classes: int) -> "Boosting":
        """Return the library's boosting on these rows; `classes` 0: a regression."""

    @abstractmethod
    def _flattened(self, model: Any, outputs: int, columns: int) -> tuple[FlatTrees, tuple[float, ...]]:
        """Return a fitted model's trees with what it adds to their sums, one number an output."""

    @classmethod
    def cost_of_learning_again(cls, rows: int) -> float:
        """Return one fit beside those of the folds; beside one, where rows are many."""
        return super().cost_of_learning_again(rows) / (_FITS_OF_FEW if rows < FEW_ROWS else 1)

    def _fit(self, data: Any, progress: Progress) -> None:
        self.calibration = None  # kept by `_fit_again`: one fit more, with the rounds that were found
        super()._fit(data, progress)

    def _fit_trees(self, data: Encoded, progress: Progress) -> Fitted:
        from apps.algorithms.engine.boosting import fit_rounds

        assert data.target is not None
        classes = data.classes
        library = self._boosting(data.matrix, data.target, classes)
        found = self.calibration
        if found is None or found.classes != classes:
            model, found = self._fit_and_calibrate(library, data, progress)
            self.calibration = found
        else:
            model = fit_rounds(library, len(data.target), rounds=found.rounds, progress=progress)
        trees, base = self._flattened(model, classes if classes > 2 else 1, data.matrix.shape[1])
        link = "softmax" if classes > 2 else "sigmoid" if classes else "identity"
        return Fitted(model, trees, Finish(link, base), intervals=found.intervals, sets=found.sets)

    def _fit_and_calibrate(self, library: "Boosting", data: Encoded, progress: Progress) -> tuple[Any, Calibration]:
        from apps.algorithms.engine.boosting import fit_boosting

        assert data.target is not None
        classes = data.classes
        boosted = fit_boosting(
            library,
            data.target,
            few=len(data.target) < FEW_ROWS,
            rounds=self.parameters["n_estimators"],
            patience=self.parameters["early_stopping_rounds"],
            stratified=classes > 0,
            seed=self.seed,
            ties=data.ties,
            progress=progress,
        )
        told, truth = boosted.held_out_predicted, boosted.held_out_truth
        if not classes:
            return boosted.model, Calibration(boosted.rounds, classes, intervals=conformal_widths(told, truth))
        chances = told if told.ndim > 1 else np.column_stack([1.0 - told, told])
        return boosted.model, Calibration(boosted.rounds, classes, sets=conformal_sets(chances, truth.astype(np.int64)))
