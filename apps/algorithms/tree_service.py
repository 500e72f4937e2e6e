"""What the tree services share: the light form of an ensemble. A service adds its fit and its files."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.encoded import Encoded
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.ensemble import TreePredictor
from apps.algorithms.predictors.finish import Doubles, Finish, Intervals, PredictionSets, Tail
from apps.algorithms.predictors.kernels import kernel
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.predictors.trees import FlatTrees
from apps.algorithms.results import Progress, StoredPredictor
from apps.algorithms.table_service import MOST_EXPLAINED, TableService

FEW_ROWS = 8_000  # below, every row is held back once, by folds
_SHAP_WORK = 150_000_000  # nodes times depth walked for the importance: about one second of one core
_NUMPY_IS_SLOWER = 80  # than the kernel
_LEAST_ROWS, _LEAST_TREES = 100, 10


@dataclass(frozen=True)
class Fitted:
    """What a service's own fit returns: the library's model, its flat form, and how sums become answers."""

    native: Any
    trees: FlatTrees
    finish: Finish
    intervals: Intervals | None = None
    sets: PredictionSets | None = None
    tail: Tail | None = None


class TreeService(TableService):
    """A service over a tree ensemble."""

    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = (TreePredictor,)
    light_form: ClassVar[type[TablePredictor]] = TreePredictor
    native: Any
    light: TreePredictor

    @abstractmethod
    def _fit_trees(self, data: Encoded, progress: Progress) -> Fitted:
        """Fit the library's model on the encoded training rows."""

    @abstractmethod
    def _native_raw(self, matrix: Matrix) -> Doubles:
        """Return what `TreePredictor.raw` returns, computed by the library's own model."""

    @abstractmethod
    def _save_native(self, folder: Path) -> None:
        """Write the library's model."""

    @abstractmethod
    def _load_native(self, folder: Path) -> None:
        """Read the library's model."""

    def _learn(self, data: Encoded, progress: Progress) -> TablePredictor:
        own = self._fit_trees(data, progress)
        self.native = own.native
        return TreePredictor(
            **data.common(), trees=own.trees, finish=own.finish, intervals=own.intervals, sets=own.sets, tail=own.tail
        )

    def _explainer(self) -> tuple[TablePredictor, int, str]:
        rows, trees = self._explained_share()
        explainer = self.light.with_first_trees(trees)
        known, used = len(self.light.trees.roots), len(explainer.trees.roots)
        return explainer, rows, f" of {used} of {known} trees" if used < known else ""

    def _explained_share(self) -> tuple[int, int]:
        """Return how many rows to explain and by how many trees: a forest too large for its rows gives fewer trees."""
        trees = self.light.trees
        work = len(trees.nodes) * max(1, trees.deepest) * (1 if kernel() else _NUMPY_IS_SLOWER)
        rows = _SHAP_WORK // work
        fewer = max(_LEAST_TREES, len(trees.roots) * rows // _LEAST_ROWS)
        return int(np.clip(rows, _LEAST_ROWS, MOST_EXPLAINED)), fewer if rows < _LEAST_ROWS // 2 else len(trees.roots)


def portions(trees: int) -> list[int]:
    """Return the numbers of trees at which a growing forest reports: up to ten, at least five trees apart."""
    counts: list[int] = np.unique(np.linspace(0, trees, min(10, trees // 5) + 1).astype(int))[1:].tolist()
    return counts
