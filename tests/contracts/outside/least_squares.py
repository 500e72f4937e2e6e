"""Least squares, from outside the project: a whole algorithm that is no tree ensemble, in one file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.conformal import conformal_widths
from apps.algorithms.encoded import Encoded
from apps.algorithms.hyperparameters import Hyperparameter
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles, Finish
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.results import Progress, StoredPredictor
from apps.algorithms.schema import Task
from apps.algorithms.table_service import TableService

_PORTIONS = 5
_KEPT = 0.2  # of the rows, for the live curve and the intervals


@dataclass(frozen=True, kw_only=True)
class LinearPredictor(TablePredictor):
    """Weigh centred features; a missing value counts as the mean."""

    kind: ClassVar[str] = "linear"
    method: ClassVar[str] = "exact parts of a linear model"

    weights: Doubles  # features x outputs
    means: Doubles

    @property
    def _own_bytes(self) -> int:
        return self.weights.nbytes + self.means.nbytes

    def raw(self, matrix: Matrix) -> Doubles:
        return self._centred(matrix) @ self.weights + np.asarray(self.finish.base)

    def parts(self, row: Matrix, *, output: int) -> Doubles:
        return self._centred(row) * self.weights[:, output]

    def expected(self, *, output: int) -> float:
        return self.finish.base[output]

    def _centred(self, values: Matrix) -> Doubles:
        return np.nan_to_num(values - self.means)

    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        np.save(folder / "weights.npy", self.weights)
        np.save(folder / "means.npy", self.means)
        return {}

    @classmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("weights", "means")}


class LeastSquaresService(TableService):
    """Straight lines through the encoded columns."""

    slug: ClassVar[str] = "least_squares"
    title: ClassVar[str] = "Least squares"
    summary: ClassVar[str] = "Adds up what each column says."
    tasks: ClassVar[tuple[Task, ...]] = (Task.CLASSIFICATION, Task.REGRESSION)
    reference: ClassVar[str] = "Hoerl, A. E., Kennard, R. W. (1970). Ridge Regression. Technometrics 12, 55-67."
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("penalty", "number", 1.0, "Penalty", "More makes the weights smaller.", 1e-6, 1e6),
    )
    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = (LinearPredictor,)
    light_form: ClassVar[type[TablePredictor]] = LinearPredictor

    def _learn(self, data: Encoded, progress: Progress) -> TablePredictor:
        assert data.target is not None
        if data.classes > 2:
            link, wanted = "softmax", np.eye(data.classes)[data.target] * 4
        elif data.classes:
            link, wanted = "sigmoid", np.where(data.target, 2.0, -2.0)[:, None]
        else:
            link, wanted = "identity", data.target[:, None]
        order = np.random.default_rng(self.seed).permutation(len(wanted))
        cut = int(len(order) * (1 - _KEPT))
        kept = order[cut:]
        for portion in range(1, _PORTIONS + 1):
            rows = order[: max(2, cut * portion // _PORTIONS)]
            part = self._solved(data, wanted, rows, link)
            errors = part.raw(data.matrix[kept]) - wanted[kept]
            shown = {"validation_loss": float(np.sqrt((errors**2).mean()))}
            progress(0.02 + 0.9 * portion / _PORTIONS, "fitting", step=len(rows), metrics=shown)
        intervals = None if data.classes else conformal_widths(part.raw(data.matrix[kept])[:, 0], wanted[kept, 0])
        return self._solved(data, wanted, order, link, intervals=intervals)

    def _solved(self, data: Encoded, wanted: Doubles, rows: Any, link: str, **more: Any) -> LinearPredictor:
        matrix = data.matrix[rows].astype(np.float64)
        means = np.nan_to_num(np.nanmean(matrix, axis=0))
        centred = np.nan_to_num(matrix - means)
        base = wanted[rows].mean(axis=0)
        gram = centred.T @ centred + self.parameters["penalty"] * np.eye(len(means))
        weights = np.linalg.solve(gram, centred.T @ (wanted[rows] - base))
        return LinearPredictor(
            **data.common(), finish=Finish(link, tuple(base.tolist())), weights=weights, means=means, **more
        )
