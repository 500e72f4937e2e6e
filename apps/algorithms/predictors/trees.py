"""Tree ensembles as flat, memory-mapped arrays: one form for forests, boosting and isolation forests.

All comparisons are `x <= threshold` in float32 (the writer rounds so that no row changes sides); a missing value follows
its node's default. A compiled kernel walks the trees where there is one; numpy gives the same answers elsewhere.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.arrays import bytes_of, load_arrays, save_arrays
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.kernels import kernel

Doubles = npt.NDArray[np.float64]
NODE = np.dtype(
    [("threshold", "<f4"), ("left", "<i4"), ("feature", "<i2"), ("default_left", "u1"), ("unused", "u1")], align=True
)
_LANES = 1_000_000  # rows x trees walked at once by numpy: bounds its memory to some tens of MB
_ARRAYS = ("nodes", "roots", "groups", "values", "covers")


@dataclass(frozen=True)
class FlatTrees:
    """An ensemble of T trees, N nodes and L leaves with `outputs` sums.

    nodes: N of `NODE`; roots: T int32; groups: T int32, the output each tree adds to when `values` has one column;
    values: L x W float32, W being 1 or `outputs`; covers: N float32, training weight that passed each node.
    """

    nodes: npt.NDArray[np.void]
    roots: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    covers: npt.NDArray[np.float32]
    outputs: int
    deepest: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all arrays."""
        return bytes_of(self, _ARRAYS)

    def save(self, folder: Path) -> None:
        """Write one .npy file an array."""
        save_arrays(self, _ARRAYS, folder)

    @classmethod
    def load(cls, folder: Path, *, outputs: int, deepest: int) -> "FlatTrees":
        """Read what `save` wrote."""
        return cls(**load_arrays(_ARRAYS, folder), outputs=outputs, deepest=deepest)

    def first(self, count: int) -> "FlatTrees":
        """Return the ensemble of the first `count` trees, sharing the arrays."""
        if count >= len(self.roots):
            return self
        end = self.roots[count]
        return replace(
            self, nodes=self.nodes[:end], covers=self.covers[:end], roots=self.roots[:count], groups=self.groups[:count]
        )

    def sums(self, matrix: Matrix) -> Doubles:
        """Return the sum over the trees of each row's leaf values (rows x outputs)."""
        out = np.zeros((len(matrix), self.outputs))
        library = kernel()
        if library is None:
            self._sums_with_numpy(matrix, out)
            return out
        matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        failed = library.trees_sum(
            self.nodes.ctypes.data, self.roots.ctypes.data, self.groups.ctypes.data, len(self.roots),
            self.values.ctypes.data, self.values.shape[1], matrix.ctypes.data, len(matrix), matrix.shape[1],
            out.ctypes.data, self.outputs,
        )  # fmt: skip
        if failed:
            raise MemoryError
        return out

    def _sums_with_numpy(self, matrix: Matrix, out: Doubles) -> None:
        chunk = max(1, _LANES // max(1, len(self.roots)))
        for start in range(0, len(matrix), chunk):
            part = matrix[start : start + chunk]
            leaves = self._leaves(part)
            if self.values.shape[1] == 1:
                flat = self.values[:, 0][leaves].astype(np.float64)
                for output in range(self.outputs):
                    out[start : start + chunk, output] = flat[:, self.groups == output].sum(axis=1)
            else:
                for tree in range(len(self.roots)):
                    out[start : start + chunk] += self.values[leaves[:, tree]]

    def _leaves(self, matrix: Matrix) -> npt.NDArray[np.int32]:
        feature, threshold = self.nodes["feature"], self.nodes["threshold"]
        left, default_left = self.nodes["left"], self.nodes["default_left"]
        rows, trees = len(matrix), len(self.roots)
        at = np.tile(np.asarray(self.roots), rows)
        row_of = np.repeat(np.arange(rows), trees)
        moving = np.flatnonzero(feature[at] >= 0)
        while len(moving):
            node = at[moving]
            value = matrix[row_of[moving], feature[node]]
            right = np.where(np.isnan(value), default_left[node] == 0, ~(value <= threshold[node]))
            at[moving] = left[node] + right
            moving = moving[feature[at[moving]] >= 0]
        return left[at].reshape(rows, trees)

    def attributions(self, row: Matrix, *, output: int) -> Doubles:
        """Return exact path-dependent Shapley values of one row (features,) for one output's sum."""
        phi = np.zeros(len(row))
        library = kernel()
        if library is None:
            return self._attributions_with_numpy(row, output)
        row = np.ascontiguousarray(row, dtype=np.float32)
        failed = library.trees_shap(
            self.nodes.ctypes.data, self.roots.ctypes.data, self.groups.ctypes.data, len(self.roots),
            self.values.ctypes.data, self.values.shape[1], self.covers.ctypes.data, self.deepest,
            row.ctypes.data, output, phi.ctypes.data,
        )  # fmt: skip
        if failed:
            raise MemoryError
        return phi

    def expected(self, *, output: int) -> float:
        """Return the mean of one output's sum over the training rows: the base that attributions add to."""
        inner = np.asarray(self.nodes["feature"]) >= 0
        value = np.zeros(len(self.nodes))
        column = 0 if self.values.shape[1] == 1 else output
        value[~inner] = self.values[self.nodes["left"][~inner], column]
        left = self.nodes["left"]
        covers = np.asarray(self.covers, dtype=np.float64)
        for nodes in reversed(self._levels()):
            first = left[nodes]
            weights = covers[first], covers[first + 1]
            value[nodes] = (value[first] * weights[0] + value[first + 1] * weights[1]) / np.maximum(sum(weights), 1e-300)
        counted = self.groups == output if self.values.shape[1] == 1 else np.ones(len(self.roots), dtype=bool)
        return float(value[self.roots[counted]].sum())

    def _levels(self) -> list[npt.NDArray[np.int64]]:
        feature, left = self.nodes["feature"], self.nodes["left"]
        levels, level = [], np.asarray(self.roots, dtype=np.int64)
        while len(level := level[feature[level] >= 0]):
            levels.append(level)
            level = np.concatenate([left[level], left[level] + 1]).astype(np.int64)
        return levels

    def _attributions_with_numpy(self, row: Matrix, output: int) -> Doubles:
        leaf, feature, one, zero = self._leaf_paths(row)
        column = 0 if self.values.shape[1] == 1 else output
        value = np.asarray(self.values[self.nodes["left"][leaf], column], dtype=np.float64)
        if self.values.shape[1] == 1:
            tree = np.searchsorted(self.roots, leaf, side="right") - 1
            value = np.where(self.groups[tree] == output, value, 0.0)
        phi = np.zeros(len(row))
        for step, part in enumerate(shapley_of_paths(one, zero)):
            np.add.at(phi, feature[step], part * value)
        return phi

    def _leaf_paths(self, row: Matrix) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Doubles, Doubles]:
        """Return leaves, and steps x leaves of features, of 1 where the row takes the step, and of cover shares.

        A feature met twice is folded into its first step; the emptied step is a player that changes nothing.
        """
        feature_of, left = np.asarray(self.nodes["feature"], dtype=np.int64), np.asarray(self.nodes["left"])
        inner = np.flatnonzero(feature_of >= 0)
        parent = np.full(len(self.nodes), -1, dtype=np.int64)
        parent[left[inner]], parent[left[inner] + 1] = inner, inner
        value = row[feature_of[inner]]
        right = np.where(np.isnan(value), self.nodes["default_left"][inner] == 0, ~(value <= self.nodes["threshold"][inner]))
        taken = np.zeros(len(self.nodes), dtype=bool)
        taken[left[inner] + right] = True
        leaf = np.flatnonzero(feature_of < 0)
        at, features, ones, zeros = leaf.copy(), [], [], []
        while ((above := parent[at]) >= 0).any():
            real = above >= 0
            features.append(np.where(real, feature_of[above], -1))
            ones.append(np.where(real, taken[at], True))
            zeros.append(np.where(real, self.covers[at] / np.maximum(self.covers[above], 1e-30), 1.0))
            at = np.where(real, above, at)
        if not features:
            return leaf, np.zeros((0, len(leaf)), dtype=np.int64), np.zeros((0, len(leaf))), np.zeros((0, len(leaf)))
        feature, one, zero = np.array(features), np.array(ones), np.array(zeros, dtype=np.float64)
        for later in range(1, len(feature)):
            for earlier in range(later):
                same = (feature[earlier] == feature[later]) & (feature[later] >= 0)
                one[earlier] &= one[later] | ~same
                zero[earlier] *= np.where(same, zero[later], 1.0)
                one[later] |= same
                zero[later] = np.where(same, 1.0, zero[later])
                feature[later] = np.where(same, -1, feature[later])
        return leaf, np.maximum(feature, 0), one.astype(np.float64), zero


def shapley_of_paths(one: Doubles, zero: Doubles) -> list[Doubles]:
    """Return each step's Shapley weight for every leaf at once (the recursion of the kernel, over whole columns)."""
    steps, leaves = one.shape
    weight = [np.ones(leaves), *(np.zeros(leaves) for _ in range(steps))]
    for depth in range(1, steps + 1):
        o, z = one[depth - 1], zero[depth - 1]
        for i in range(depth - 1, -1, -1):
            weight[i + 1] = weight[i + 1] + o * weight[i] * (i + 1) / (depth + 1)
            weight[i] = z * weight[i] * (depth - i) / (depth + 1)
    parts = []
    for step in range(steps):
        o, z = one[step], zero[step]
        following, with_one, without = weight[steps], np.zeros(leaves), np.zeros(leaves)
        for i in range(steps - 1, -1, -1):
            share = following * (steps + 1) / (i + 1)
            with_one = with_one + share
            following = weight[i] - share * z * (steps - i) / (steps + 1)
            without = without + weight[i] * (steps + 1) / (np.maximum(z, 1e-30) * (steps - i))
        parts.append(np.where(o > 0, with_one, without) * (o - z))
    return parts
