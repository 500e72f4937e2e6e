"""Whether a table holds series: which column tells the time, which the values, which tells series apart."""

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
_TIMES = (ColumnKind.DATE, ColumnKind.DATETIME)
_NUMBERS = (ColumnKind.NUMBER, ColumnKind.INTEGER)
_NAMES = (ColumnKind.CATEGORY, ColumnKind.TEXT, ColumnKind.INTEGER)


def series_in(path: Path, columns: list[dict[str, Any]], rows: int, *, kind: str) -> dict[str, Any] | None:
    """Return what is found of the series in a canonical table as plain JSON, None where it holds none.

    `kind` is what the sender says it is, "" where nothing is said: then only what is beyond doubt is taken for series.

    Raises
    ------
    Refused : it is said to hold series, and has no times or no numbers.

    """
    if kind == Kind.TABULAR:
        return None
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
        return None
    return _found(path, kinds, times[0], numbers, is_said=is_said)


def _found(
    path: Path, kinds: dict[str, ColumnKind], time: str, numbers: list[str], *, is_said: bool
) -> dict[str, Any] | None:
    name = _column_of_series(path, kinds, time)
    if name is None:
        words = f"Several rows have the same {time!r}, and no column tells series apart. Choose their sum or mean when you train."
        return {"time": time, "series": "", "value": numbers[0], "problem": words} if is_said else None
    value = next((number for number in numbers if number != name), None)
    if value is None:
        return None
    try:
        series = TrainingSeries.from_parquet(
            path,
            columns=[Column(one, kind) for one, kind in kinds.items()],
            roles=Roles(time, value, name),
            frequency="found",
            repeated="refused",
            zone=settings.PAGES_TIME_ZONE,
        )
    except InvalidInput as error:
        return {"time": time, "series": name, "value": value, "problem": error.detail} if is_said else None
    places = [(one.first, one.first + len(one.values) - 1) for one in series.series]
    first, last = min(start for start, _ in places), max(end for _, end in places)
    written = series.calendar.written(np.array([first, last]))
    return {
        "time": time,
        "series": name,
        "value": value,
        "step": series.calendar.name,
        "count": len(series.series),
        "first": written[0],
        "last": written[1],
        "longest": series.longest,
        "shortest": min(len(one.values) for one in series.series),
        "notes": list(series.notes),
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
