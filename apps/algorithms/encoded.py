"""The rows that a service over tables learns from, as numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from apps.algorithms.predictors.encoder import Encoder, Matrix
from apps.algorithms.schema import TableSchema, Task

if TYPE_CHECKING:
    from apps.algorithms.engine.held_back import Ties


@dataclass(frozen=True)
class Encoded:
    """The training rows as numbers: `matrix` (rows x features, float32; missing values are NaN), `target` class codes or
    numbers, `classes` how many (0: none), `ties` what makes rows alike. `task`, `schema` and `encoder` are for the predictor.
    """

    matrix: Matrix
    target: npt.NDArray[Any] | None
    classes: int
    task: Task
    schema: TableSchema
    encoder: Encoder
    ties: "Ties"

    def common(self) -> dict[str, Any]:
        """Return the fields that every `TablePredictor` has."""
        return {"task": self.task, "schema": self.schema, "encoder": self.encoder}
