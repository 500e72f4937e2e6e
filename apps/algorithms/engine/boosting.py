"""Boosting with its number of rounds found on rows held back: folds for few rows, one part for many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.algorithms.engine.held_back import ALONE, RowNumbers, Ties, held_back
from apps.algorithms.results import Progress

Doubles = npt.NDArray[np.float64]


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
        """Return the model of its first rounds, or of all where they are fewer."""

    def predict(self, model: Any, rows: RowNumbers) -> npt.NDArray[Any]:
        """Predict rows, as numbers or as class probabilities."""


@dataclass(frozen=True)
class Boosted:
    """A fitted model of so many rounds, with predictions of rows that were held back from it or from its folds."""

    model: Any
    rounds: int
    held_out_predicted: Doubles
    held_out_truth: Doubles


def fit_boosting(
    library: Boosting,
    target: npt.NDArray[Any],
    *,
    few: bool,
    rounds: int,
    patience: int | None,
    stratified: bool,
    seed: int,
    ties: Ties = ALONE,
    progress: Progress,
) -> Boosted:
    """Fit with as many rounds as help on folds of `few` rows, or on one part held out; `patience` None takes all."""
    parts = list(held_back(target, stratified=stratified, folds=few, seed=seed, ties=ties))
    again = few or ties.times is not None  # the latest rows are most like those to come: they are learned from too
    share = 0.90 / (len(parts) + 1) if again else 0.93
    fitted = []
    for number, (left, right) in enumerate(parts):
        report = Report(progress, 0.02 + share * number, share, rounds, curve=number == 0)
        fitted.append(library.fit(left, right, rounds=rounds, patience=patience, report=report))
    chosen = [rounds if patience is None else library.used(model) for model in fitted]
    best = max(1, round(float(np.mean(chosen))))
    # Of folds each by the number of rounds of all: by its own it would be too good on the very rows that chose it.
    fitted = [library.trimmed(model, best) for model in fitted]
    predicted = [library.predict(model, right) for model, (_, right) in zip(fitted, parts, strict=True)]
    truth = [target[right] for _, right in parts]
    model = fitted[0]
    if again:
        model = fit_rounds(
            library, len(target), rounds=best, progress=progress, start=0.02 + share * len(parts), share=share
        )
    return Boosted(model, best, np.concatenate(predicted).astype(np.float64), np.concatenate(truth).astype(np.float64))


def fit_rounds(
    library: Boosting, rows: int, *, rounds: int, progress: Progress, start: float = 0.02, share: float = 0.93
) -> Any:
    """Fit so many rounds on all rows."""
    report = Report(progress, start, share, rounds, curve=False)
    return library.fit(np.arange(rows), None, rounds=rounds, patience=None, report=report)
