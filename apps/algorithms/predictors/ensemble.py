"""The light predictor of tree ensembles."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.predictors.trees import FlatTrees


@dataclass(frozen=True, kw_only=True)
class TreePredictor(TablePredictor):
    """Walk the trees, add up their leaves."""

    kind: ClassVar[str] = "trees"
    method: ClassVar[str] = "exact tree Shapley values"

    trees: FlatTrees

    @property
    def _own_bytes(self) -> int:
        return self.trees.size_bytes

    def raw(self, matrix: Matrix) -> Doubles:
        """Return `scale * sums + base` (rows x outputs)."""
        raw: Doubles = self.trees.sums(matrix) * self.finish.scale + np.asarray(self.finish.base)
        return raw

    def parts(self, row: Matrix, *, output: int) -> Doubles:
        """Return the Shapley value of each feature of one row."""
        return self.trees.attributions(row, output=output) * self.finish.scale

    def expected(self, *, output: int) -> float:
        """Return the mean raw output over the training rows."""
        return self._expected_sums[output] * self.finish.scale + self.finish.base[output]

    @cached_property
    def _expected_sums(self) -> list[float]:
        return [self.trees.expected(output=output) for output in range(self.trees.outputs)]

    def with_first_trees(self, count: int) -> "TreePredictor":
        """Return the same forest of its first `count` trees; an ensemble whose trees add up is returned whole."""
        known = len(self.trees.roots)
        if count >= known or not math.isclose(self.finish.scale * known, 1.0):
            return self
        return replace(self, trees=self.trees.first(count), finish=replace(self.finish, scale=1.0 / count))

    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        self.trees.save(folder)
        return {"outputs": self.trees.outputs, "deepest": self.trees.deepest}

    @classmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {"trees": FlatTrees.load(folder, outputs=facts["outputs"], deepest=facts["deepest"])}
