"""Boosting with its number of trees found on rows held back: folds for few rows, one part for many."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.results import Progress

Doubles = npt.NDArray[np.float64]
FEW_ROWS = 8_000  # below, five folds choose the number of trees and the model is refitted on every row
FOLDS = 5
HELD_BACK = 0.12


@dataclass(frozen=True)
class Boosted:
    """A fitted booster, with predictions of rows that were held back from it or from its folds."""

    booster: xgboost.Booster
    held_out_predicted: Doubles
    held_out_truth: Doubles


class _Report(xgboost.callback.TrainingCallback):
    """Pass each round's losses to `progress`."""

    def __init__(self, progress: Progress, start: float, share: float, rounds: int, *, curve: bool) -> None:
        self.progress, self.start, self.share, self.rounds, self.curve = progress, start, share, rounds, curve

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report; never ask to stop."""
        shown = {f"{part}_loss": float(next(iter(log.values()))[-1]) for part, log in evals_log.items()}
        done = self.start + self.share * (epoch + 1) / self.rounds
        self.progress(min(done, self.start + self.share), "fitting", step=epoch + 1 if self.curve else None, metrics=shown)
        return False


def fit_boosting(
    matrix: Matrix,
    target: npt.NDArray[Any],
    *,
    settings: dict[str, Any],
    rounds: int,
    patience: int | None,
    stratified: bool,
    seed: int,
    progress: Progress,
) -> Boosted:
    """Fit a booster; `patience` None fits all `rounds` on every row (residuals then come from one held-out part)."""
    few = len(matrix) < FEW_ROWS
    parts = list(_parts(target, stratified=stratified, folds=few, seed=seed))
    share = 0.90 / (len(parts) + 1) if few else 0.93
    chosen, predicted, truth = [], [], []
    booster = None
    for number, (left, right) in enumerate(parts):
        report = _Report(progress, 0.02 + share * number, share, rounds, curve=number == 0)
        booster = _train(matrix, target, left, right, settings, rounds, patience, report)
        chosen.append(_trees_used(booster, rounds))
        predicted.append(booster.predict(xgboost.DMatrix(matrix[right]), iteration_range=(0, chosen[-1])))
        truth.append(target[right])
    if few:
        best = max(1, round(float(np.mean(chosen))))
        report = _Report(progress, 0.02 + share * len(parts), share, best, curve=False)
        everything = np.arange(len(matrix))
        booster = _train(matrix, target, everything, None, settings, best, None, report)
    elif booster is not None:
        booster = booster[: chosen[0]]
    assert booster is not None
    return Boosted(booster, np.concatenate(predicted).astype(np.float64), np.concatenate(truth).astype(np.float64))


def _train(
    matrix: Matrix,
    target: npt.NDArray[Any],
    left: Any,
    right: Any,
    settings: Any,
    rounds: int,
    patience: int | None,
    report: Any,
) -> xgboost.Booster:
    train = xgboost.QuantileDMatrix(matrix[left], label=target[left])
    watched = (
        [] if right is None else [(train, "train"), (xgboost.DMatrix(matrix[right], label=target[right]), "validation")]
    )
    if patience is None or right is None or len(matrix) > FEW_ROWS:
        watched = watched[1:]  # the loss on the training rows costs a pass a round
    return xgboost.train(
        settings, train, rounds, evals=watched, early_stopping_rounds=patience if watched else None,
        callbacks=[report], verbose_eval=False,
    )  # fmt: skip


def _trees_used(booster: xgboost.Booster, rounds: int) -> int:
    best = booster.attributes().get("best_iteration")
    return int(best) + 1 if best is not None else rounds


def _parts(target: npt.NDArray[Any], *, stratified: bool, folds: bool, seed: int) -> Iterator[tuple[Any, Any]]:
    smallest = int(np.bincount(target).min()) if stratified else len(target)
    empty = np.zeros(len(target))
    if folds:
        count = max(2, min(FOLDS, smallest, len(target)))
        kind = StratifiedKFold if stratified else KFold
        return kind(count, shuffle=True, random_state=seed).split(empty, target)  # type: ignore[no-any-return]
    shuffled = StratifiedShuffleSplit if stratified and smallest >= 2 * FOLDS else ShuffleSplit
    return shuffled(1, test_size=HELD_BACK, random_state=seed).split(empty, target)  # type: ignore[no-any-return]
