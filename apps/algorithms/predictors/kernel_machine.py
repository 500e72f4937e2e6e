"""The light predictor of kernel machines: weighed similarities to some rows of the training data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.arrays import bytes_of, load_arrays, save_arrays
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.scaling import scaled
from apps.algorithms.predictors.table import TablePredictor

_ARRAYS = ("vectors", "weights", "means", "scales", "background")
_SIMILARITIES_A_ROW = 2_000_000  # computed to explain one row: some 30 ms of one core
_MOST_PAIRS = 64
_AT_ONCE = 4_000_000  # similarities held in memory


@dataclass(frozen=True, kw_only=True)
class KernelMachinePredictor(TablePredictor):
    """`exp(-gamma * distance²)` to the `vectors`, weighed; a missing value counts as the mean.

    `means` and `scales` (features,) bring a row to the scale of `vectors` (vectors x features) and `background` (rows x
    features); `weights` (vectors x outputs) and the base of `finish` give the raw outputs.
    """

    kind: ClassVar[str] = "kernel_machine"
    method: ClassVar[str] = "sampled Shapley values"

    gamma: float
    vectors: Doubles
    weights: Doubles
    means: Doubles
    scales: Doubles
    background: Doubles

    @property
    def _own_bytes(self) -> int:
        """Bytes of its arrays."""
        return bytes_of(self, _ARRAYS)

    def raw(self, matrix: Matrix) -> Doubles:
        """Return the raw outputs of an encoded matrix (rows x outputs)."""
        return self._outputs(scaled(matrix, self.means, self.scales))

    def expected(self, *, output: int) -> float:
        """Return the mean raw output over the background rows that `parts` compares with."""
        return float(self._background_outputs[:, output].mean())

    def parts(self, row: Matrix, *, output: int) -> Doubles:
        """Return what each column adds to a raw output, at the first of its features.

        Shapley values by permutation sampling (Štrumbelj, Kononenko 2014) with antithetic orders: each order turns one
        background row into the row, column by column; the same orders for every row, so that an answer has one explanation.
        """
        mine = scaled(row[None, :], self.means, self.scales)[0]
        own, weights = self._by_column(mine), self.weights[:, output]
        found = np.zeros(len(mine))
        for background, forth in self._pairs:
            theirs = self._by_column(background)
            begun, gained = theirs.sum(axis=1)[:, None], own - theirs
            for order in (forth, forth[::-1]):
                squares = np.concatenate([begun, begun + np.cumsum(gained[:, order], axis=1)], axis=1)
                values = weights @ np.exp(-self.gamma * np.maximum(squares, 0.0))
                found[self._first_features[order]] += np.diff(values)
        return found / (2 * len(self._pairs))

    def _by_column(self, place: Doubles) -> Doubles:
        """Return what each column adds to the squared distances to the vectors (vectors x columns)."""
        found: Doubles = np.add.reduceat((place - self.vectors) ** 2, self._first_features, axis=1)
        return found

    def _outputs(self, rows: Doubles) -> Doubles:
        portion = max(1, _AT_ONCE // max(1, len(self.vectors)))
        starts = [*range(0, len(rows), portion), len(rows)]
        parts = [
            similarities(rows[left:right], self.vectors, self.gamma, self._sizes) @ self.weights
            for left, right in pairwise(starts)
        ]
        sums: Doubles = np.concatenate(parts) if parts else np.zeros((0, self.weights.shape[1]))
        return sums + np.asarray(self.finish.base, dtype=np.float64)

    @cached_property
    def _background_outputs(self) -> Doubles:
        return self._outputs(np.stack([background for background, _ in self._pairs]))

    @cached_property
    def _sizes(self) -> Doubles:
        sizes: Doubles = (self.vectors**2).sum(axis=1)
        return sizes

    @cached_property
    def _first_features(self) -> npt.NDArray[np.int64]:
        return np.cumsum([0, *(len(encoding.features) for encoding in self.encoder.encodings[:-1])])

    @cached_property
    def _pairs(self) -> list[tuple[Doubles, npt.NDArray[np.int64]]]:
        """A background row and an order of the columns, which is walked forth and back."""
        columns = len(self.encoder.encodings)
        affordable = _SIMILARITIES_A_ROW // (2 * max(1, len(self.vectors)) * (columns + 1))
        chance = np.random.default_rng(0)
        pairs = range(int(np.clip(affordable, 1, _MOST_PAIRS)))
        return [(self.background[pair % len(self.background)], chance.permutation(columns)) for pair in pairs]

    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        save_arrays(self, _ARRAYS, folder)
        return {"gamma": self.gamma}

    @classmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {"gamma": facts["gamma"], **load_arrays(_ARRAYS, folder)}


def similarities(rows: Doubles, vectors: Doubles, gamma: float, sizes: Doubles | None = None) -> Doubles:
    """Return the Gaussian kernel of each row with each vector (rows x vectors); `sizes` are the vectors' squared norms."""
    found: Doubles = rows @ vectors.T
    found *= -2.0
    found += (rows**2).sum(axis=1)[:, None]
    found += (vectors**2).sum(axis=1) if sizes is None else sizes
    np.maximum(found, 0.0, out=found)
    found *= -gamma
    return np.exp(found, out=found)
