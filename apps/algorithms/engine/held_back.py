"""Rows held back from a fit: folds for few rows, one part for many."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

RowNumbers = npt.NDArray[np.int64]
FOLDS = 5
SHARE = 0.12


def held_back(
    target: npt.NDArray[Any], *, stratified: bool, folds: bool, seed: int
) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield the rows to fit on and those held back: `FOLDS` times, or once; `stratified` by the codes in `target`."""
    smallest = int(np.bincount(target).min()) if stratified else len(target)
    empty = np.zeros(len(target))
    if folds:
        count = max(2, min(FOLDS, smallest, len(target)))
        kind = StratifiedKFold if stratified else KFold
        return kind(count, shuffle=True, random_state=seed).split(empty, target)  # type: ignore[no-any-return]
    shuffled = StratifiedShuffleSplit if stratified and smallest >= 2 * FOLDS else ShuffleSplit
    return shuffled(1, test_size=SHARE, random_state=seed).split(empty, target)  # type: ignore[no-any-return]
