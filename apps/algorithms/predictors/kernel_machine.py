"""The light predictor of kernel machines: weighed similarities to some rows of the training data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.scaling import scaled
from apps.algorithms.predictors.table import TablePredictor

_ARRAYS = ("vectors", "weights", "means", "scales", "background")
_SIMILARITIES_A_ROW = 1_500_000  # computed to explain one row: about 50 ms of one core
_LEAST_ORDERS, _MOST_ORDERS = 8, 128
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
    def size_bytes(self) -> int:
        """Bytes of its arrays."""
        return sum(getattr(self, name).nbytes for name in _ARRAYS)

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
        mine = scaled(row[None, :], self.means, self.scales)
        walks = self._walks
        steps = np.where(walks.turned, mine, walks.begun)
        values = self._outputs(steps.reshape(-1, mine.shape[1]))[:, output].reshape(walks.turned.shape[:2])
        found = np.zeros(mine.shape[1])
        np.add.at(found, walks.columns, np.diff(values, axis=1))
        return found / len(values)

    def _outputs(self, rows: Doubles) -> Doubles:
        portion = max(1, _AT_ONCE // max(1, len(self.vectors)))
        starts = [*range(0, len(rows), portion), len(rows)]
        parts = [similarities(rows[left:right], self.vectors, self.gamma) @ self.weights for left, right in pairwise(starts)]
        sums: Doubles = np.concatenate(parts) if parts else np.zeros((0, self.weights.shape[1]))
        return sums + np.asarray(self.finish.base, dtype=np.float64)

    @cached_property
    def _background_outputs(self) -> Doubles:
        return self._outputs(self._walks.begun[:, 0])

    @cached_property
    def _walks(self) -> "_Walks":
        widths = [len(encoding.features) for encoding in self.encoder.encodings]
        affordable = _SIMILARITIES_A_ROW // (max(1, len(self.vectors)) * (len(widths) + 1))
        pairs = int(np.clip(affordable, _LEAST_ORDERS, _MOST_ORDERS)) // 2
        chance = np.random.default_rng(0)
        forth = np.stack([chance.permutation(len(widths)) for _ in range(pairs)])
        orders = np.concatenate([forth, forth[:, ::-1]])
        places = np.argsort(orders, axis=1)  # at which step a column is turned
        of_features = np.repeat(places, widths, axis=1)
        turned = np.arange(len(widths) + 1)[None, :, None] > of_features[:, None, :]
        rows = self.background[np.tile(np.arange(pairs) % len(self.background), 2)]
        first_features = np.cumsum([0, *widths[:-1]])
        return _Walks(turned, rows[:, None, :], first_features[orders])

    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        return {"gamma": self.gamma}

    @classmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {"gamma": facts["gamma"], **{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}}


@dataclass(frozen=True)
class _Walks:
    """Ways from background rows to a row: `turned` (walks x steps x features) says which features are the row's already,
    `begun` (walks x 1 x features) where a walk begins, `columns` (walks x steps - 1) the first feature of what a step turns.
    """

    turned: npt.NDArray[np.bool_]
    begun: Doubles
    columns: npt.NDArray[np.int64]


def similarities(rows: Doubles, vectors: Doubles, gamma: float) -> Doubles:
    """Return the Gaussian kernel of each row with each vector (rows x vectors)."""
    distances = (rows**2).sum(axis=1)[:, None] + (vectors**2).sum(axis=1) - 2 * rows @ vectors.T
    found: npt.NDArray[np.float64] = np.exp(-gamma * np.maximum(distances, 0.0))
    return found
