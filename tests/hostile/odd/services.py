"""Forests that tell odd things of themselves."""

import math
from dataclasses import replace
from typing import Any, ClassVar

from apps.algorithms.results import Baseline, Evaluation, Importance
from apps.algorithms.services.random_forest import RandomForestService


class Unscored(RandomForestService):
    """Its main score is not a number."""

    slug: ClassVar[str] = "odd_unscored"
    title: ClassVar[str] = "Unscored"

    def _evaluate(self, table: Any) -> Evaluation:
        told = super()._evaluate(table)
        return replace(told, metrics={**told.metrics, told.main: math.nan})


class Frayed(RandomForestService):
    """All it tells besides its main score holds NaN and infinity."""

    slug: ClassVar[str] = "odd_frayed"
    title: ClassVar[str] = "Frayed"

    def _evaluate(self, table: Any) -> Evaluation:
        told = super()._evaluate(table)
        curves = {
            **told.curves,
            "roc": [[0.0, math.nan], [math.inf, 1.0]],
            "calibration": [{"predicted": math.nan, "observed": 1, "rows": 3}],
        }
        return replace(told, metrics={**told.metrics, "log_loss": math.inf, "brier": math.nan}, curves=curves)

    def _baseline(self, table: Any) -> Baseline:
        told = super()._baseline(table)
        return replace(told, metrics={**told.metrics, "log_loss": math.inf})

    def _importance(self, table: Any) -> Importance:
        told = super()._importance(table)
        return replace(told, features=tuple((name, math.nan, math.inf) for name, _, _ in told.features))
