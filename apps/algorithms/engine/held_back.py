"""Rows held back from a fit: folds for few rows, one part for many; whole groups or the latest where rows hang together.

What is held back says how sure a model is of rows to come, so it must be as far from the rows learned from as those will be.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from apps.algorithms.tables import TrainingTable, nearest_changes, numbered

RowNumbers = npt.NDArray[np.int64]
Part = tuple[RowNumbers, RowNumbers]
FOLDS = 5
SHARE = 0.12
_LEAST_STRATIFIED = 10  # rows of a class, of which one part is to hold some


@dataclass(frozen=True)
class Ties:
    """What makes rows alike: the group of each (as a code), or its time; neither where rows stand alone."""

    groups: RowNumbers | None = None
    times: npt.NDArray[np.float64] | None = None

    def of(self, rows: RowNumbers) -> "Ties":
        """Return those of some rows."""
        return Ties(None if self.groups is None else self.groups[rows], None if self.times is None else self.times[rows])

    @property
    def are_there(self) -> bool:
        """Say whether rows hang together at all."""
        return self.times is not None or self.groups is not None


ALONE = Ties()


def ties_of(table: TrainingTable) -> Ties:
    """Return what ties the rows of a table: as it is parted for the test, it is parted for every fit within."""
    if table.times is not None:
        return Ties(times=table.times)
    return ALONE if table.groups is None else Ties(groups=numbered(table.groups)[1])


def held_back(target: npt.NDArray[Any], *, stratified: bool, folds: bool, seed: int, ties: Ties = ALONE) -> Iterator[Part]:
    """Yield the rows to fit on and those held back: `FOLDS` times, or once; `stratified` by the codes in `target`.

    The rows to fit on hold every class: of one with too few rows none is held back. Of rows in groups whole groups are held back,
    of rows in time the latest (once), where that leaves rows on both sides.
    """
    parts = list(_apart(ties, folds=folds, seed=seed)) if ties.are_there else []
    if stratified:
        parts = [_with_every_class(target, part) for part in parts]
    if parts := [(left, right) for left, right in parts if len(left) and len(right)]:
        yield from parts
        return
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
            halves = list(splitter.split(shared, target[shared]))
        yield from ((np.sort(np.concatenate([shared[left], kept])), shared[right]) for left, right in halves)
        return
    yield from ShuffleSplit(1, test_size=SHARE, random_state=seed).split(everyone)


def _apart(ties: Ties, *, folds: bool, seed: int) -> Iterator[Part]:
    if ties.times is not None:
        if len(np.unique(ties.times)) > 1:
            order = np.argsort(np.nan_to_num(ties.times, nan=-np.inf), kind="stable")
            share = 1 / FOLDS if folds else SHARE
            (cut,) = nearest_changes(ties.times[order], [round((1 - share) * len(order))])
            yield np.sort(order[:cut]), np.sort(order[cut:])
        return
    assert ties.groups is not None
    groups = len(np.unique(ties.groups))
    if groups < 2:
        return
    splitter: Any = GroupShuffleSplit(1, test_size=SHARE, random_state=seed)
    if folds:
        splitter = GroupKFold(min(FOLDS, groups), shuffle=True, random_state=seed)
    yield from splitter.split(ties.groups, groups=ties.groups)


def _with_every_class(target: npt.NDArray[Any], part: Part) -> Part:
    left, right = part
    unseen = np.isin(target[right], np.setdiff1d(target[right], target[left]))
    return np.sort(np.concatenate([left, right[unseen]])), right[~unseen]
