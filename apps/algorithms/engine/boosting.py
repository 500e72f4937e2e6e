"""Boosting with its number of rounds found on rows held back: folds for few rows, one part for many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.algorithms.engine.held_back import RowNumbers, held_back
from apps.algorithms.results import Progress

Doubles = npt.NDArray[np.float64]
FEW_ROWS = 8_000  # below, five folds choose the number of rounds and the model is refitted on every row


@dataclass(frozen=True)
class Report:
    """Turns the rounds of one fit into progress; `curve`: whether its losses are drawn."""

    progress: Progress
    start: float
    share: float
    rounds: int
    curve: bool

    def __call__(self, round_number: int, losses: Mapping[str, float]) -> None:
        """Take the losses after a round, counted from 1."""
        done = self.start + self.share * round_number / self.rounds
        step = round_number if self.curve else None
        self.progress(min(done, self.start + self.share), "fitting", step=step, metrics=losses)


class Boosting(Protocol):
    """A library's boosting on some encoded rows with their target."""

    def fit(self, left: RowNumbers, right: RowNumbers | None, *, rounds: int, patience: int | None, report: Report) -> Any:
        """Fit on the rows `left`; stop after `patience` rounds without gain on the rows `right`."""

    def used(self, model: Any) -> int:
        """Return the number of rounds up to the best one."""

    def trimmed(self, model: Any, rounds: int) -> Any:
        """Return the model of its first rounds."""

    def predict(self, model: Any, rows: RowNumbers) -> npt.NDArray[Any]:
        """Predict rows, as numbers or as class probabilities."""


@dataclass(frozen=True)
class Boosted:
    """A fitted model, with predictions of rows that were held back from it or from its folds."""

    model: Any
    held_out_predicted: Doubles
    held_out_truth: Doubles


def fit_boosting(
    library: Boosting,
    target: npt.NDArray[Any],
    *,
    rounds: int,
    patience: int | None,
    stratified: bool,
    seed: int,
    progress: Progress,
) -> Boosted:
    """Fit with as many rounds as help; `patience` None takes all (residuals then come from one held-out part)."""
    few = len(target) < FEW_ROWS
    parts = list(held_back(target, stratified=stratified, folds=few, seed=seed))
    share = 0.90 / (len(parts) + 1) if few else 0.93
    chosen, predicted, truth = [], [], []
    model = None
    for number, (left, right) in enumerate(parts):
        report = Report(progress, 0.02 + share * number, share, rounds, curve=number == 0)
        fitted = library.fit(left, right, rounds=rounds, patience=patience, report=report)
        chosen.append(rounds if patience is None else library.used(fitted))
        model = library.trimmed(fitted, chosen[-1])
        predicted.append(library.predict(model, right))
        truth.append(target[right])
    if few:
        best = max(1, round(float(np.mean(chosen))))
        report = Report(progress, 0.02 + share * len(parts), share, best, curve=False)
        model = library.fit(np.arange(len(target)), None, rounds=best, patience=None, report=report)
    return Boosted(model, np.concatenate(predicted).astype(np.float64), np.concatenate(truth).astype(np.float64))
