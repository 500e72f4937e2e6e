"""Support vector machine."""

from typing import ClassVar

import numpy as np

from apps.algorithms.conformal import conformal_sets
from apps.algorithms.encoded import Encoded
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.finish import Finish
from apps.algorithms.predictors.kernel_machine import KernelMachinePredictor
from apps.algorithms.predictors.scaling import scaled, scaling_of
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.results import Progress, StoredPredictor
from apps.algorithms.schema import Task
from apps.algorithms.table_service import TableService

_BACKGROUND = 64
_EXPLAINED = 100


class SVMService(TableService):
    """The border with the widest margin between classes, over similarities to rows; its scores become probabilities."""

    slug: ClassVar[str] = "svm"
    title: ClassVar[str] = "Support vector machine"
    summary: ClassVar[str] = "Smooth borders between classes: strong with few rows and many numeric columns."
    tasks: ClassVar[tuple[Task, ...]] = (Task.CLASSIFICATION,)
    reference: ClassVar[str] = "Cortes, C., Vapnik, V. (1995). Support-Vector Networks. Machine Learning 20, 273-297."
    fast_parameters = {"landmarks": 50}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter(
            "C", "number", 1.0, "Weight of errors", "More follows the rows closer.", 0.001, 1_000.0,
            search=Range(0.05, 100.0, log=True),
        ),
        Hyperparameter(
            "gamma", "number", None, "Gamma", "Reach of a row; empty: from the data.", 1e-6, 1e3, nullable=True,
            search=Range(1e-3, 1.0, log=True),
        ),
        Hyperparameter("landmarks", "integer", 500, "Landmarks", "Rows that stand for all when there are many.", 20, 2_000),
    )  # fmt: skip
    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = (KernelMachinePredictor,)
    light_form: ClassVar[type[TablePredictor]] = KernelMachinePredictor

    def _learn(self, data: Encoded, progress: Progress) -> TablePredictor:
        from apps.algorithms.engine.kernel_machine import Settings, fit_calibrated, rows_to_learn_from

        assert data.target is not None
        settings = Settings(self.parameters["C"], self.parameters["gamma"], self.parameters["landmarks"], self.seed)
        some = rows_to_learn_from(data.target, data.matrix.shape[1], settings)
        matrix, target = data.matrix[some], data.target[some]
        if len(some) < len(data.matrix):
            self.warnings += (f"It learned from {len(some)} rows, drawn at random: more take it too long.",)
        means, scales = scaling_of(matrix)
        rows = scaled(matrix, means, scales)
        fitted = fit_calibrated(rows, target, data.classes, settings, progress, data.ties.of(some))
        machine = fitted.machine
        background = rows[np.random.default_rng(self.seed).choice(len(rows), min(_BACKGROUND, len(rows)), replace=False)]
        return KernelMachinePredictor(
            **data.common(), finish=Finish(fitted.link, tuple(machine.base.tolist())),
            sets=conformal_sets(fitted.held_out_chances, fitted.held_out_truth),
            gamma=machine.gamma, vectors=machine.vectors, weights=machine.weights, means=means, scales=scales, background=background,
        )  # fmt: skip

    def _explainer(self) -> tuple[TablePredictor, int, str]:
        return self.light, _EXPLAINED, ""
