"""Whether a table holds series: which column tells the time, which the values, which tells series apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.conf import settings

from apps.algorithms.engine.regularity import is_shown_twice
from apps.algorithms.roles import Roles
from apps.algorithms.schema import Column, ColumnKind
from apps.algorithms.series import TrainingSeries
from apps.algorithms.tables import read_column
from apps.algorithms.targets import LEAST_ROWS_IN_ALL
from apps.core.errors import InvalidInput
from apps.datasets.engine.dialect import Refused
from apps.datasets.models import Kind

_MOST_ROWS = 1_000_000  # of which the series are looked at
_MOST_TRIED = 5  # columns that may tell series apart
_NEARLY = 0.9  # of the rows stand alone at their time, in their series
_LEAST_FULL = 0.8  # of the steps, that have a row: else times are not taken for regular unless somebody says so
_MOST_BESIDE = 4  # numbers beside the time and the value of one series, unless somebody says so
_WAY_OUT = "If it holds series, upload the file again as series (kind series)."
_TIMES = (ColumnKind.DATE, ColumnKind.DATETIME)
_NUMBERS = (ColumnKind.NUMBER, ColumnKind.INTEGER)
_NAMES = (ColumnKind.CATEGORY, ColumnKind.TEXT, ColumnKind.INTEGER)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What is found of the series in a table as plain JSON, None where it holds none; `note` says how it was taken, and the way out."""

    series: dict[str, Any] | None
    note: str = ""


_NONE = Recognised(None)


class _Doubtful(Exception):
    """What keeps a table from being taken for series, which nobody said it holds."""


def series_in(path: Path, columns: list[dict[str, Any]], rows: int, *, kind: str) -> Recognised:
    """Find the series in a canonical table.

    `kind` is what the sender says it is, "" where nothing is said: then only what is beyond doubt is taken for series. Each row
    of a table may have a time of its own too (when a customer came, when an invoice is due): the times of series follow one
    step nearly without gaps, and beside one series stand a few numbers, no words.

    Raises
    ------
    Refused : it is said to hold series, and has no times or no numbers.

    """
    if kind == Kind.TABULAR:
        return _NONE
    is_said = kind == Kind.SERIES
    kinds = {column["name"]: ColumnKind(column["dtype"]) for column in columns}
    times = [name for name in kinds if kinds[name] in _TIMES]
    if not times and is_said:
        times = [c["name"] for c in columns if kinds[c["name"]] == ColumnKind.INTEGER and _counts_up(path, c["name"])]
    numbers = [name for name in kinds if kinds[name] in _NUMBERS and name not in times[:1]]
    if is_said and not (times and numbers):
        what = "times: dates, dates with times, or step numbers that rise" if not times else "numbers"
        raise Refused.because("no_series", f"No column holds {what}. Send it as a table, or add such a column.")
    if not numbers or len(times) != 1 or not LEAST_ROWS_IN_ALL <= rows <= _MOST_ROWS:
        return _NONE
    name = _column_of_series(path, kinds, times[0])
    if is_said:
        return Recognised(_said(path, kinds, times[0], numbers, name))
    return _recognised(path, columns, times[0], numbers, name)


def _said(
    path: Path, kinds: dict[str, ColumnKind], time: str, numbers: list[str], name: str | None
) -> dict[str, Any] | None:
    """Return what is found where somebody says that there are series, what is wrong with them included."""
    if name is None:
        return {"time": time, "series": "", "value": numbers[0], "problem": _of_repeated(path, kinds, time)}
    value = next((number for number in numbers if number != name), None)
    if value is None:
        return None
    try:
        return _told(_read(path, kinds, Roles(time, value, name)))
    except InvalidInput as error:
        return {"time": time, "series": name, "value": value, "problem": error.detail}


def _of_repeated(path: Path, kinds: dict[str, ColumnKind], time: str) -> str:
    """Say what to do with rows of one time, which no column tells apart without fail."""
    fits = _nearly_tells_apart(path, kinds, time)
    if fits is None:
        return (
            f"Several rows have the same {time!r}, and no column tells series apart. Add a column that names the series of each row, "
            "or, where they are parts of one series, choose their sum or mean when you train."
        )
    return (
        f"Several rows have the same {time!r}, and {fits!r} seems to tell series apart. Name it as the column of the series when you "
        "train; their sum or mean is for rows that are parts of one series."
    )


def _nearly_tells_apart(path: Path, kinds: dict[str, ColumnKind], time: str) -> str | None:
    """Return the column beside whose values nearly every time stands once."""
    candidates = [name for name in kinds if kinds[name] in _NAMES and name != time][:_MOST_TRIED]
    table = pq.read_table(path, columns=[time, *candidates], use_threads=False)
    found: list[tuple[bool, int, str]] = []  # words before numbers, which may be the values
    for name in candidates:
        groups = pc.count_distinct(table.column(name)).as_py()
        pairs = table.select([name, time]).group_by([name, time]).aggregate([([], "count_all")]).num_rows
        if 1 < groups <= table.num_rows / LEAST_ROWS_IN_ALL and pairs >= _NEARLY * table.num_rows:
            found.append((kinds[name] != ColumnKind.INTEGER, pairs, name))
    return max(found)[-1] if found else None


def _recognised(path: Path, columns: list[dict[str, Any]], time: str, numbers: list[str], name: str | None) -> Recognised:
    """Return the series that are there beyond doubt; where there is a doubt, say which."""
    kinds = {column["name"]: ColumnKind(column["dtype"]) for column in columns}
    value = next((number for number in numbers if number != name), None)
    if value is not None and name is None and (fits := _nearly_tells_apart(path, kinds, time)):
        return Recognised(
            None, f"Taken for a table, since several rows of one {fits!r} have the same time in {time!r}. {_WAY_OUT}"
        )
    if name is None or value is None:
        return _NONE
    try:
        if not name:
            _check_beside(columns, time)
        found = _read(path, kinds, Roles(time, value, name))
        _check_full(found, path, time, name)
    except InvalidInput:
        return Recognised(None, _irregular(time))
    except _Doubtful as error:
        return Recognised(None, str(error))
    hint = "If each row is a thing of its own, upload the file again as a table (kind tabular)."
    return Recognised(_told(found), f"Taken for series, since the times of {time!r} follow one step. {hint}")


def _check_beside(columns: list[dict[str, Any]], time: str) -> None:
    """Doubt that a table is one series where words stand beside its times, or many numbers."""
    beside = [column for column in columns if column["name"] != time and column["distinct"] > 1]
    words = [column["name"] for column in beside if ColumnKind(column["dtype"]) not in _NUMBERS]
    if words:
        raise _Doubtful(f"Taken for a table, since {words[0]!r} beside {time!r} holds no numbers. {_WAY_OUT}")
    if len(beside) > 1 + _MOST_BESIDE:
        raise _Doubtful(f"Taken for a table, since {len(beside)} columns stand beside {time!r}. {_WAY_OUT}")


def _check_full(found: TrainingSeries, path: Path, time: str, name: str) -> None:
    """Doubt series that have no row for many of their steps; one whose value is not known is a row all the same."""
    names = [time, name] if name else [time]
    rows = pq.read_table(path, columns=names, use_threads=False).drop_null().num_rows
    if rows < _LEAST_FULL * sum(len(one.values) for one in found.series):
        raise _Doubtful(_irregular(time))


def _irregular(time: str) -> str:
    return f"Taken for a table, since the times of {time!r} do not follow one step. {_WAY_OUT}"


def _read(path: Path, kinds: dict[str, ColumnKind], roles: Roles) -> TrainingSeries:
    return TrainingSeries.from_parquet(
        path,
        columns=[Column(one, kind) for one, kind in kinds.items()],
        roles=roles,
        frequency="found",
        repeated="refused",
        zone=settings.PAGES_TIME_ZONE,
    )


def _told(found: TrainingSeries) -> dict[str, Any]:
    places = [(one.first, one.first + len(one.values) - 1) for one in found.series]
    first, last = min(start for start, _ in places), max(end for _, end in places)
    written = found.calendar.written(np.array([first, last]))
    return {
        "time": found.roles.time,
        "series": found.roles.series,
        "value": found.roles.target,
        "step": found.calendar.name,
        "count": len(found.series),
        "first": written[0],
        "last": written[1],
        "longest": found.longest,
        "shortest": min(len(one.values) for one in found.series),
        "notes": list(found.notes),
    }


def _column_of_series(path: Path, kinds: dict[str, ColumnKind], time: str) -> str | None:
    """Return the column that tells series apart: "" where each time stands there once, None where no column does it."""
    candidates = [name for name in kinds if kinds[name] in _NAMES and name != time][:_MOST_TRIED]
    table = _without_hours_shown_twice(
        pq.read_table(path, columns=[time, *candidates], use_threads=False), time, kinds[time]
    )
    if pc.count_distinct(table.column(time)).as_py() >= table.num_rows - table.column(time).null_count:
        return ""
    for name in candidates:
        pairs = table.select([name, time]).group_by([name, time]).aggregate([([], "count_all")])
        groups = pc.count_distinct(table.column(name)).as_py()
        if pairs.num_rows == table.num_rows and groups * LEAST_ROWS_IN_ALL <= table.num_rows:
            return name
    return None


def _without_hours_shown_twice(table: pa.Table, time: str, kind: ColumnKind) -> pa.Table:
    """Leave out the hour that local clocks show twice when they are put back: its times stand there twice by right."""
    if kind != ColumnKind.DATETIME:
        return table
    values = np.asarray(read_column(table.column(time), kind), dtype=np.float64)
    different, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    twice = [value for value in different[counts > 1].tolist() if is_shown_twice(value, settings.PAGES_TIME_ZONE)]
    return table.filter(~np.isin(values, twice)) if twice else table


def _counts_up(path: Path, name: str) -> bool:
    column = pq.read_table(path, columns=[name], use_threads=False).column(0).combine_chunks()
    if column.null_count or len(column) < 2:
        return False
    steps = pc.subtract(column.slice(1), column.slice(0, len(column) - 1))
    return bool(pc.mean(pc.cast(pc.equal(steps, 1), "float64")).as_py() > 0.9)
