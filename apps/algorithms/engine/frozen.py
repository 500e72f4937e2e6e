"""Rows that no version of a model learns from, so that its versions can be compared on them. Worker only.

A row is frozen by what it holds, never by where it stands: the same row of a later data set is frozen too, and of rows that come
anew the same share is. Rows of one group go together, and so do rows of one day where a model is split by time.
"""

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
    if task == Task.CLASSIFICATION:
        labels, counts = np.unique([str(label) for label in table.target.tolist()], return_inverse=True, return_counts=True)[
            1:
        ]
        frozen &= counts[labels] >= LEAST_OF_A_CLASS
    return frozen if frozen.sum() >= LEAST_FROZEN else none


def keys_of(table: TrainingTable, *, columns: list[str], salt: str = "") -> Keys:
    """Return a number a row that follows from its values of these columns and from how many such rows stand above it."""
    import pandas as pd

    values = pd.DataFrame({name: pd.Series(table.columns[name]) for name in sorted(columns)})
    keys = pd.util.hash_pandas_object(values, index=False, hash_key=_hash_key(salt))
    again = keys.groupby(keys.to_numpy()).cumcount()
    return np.asarray(
        pd.util.hash_pandas_object(pd.DataFrame({"key": keys, "again": again}), index=False, hash_key=_hash_key(salt))
    )


def _units(table: TrainingTable, salt: str) -> Keys | None:
    """Return a number a row, the same for rows that go together; None where there are too few such units."""
    import pandas as pd

    if table.groups is not None:
        together = table.groups
    elif table.times is not None:
        together = np.floor(np.nan_to_num(table.times, nan=-_DAY) / _DAY)
    else:
        return keys_of(table, columns=[column.name for column in table.features], salt=salt)
    units: Keys = pd.util.hash_array(together, hash_key=_hash_key(salt))
    return units if len(np.unique(units)) >= LEAST_UNITS else None


def _hash_key(salt: str) -> str:
    return f"{salt:0<16}"[:16]
