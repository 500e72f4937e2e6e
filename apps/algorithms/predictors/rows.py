"""From posted rows to checked columns: every fault is named with its row and column."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from operator import itemgetter
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.schema import Column, ColumnKind, TableSchema
from apps.core.errors import InvalidInput, Problem

MOST_PROBLEMS = 50
Columns = dict[str, Any]  # float64 array for numbers, booleans and dates (epoch seconds); list of text or None otherwise
NUMERIC = {ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.BOOLEAN, ColumnKind.DATE, ColumnKind.DATETIME}

_TYPES: dict[ColumnKind, tuple[frozenset[type], str]] = {
    ColumnKind.INTEGER: (frozenset({int, float, NoneType}), "a number"),
    ColumnKind.NUMBER: (frozenset({int, float, NoneType}), "a number"),
    ColumnKind.BOOLEAN: (frozenset({bool, NoneType}), "true or false"),
    ColumnKind.DATE: (frozenset({str, NoneType}), "a date such as 2026-01-31"),
    ColumnKind.DATETIME: (frozenset({str, NoneType}), "a date and time such as 2026-01-31T08:30:00"),
    ColumnKind.CATEGORY: (frozenset({str, NoneType}), "a text"),
    ColumnKind.TEXT: (frozenset({str, NoneType}), "a text"),
}


def columns_of_rows(schema: TableSchema, rows: Sequence[Any]) -> Columns:
    """Return one checked column a schema column; raise `InvalidInput` with up to 50 problems.

    Every row is an object with the schema's columns, and perhaps unused ones; None stands for a missing value.
    """
    names = [column.name for column in schema.columns]
    unused = [column.name for column in schema.unused]
    given = _by_column(names, unused, rows)
    if given is None:
        raise _shape_fault(set(names), set(unused), rows, schema.target)
    problems: list[Problem] = []
    pairs = zip(schema.columns, given, strict=True)
    columns = {column.name: _checked(column, values, problems) for column, values in pairs}
    if problems:
        raise _refusal(problems)
    return columns


def _by_column(names: list[str], unused: list[str], rows: Sequence[Any]) -> list[list[Any]] | None:
    """Turn the rows column-wise; None when one is not an object of all these names and of no others than `unused`."""
    if set(map(type, rows)) - {dict}:
        return None
    try:
        columns = [list(map(itemgetter(name), rows)) for name in names]
    except KeyError:
        return None
    if set(map(len, rows)) - {len(names)} and set().union(*rows).difference(names, unused):
        return None
    return columns


def _checked(column: Column, values: list[Any], problems: list[Problem]) -> Any:
    types, wanted = _TYPES[column.kind]
    if not types.issuperset(set(map(type, values))):
        wrong = [i for i, value in enumerate(values) if type(value) not in types]
        problems += [_wrong(i, column.name, wanted, values[i]) for i in wrong[:MOST_PROBLEMS]]
        return None
    if column.kind in {ColumnKind.DATE, ColumnKind.DATETIME}:
        return _seconds(column.name, values, wanted, problems)
    if column.kind in NUMERIC:
        return _floats(column.name, values, wanted, problems)
    return values


def _floats(name: str, values: list[Any], wanted: str, problems: list[Problem]) -> npt.NDArray[np.float64] | None:
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        for i, value in enumerate(values):
            if isinstance(value, int) and abs(value) > 10**300:
                problems.append(_wrong(i, name, wanted, value))
        return None


def _seconds(name: str, values: list[Any], wanted: str, problems: list[Problem]) -> npt.NDArray[np.float64]:
    seconds = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if value is None:
            continue
        try:
            seconds[i] = epoch_seconds(value)
        except ValueError:
            problems.append(_wrong(i, name, wanted, value))
    return seconds


def epoch_seconds(value: str | date | datetime) -> float:
    """Return seconds since 1970 of an ISO text, a date or a time; one without a zone is taken as UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def name_of_series(value: Any, kind: ColumnKind) -> str:
    """Return the series that a cell names, alike for the value that was stored and for the one that is posted."""
    if kind == ColumnKind.INTEGER:
        return str(int(value) if float(value).is_integer() else value)
    if kind == ColumnKind.NUMBER:
        return str(float(value))
    if kind in {ColumnKind.DATE, ColumnKind.DATETIME}:
        at = datetime.fromtimestamp(epoch_seconds(value), UTC).replace(tzinfo=None)
        return str(at.date() if kind == ColumnKind.DATE else at)
    return str(value)


def _wrong(row: int, name: str, wanted: str, value: Any) -> Problem:
    written = json.dumps(value, ensure_ascii=False, default=str)
    shown = written if len(written) <= 60 else f"{written[:57]}…"
    return Problem(
        f"/data/{row}/{_escaped(name)}", "wrong_type", f"Row {row}: {name!r} takes {wanted} or null, not {shown}."
    )


def _shape_fault(wanted: set[str], unused: set[str], rows: Sequence[Any], target: str | None) -> InvalidInput:
    problems: list[Problem] = []
    for i, row in enumerate(rows):
        if type(row) is not dict:
            problems.append(Problem(f"/data/{i}", "wrong_type", f"Row {i} must be an object of column names and values."))
            continue
        for name in sorted(row.keys() - wanted - unused, key=str):
            hint = " It is what the model predicts: leave it out." if name == target else ""
            problems.append(_about(i, name, "unknown_column", f"Row {i}: the model has no column {name!r}.{hint}"))
        for name in sorted(wanted - row.keys()):
            text = f"Row {i}: the column {name!r} is missing; give null where its value is not known."
            problems.append(_about(i, name, "missing_column", text))
        if len(problems) >= MOST_PROBLEMS:
            break
    return _refusal(problems)


def _about(row: int, name: Any, code: str, detail: str) -> Problem:
    return Problem(f"/data/{row}/{_escaped(str(name))}", code, detail)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _refusal(problems: list[Problem]) -> InvalidInput:
    shown = problems[:MOST_PROBLEMS]
    more = f" (and {len(shown) - 1} more)" if len(shown) > 1 else ""
    return InvalidInput(f"{shown[0].detail}{more}", shown)
