"""A table with rows that were posted and labelled after it was stored. Worker only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.rows import columns_of_rows, epoch_seconds
from apps.algorithms.schema import Column, ColumnKind, TableSchema, Task
from apps.algorithms.tables import TrainingTable, group_name
from apps.core.errors import InvalidInput

LEAST_OF_NEW_CLASS = 20  # rows; a class that no row of the table has is learned from so many on
_MOST = 2.0**53  # of whole numbers, all below are told apart
_DATES = {ColumnKind.DATE, ColumnKind.DATETIME}


@dataclass(frozen=True, slots=True)
class Posted:
    """A row as it was posted, what is true of it, and the seconds since 1970 at which it was answered; `key` is its own."""

    key: str
    row: dict[str, Any]
    label: Any
    at: float


def extended(
    table: TrainingTable, posted: Sequence[Posted], *, task: Task, group: str = "", time: Column | None = None
) -> tuple[TrainingTable, int]:
    """Return a table with posted rows below its own, and how many they are.

    A column that a row does not hold is missing there; one that always holds the same, and was left out therefore, holds that.
    Rows that do not fit the table's kinds are left out, and so are those of a new class while they are few. Of a table in groups,
    a row that does not name its group is one of its own; in the order of time, one that does not say its time has that of its
    answer where times are dates, else none.
    """
    names = [column.name for column in table.features]
    schema = TableSchema(columns=table.features)
    same = {one.name: value for one in table.features if (value := _only_value(one, table.columns[one.name])) is not None}
    rows = [{name: one.row.get(name, same.get(name)) for name in names} for one in posted]
    is_amount = task == Task.REGRESSION
    targets = [_amount(one.label) if is_amount else _as_class(table.target_kind, one.label) for one in posted]
    kept = [place for place in _fitting(schema, rows) if targets[place] is not None]
    kept = kept if is_amount else _without_rare(table, targets, kept)
    if not kept or table.target is None:
        return table, 0
    more = columns_of_rows(schema, [rows[place] for place in kept])
    labels = np.array([targets[place] for place in kept], dtype=table.target.dtype)
    own = [posted[place] for place in kept]
    return replace(
        table,
        columns={name: _joined(table.columns[name], more[name]) for name in names},
        rows=table.rows + len(kept),
        target=_joined(table.target, labels),
        groups=None if table.groups is None else _joined(table.groups, _groups(own, group)),
        times=None if table.times is None or time is None else _joined(table.times, [_time(one, time) for one in own]),
    ), len(kept)


def _only_value(column: Column, values: Any) -> Any:
    """Return what every row of a column of texts or numbers holds, None where they differ or one holds nothing."""
    if column.kind in _DATES or not len(values) or any(value != values[0] for value in values):
        return None
    if not isinstance(values, np.ndarray):
        return values[0]
    return bool(values[0]) if column.kind == ColumnKind.BOOLEAN else float(values[0])


def _fitting(schema: TableSchema, rows: list[dict[str, Any]]) -> list[int]:
    try:
        columns_of_rows(schema, rows)
    except InvalidInput:
        return [place for place, row in enumerate(rows) if _fits(schema, row)]
    return list(range(len(rows)))


def _fits(schema: TableSchema, row: dict[str, Any]) -> bool:
    try:
        columns_of_rows(schema, [row])
    except InvalidInput:
        return False
    return True


def _amount(label: Any) -> float | None:
    """Return a label as an amount, None where it is none."""
    if isinstance(label, bool) or not isinstance(label, int | float):
        return None
    try:
        return float(label) if isfinite(label) else None
    except OverflowError:
        return None


def _as_class(kind: ColumnKind | None, label: Any) -> Any:
    """Return a label as the table's classes are written, None where it is none."""
    if kind in {ColumnKind.INTEGER, ColumnKind.NUMBER}:
        number = _amount(label)
        if number is None or kind == ColumnKind.NUMBER:
            return number
        return int(number) if number == int(number) and abs(number) < _MOST else None
    wanted = bool if kind == ColumnKind.BOOLEAN else str
    return label if isinstance(label, wanted) else None


def _without_rare(table: TrainingTable, targets: list[Any], places: list[int]) -> list[int]:
    assert table.target is not None
    known, counts = set(table.target.tolist()), Counter(targets[place] for place in places)
    return [place for place in places if targets[place] in known or counts[targets[place]] >= LEAST_OF_NEW_CLASS]


def _groups(posted: list[Posted], group: str) -> npt.NDArray[Any]:
    named = [one.row.get(group) for one in posted]
    texts = [f"posted {one.key}" if name is None else group_name(name) for one, name in zip(posted, named, strict=True)]
    return np.array(texts, dtype=object)


def _time(posted: Posted, column: Column) -> float:
    value = posted.row.get(column.name)
    try:
        own = None if value is None else epoch_seconds(value) if column.kind in _DATES else _amount(value)
    except (TypeError, ValueError):
        own = None
    if own is not None:
        return own
    return posted.at if column.kind in _DATES else nan


def _joined(own: Any, more: Any) -> Any:
    return np.concatenate([own, more]) if isinstance(own, np.ndarray) else [*own, *more]
