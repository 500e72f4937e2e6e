"""XGBoost's rounds."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import xgboost

from apps.algorithms.engine.boosting import Report
from apps.algorithms.engine.held_back import RowNumbers
from apps.algorithms.predictors.encoder import Matrix

_WATCHED_ROWS = 8_000  # of more, the loss of what is learned costs too much


class _AfterRound(xgboost.callback.TrainingCallback):
    """Passes each round's losses on."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report; never ask to stop."""
        self.report(epoch + 1, {f"{part}_loss": float(next(iter(log.values()))[-1]) for part, log in evals_log.items()})
        return False


@dataclass(frozen=True)
class XGBoostRounds:
    """Rows and XGBoost's settings."""

    matrix: Matrix
    target: npt.NDArray[Any]
    settings: dict[str, Any]

    def fit(self, left: RowNumbers, right: RowNumbers | None, *, rounds: int, patience: int | None, report: Report) -> Any:
        """Fit a booster."""
        train = xgboost.QuantileDMatrix(self.matrix[left], label=self.target[left])
        watched: list[tuple[xgboost.DMatrix, str]] = []
        if right is not None:
            if patience is not None and len(self.matrix) <= _WATCHED_ROWS:
                watched.append((train, "train"))
            watched.append((xgboost.DMatrix(self.matrix[right], label=self.target[right]), "validation"))
        return xgboost.train(
            self.settings, train, rounds, evals=watched, early_stopping_rounds=patience if watched else None,
            callbacks=[_AfterRound(report)], verbose_eval=False,
        )  # fmt: skip

    def used(self, model: Any) -> int:
        """Return the number of rounds up to the best one."""
        best = model.attributes().get("best_iteration")
        return int(best) + 1 if best is not None else int(model.num_boosted_rounds())

    def trimmed(self, model: Any, rounds: int) -> Any:
        """Return the booster of its first rounds, or of all where they are fewer."""
        return model[: min(rounds, model.num_boosted_rounds())]

    def predict(self, model: Any, rows: RowNumbers) -> npt.NDArray[Any]:
        """Predict rows."""
        return model.predict(xgboost.DMatrix(self.matrix[rows]))  # type: ignore[no-any-return]
