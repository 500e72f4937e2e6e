"""Rows held back from a fit: folds for few rows, one part for many."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

RowNumbers = npt.NDArray[np.int64]
FOLDS = 5
SHARE = 0.12
_LEAST_STRATIFIED = 10  # rows of a class, of which one part is to hold some


def held_back(
    target: npt.NDArray[Any], *, stratified: bool, folds: bool, seed: int
) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield the rows to fit on and those held back: `FOLDS` times, or once; `stratified` by the codes in `target`.

    The rows to fit on hold every class: of one with too few rows none is held back.
    """
    everyone = np.arange(len(target))
    if not stratified:
        plain = KFold(max(2, min(FOLDS, len(target))), shuffle=True, random_state=seed) if folds else None
        yield from (plain or ShuffleSplit(1, test_size=SHARE, random_state=seed)).split(everyone)
        return
    counts = np.bincount(target)[target]
    shared = np.flatnonzero(counts >= (2 if folds else _LEAST_STRATIFIED))
    if len(shared):
        kept = np.setdiff1d(everyone, shared)
        splitter: Any = StratifiedShuffleSplit(1, test_size=SHARE, random_state=seed)
        if folds:
            splitter = StratifiedKFold(max(2, min(FOLDS, int(counts.max()))), shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            parts = list(splitter.split(shared, target[shared]))
        yield from ((np.sort(np.concatenate([shared[left], kept])), shared[right]) for left, right in parts)
        return
    yield from ShuffleSplit(1, test_size=SHARE, random_state=seed).split(everyone)
