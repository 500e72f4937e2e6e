"""Rows that no version of a model learns from, so that its versions can be compared on them. Worker only.

A row is frozen by what it holds, never by where it stands: the same row of a later data set is frozen too, and of rows that come
anew the same share is. Rows of one group go together, and so do rows of one day where a model is split by time.
"""

from hashlib import sha256

import numpy as np
import numpy.typing as npt

from apps.algorithms.schema import Task
from apps.algorithms.tables import TrainingTable

Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

LEAST_FROZEN = 100  # rows; of fewer no comparison could be sure, so none are kept from the training
LEAST_OF_A_CLASS = 20  # rows; of a class of fewer all are learned from
LEAST_UNITS = 50  # groups or days; of fewer, chance would freeze too much or too little
_DAY = 86_400.0
_MOST_OF_ITS_SHARE = 3
_ALL = 2.0**64


def frozen_rows(table: TrainingTable, *, task: Task, share: float, salt: str) -> Bools:
    """Return which rows are frozen: about `share` of them, or none where too few would be; `salt` is the model's own."""
    none = np.zeros(table.rows, dtype=bool)
    if table.target is None or task == Task.CLUSTERING or not 0 < share < 1:
        return none
    units = _units(table, salt)
    if units is None:
        return none
    frozen: Bools = units < np.uint64(share * _ALL)
    if frozen.mean() > _MOST_OF_ITS_SHARE * share:
        return none  # one group or day holds much of the table
    if task == Task.CLASSIFICATION:
        labels, counts = np.unique([str(label) for label in table.target.tolist()], return_inverse=True, return_counts=True)[
            1:
        ]
        frozen &= counts[labels] >= LEAST_OF_A_CLASS
    return frozen if frozen.sum() >= LEAST_FROZEN else none


def keys_of(table: TrainingTable, *, columns: list[str]) -> Keys:
    """Return a number a row that follows from its values of these columns and from how many such rows stand above it."""
    import pandas as pd

    values = pd.DataFrame({name: pd.Series(table.columns[name]) for name in sorted(columns)})
    keys = pd.util.hash_pandas_object(values, index=False)
    again = keys.groupby(keys.to_numpy()).cumcount()
    return np.asarray(pd.util.hash_pandas_object(pd.DataFrame({"key": keys, "again": again}), index=False))


def _units(table: TrainingTable, salt: str) -> Keys | None:
    """Return a number a row, the same for rows that go together; None where there are too few such units."""
    import pandas as pd

    if table.groups is not None:
        together = table.groups
    elif table.times is not None:
        together = np.floor(np.nan_to_num(table.times, nan=-_DAY) / _DAY)
    else:
        return _salted(keys_of(table, columns=[column.name for column in table.features]), salt)
    units: Keys = pd.util.hash_array(together)
    return _salted(units, salt) if len(np.unique(units)) >= LEAST_UNITS else None


def _salted(keys: Keys, salt: str) -> Keys:
    """Mix keys with a salt; pandas salts text alone. The finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = keys ^ np.uint64(int.from_bytes(sha256(salt.encode()).digest()[:8], "big"))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
