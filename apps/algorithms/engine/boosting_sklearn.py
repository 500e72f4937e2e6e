"""The rounds of scikit-learn's histogram gradient boosting."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from apps.algorithms.engine.boosting import Report
from apps.algorithms.engine.held_back import RowNumbers
from apps.algorithms.predictors.encoder import Matrix

_REPORTS = 12  # each resumes the fit, which looks through the rows anew


@dataclass(frozen=True)
class HistogramRounds:
    """Rows and scikit-learn's settings; `classes` 0: a regression."""

    matrix: Matrix
    target: npt.NDArray[Any]
    classes: int
    settings: dict[str, Any]

    def fit(self, left: RowNumbers, right: RowNumbers | None, *, rounds: int, patience: int | None, report: Report) -> Any:
        """Fit an ensemble, some rounds at a time."""
        kind = HistGradientBoostingClassifier if self.classes else HistGradientBoostingRegressor
        watched = right is not None
        model = kind(
            **self.settings,
            warm_start=True,
            early_stopping=watched,
            n_iter_no_change=patience or rounds,
            tol=0.0,
            max_iter=1,
        )
        held = {"X_val": self.matrix[right], "y_val": self.target[right]} if watched else {}
        rows, target = self.matrix[left], self.target[left]
        for upto in _portions(rounds):
            model.max_iter = upto
            model.fit(rows, target, **held)
            report(model.n_iter_, _losses(model))
            if model.n_iter_ < upto:
                break
        return model

    def used(self, model: Any) -> int:
        """Return the number of rounds up to the best one."""
        scores = model.validation_score_  # the first is of no round at all
        return max(1, int(np.argmax(scores))) if len(scores) else int(model.n_iter_)

    def trimmed(self, model: Any, rounds: int) -> Any:
        """Return the ensemble of its first rounds, or of all where they are fewer."""
        model._predictors = model._predictors[:rounds]  # noqa: SLF001  (the library has no public way)
        return model

    def predict(self, model: Any, rows: RowNumbers) -> npt.NDArray[Any]:
        """Predict rows."""
        matrix = self.matrix[rows]
        return (model.predict_proba if self.classes else model.predict)(matrix)  # type: ignore[no-any-return]


def _portions(rounds: int) -> list[int]:
    counts: list[int] = np.unique(np.geomspace(min(10, rounds), rounds, _REPORTS).astype(int)).tolist()
    return counts


def _losses(model: Any) -> dict[str, float]:
    scores = {"train_loss": model.train_score_, "validation_loss": model.validation_score_}
    return {name: -float(values[-1]) for name, values in scores.items() if len(values)}
