"""How many rounds boosting takes, and what its held-back rows are told by."""

from typing import Any

import numpy as np

from apps.algorithms.engine.boosting import fit_boosting
from tests.contracts.tables import silent


class Library:
    """Fits nothing: each fold finds its own number of rounds, and a model answers the number that it has."""

    def __init__(self, finds: list[int]) -> None:
        self.finds = iter(finds)
        self.fits: list[tuple[int, int]] = []

    def fit(self, left: Any, right: Any, *, rounds: int, patience: int | None, report: Any) -> int:
        """Return a model's rounds: 5 more than helped, or all that were asked for."""
        found = rounds if right is None or patience is None else next(self.finds) + 5
        self.fits.append((len(left), found))
        return found

    def used(self, model: int) -> int:
        """Return the rounds that helped."""
        return model - 5

    def trimmed(self, model: int, rounds: int) -> int:
        """Return the model of its first rounds."""
        return min(model, rounds)

    def predict(self, model: int, rows: Any) -> Any:
        """Answer the number of rounds."""
        return np.full(len(rows), model)


def test_of_few_rows_every_fold_answers_by_the_rounds_of_all():
    """By its own, each would be too good on the rows that chose them, and intervals from those rows too narrow."""
    library = Library([10, 20, 30, 40, 50])

    boosted = fit_boosting(
        library, np.zeros(100), few=True, rounds=800, patience=40, stratified=False, seed=0, progress=silent
    )

    assert (boosted.model, boosted.rounds) == (30, 30)
    assert np.unique(boosted.held_out_predicted, return_counts=True)[0].tolist() == [
        15,
        25,
        30,
    ]  # two have no more than that
    assert library.fits == [(80, 15), (80, 25), (80, 35), (80, 45), (80, 55), (100, 30)]


def test_of_many_rows_the_model_of_one_part_is_kept():
    library = Library([12])

    boosted = fit_boosting(
        library, np.zeros(10_000), few=False, rounds=800, patience=40, stratified=False, seed=0, progress=silent
    )

    assert (boosted.model, boosted.rounds, library.fits) == (12, 12, [(8_800, 17)])


def test_without_patience_all_rounds_are_taken():
    library = Library([])

    boosted = fit_boosting(
        library, np.zeros(100), few=True, rounds=60, patience=None, stratified=False, seed=0, progress=silent
    )

    assert (boosted.model, boosted.rounds) == (60, 60)
