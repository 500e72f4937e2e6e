"""A forest that takes as long as it is told, so that a journey has time to break something in the middle."""

import time
from typing import Any, ClassVar

from apps.algorithms.hyperparameters import Hyperparameter
from apps.algorithms.services.random_forest import RandomForestService
from apps.algorithms.tree_service import Fitted

_STEP_SECONDS = 0.2


class PatientForestService(RandomForestService):
    """Waits, reporting, then grows an ordinary forest."""

    slug: ClassVar[str] = "patient_forest"
    title: ClassVar[str] = "Patient forest"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        *RandomForestService.hyperparameters,
        Hyperparameter("seconds", "number", 8.0, "Seconds", "How long it waits before it grows.", 0.0, 900.0),
    )

    def _fit_trees(self, data: Any, progress: Any) -> Fitted:
        steps = int(self.parameters["seconds"] / _STEP_SECONDS)
        for step in range(steps):
            progress(0.01 + 0.01 * step / steps, "fitting")
            time.sleep(_STEP_SECONDS)
        return super()._fit_trees(data, progress)
