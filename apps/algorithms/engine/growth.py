"""What is known of a forest while it grows: only new trees are asked, so that a live curve costs one pass in all."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.encoder import Matrix

Doubles = npt.NDArray[np.float64]
MOST_ROWS = 10_000
MOST_ROWS_OF_PATHS = 2_000


def spread_rows(rows: int, most: int) -> npt.NDArray[np.int64]:
    """Return up to `most` row numbers, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64))


class OutOfBag:
    """Answers on a fixed sample of rows by those trees that did not learn from them (Breiman 2001, section 3.1)."""

    def __init__(self, matrix: Matrix, target: npt.NDArray[Any], *, classes: int) -> None:
        self._rows, self._classes = len(matrix), classes
        self._sampled = spread_rows(self._rows, MOST_ROWS)
        self._matrix, self._target = matrix[self._sampled], target[self._sampled]
        self._sums = np.zeros((len(self._sampled), max(1, classes)))
        self._votes = np.zeros(len(self._sampled))

    def add(self, trees: Iterable[Any]) -> None:
        """Take the votes of new trees."""
        for tree in trees:
            learned = np.zeros(self._rows, dtype=bool)
            learned[self.drawn_by(tree)] = True
            apart = np.flatnonzero(~learned[self._sampled])
            answer = tree.predict_proba if self._classes else tree.predict
            self._sums[apart] += answer(self._matrix[apart], check_input=False).reshape(len(apart), -1)
            self._votes[apart] += 1

    def drawn_by(self, tree: Any) -> npt.NDArray[np.int64]:
        """Draw again the rows that scikit-learn drew for a tree."""
        drawn: npt.NDArray[np.int64] = np.random.RandomState(tree.random_state).randint(0, self._rows, self._rows)
        return drawn

    def predictions(self) -> tuple[Doubles, npt.NDArray[Any]]:
        """Return the mean answer (class shares, or numbers) and the truth of each row that any tree can answer for."""
        seen = self._votes > 0
        return self._sums[seen] / self._votes[seen, None], self._target[seen]

    def score(self) -> float:
        """Return the share of right classes, or R²."""
        found, truth = self.predictions()
        if not len(truth):
            return 0.0
        if self._classes:
            return float((found.argmax(axis=1) == truth).mean())
        spread = float(((truth - truth.mean()) ** 2).sum())
        return 1.0 - float(((found[:, 0] - truth) ** 2).sum()) / spread if spread else 0.0


class PathLengths:
    """How far an isolation forest's order of a fixed sample of rows still changes as trees are added.

    `path_length` gives the expected rest of a path that ends among so many rows.
    """

    def __init__(self, matrix: Matrix, path_length: Callable[[npt.NDArray[Any]], Doubles]) -> None:
        self._path_length = path_length
        self._matrix = matrix[spread_rows(len(matrix), MOST_ROWS_OF_PATHS)]
        self._sums = np.zeros(len(self._matrix))

    def add(self, trees: Iterable[tuple[Any, Any]]) -> float:
        """Take new trees, each with its features; return the rank correlation of the scores with those before."""
        before = self._sums.copy()
        for tree, features in trees:
            leaves = tree.apply(self._matrix[:, features], check_input=False)
            lengths = tree.tree_.compute_node_depths() - 1 + self._path_length(tree.tree_.n_node_samples)
            self._sums += lengths[leaves]
        return rank_correlation(before, self._sums)


def rank_correlation(one: Doubles, other: Doubles) -> float:
    """Return Spearman's correlation; 1 where neither orders anything, 0 where only one does."""
    ranks = [
        np.searchsorted(np.sort(values), values) + np.searchsorted(np.sort(values), values, side="right")
        for values in (one, other)
    ]
    spreads = [rank.std() for rank in ranks]
    if not all(spreads):
        return float(spreads[0] == spreads[1])
    return float(np.corrcoef(ranks)[0, 1])
