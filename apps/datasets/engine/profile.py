"""What a table holds, column by column, and what a careful colleague would warn of before training on it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.algorithms.schema import ColumnKind
from apps.datasets.engine.tables import Copied

PREVIEW_ROWS = 50
HISTOGRAM_BINS = 20
TOP_CATEGORIES = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_DISTINCT = 200_000
TEXT_SHARE = 0.5
SAMPLE_ROWS = 50_000
MOST_PAIRED_COLUMNS = 300
RARE_SHARE = 0.05
_NUMBERS = {ColumnKind.INTEGER, ColumnKind.NUMBER}
_TIMES = {ColumnKind.DATE, ColumnKind.DATETIME}


@dataclass
class Profile:
    """Columns in the API's form, the first rows, and warnings."""

    columns: list[dict[str, Any]] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def profile_table(path: Path, copied: Copied) -> Profile:
    """Profile a canonical table, one column in memory at a time."""
    pa.default_memory_pool().release_unused()  # what writing the table took
    file = pq.ParquetFile(path)
    profile = Profile(preview=_preview(file))
    for name, kind in copied.kinds.items():
        facts = _text_facts(file, name, copied.rows) if kind == ColumnKind.CATEGORY else _other_facts(file, name, kind)
        profile.columns.append({"name": name, "dtype": str(kind), **facts})
    for column in profile.columns:
        profile.warnings += _column_warnings(column, copied.rows, is_last=column is profile.columns[-1])
    profile.warnings += _paired_warnings(file, profile.columns)
    return profile


def _preview(file: pq.ParquetFile) -> list[dict[str, Any]]:
    first = next(file.iter_batches(batch_size=PREVIEW_ROWS))
    return [{name: _plain(value) for name, value in row.items()} for row in first.to_pylist()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value


def _text_facts(file: pq.ParquetFile, name: str, rows: int) -> dict[str, Any]:
    counts: dict[str, int] = {}
    missing, exact = 0, True
    for group in range(file.num_row_groups):
        column = file.read_row_group(group, columns=[name]).column(0)
        missing += column.null_count
        found = pc.value_counts(column.drop_null())
        for value, count in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True):
            if value in counts or len(counts) < MOST_DISTINCT:
                counts[value] = counts.get(value, 0) + count
            else:
                exact = False
    known = rows - missing
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_CATEGORIES]
    facts: dict[str, Any] = {
        "missing": missing,
        "distinct": len(counts),
        "min": None,
        "max": None,
        "top": [{"value": value, "count": count} for value, count in top],
    }
    if not exact:
        facts["distinct_is_at_least"] = True
    if known and len(counts) > max(20, TEXT_SHARE * known):
        facts["dtype"] = str(ColumnKind.TEXT)
    if counts:
        facts["rarest"] = min(counts.values())
    return facts


def _other_facts(file: pq.ParquetFile, name: str, kind: ColumnKind) -> dict[str, Any]:
    column = file.read(columns=[name]).column(0)
    known = column.drop_null()
    facts: dict[str, Any] = {"missing": column.null_count, "distinct": 0, "min": None, "max": None}
    if not len(known):
        return facts
    if kind == ColumnKind.BOOLEAN:
        true = pc.sum(known).as_py()
        counts = [{"value": True, "count": true}, {"value": False, "count": len(known) - true}]
        distinct = sum(c["count"] > 0 for c in counts)
        return {**facts, "distinct": distinct, "top": counts, "rarest": min(c["count"] for c in counts)}
    bounds = pc.min_max(known).as_py()
    values = _sorted(known, kind)
    del column, known  # a long column stands in memory as few times as can be
    facts |= {"distinct": _steps(values) + 1, "min": _plain(bounds["min"]), "max": _plain(bounds["max"])}
    if kind in _TIMES:
        return facts
    if facts["distinct"] <= TOP_CATEGORIES:
        told = zip(*(part.tolist() for part in np.unique(values, return_counts=True)), strict=True)
        found = sorted(told, key=lambda pair: (-pair[1], pair[0]))
        facts["top"] = [{"value": value, "count": count} for value, count in found]
        facts["rarest"] = found[-1][1]
    values = values.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        facts |= {"mean": _finite(values.mean()), "std": _finite(values.std())}
        quantiles = np.quantile(values, QUANTILES, overwrite_input=True)
    facts["quantiles"] = {f"{q:g}": _finite(v) for q, v in zip(QUANTILES, quantiles, strict=True)}
    facts["histogram"] = _histogram(values)
    return facts


def _sorted(known: pa.ChunkedArray, kind: ColumnKind) -> npt.NDArray[Any]:
    """Return the values in order, times as whole numbers: to count the distinct ones by a table of them takes far more room."""
    if kind in _TIMES:
        known = known.cast(pa.int32() if kind == ColumnKind.DATE else pa.int64())
    values: npt.NDArray[Any] = known.to_numpy()
    values = values if values.flags.writeable else values.copy()
    values.sort()
    return values


def _steps(values: npt.NDArray[Any]) -> int:
    """Count where one value of a sorted column gives way to the next."""
    return int(np.count_nonzero(values[1:] != values[:-1]))


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold: sums over values near the limits of a double overflow."""
    return float(value) if np.isfinite(value) else None


def _histogram(values: npt.NDArray[np.float64]) -> dict[str, Any] | None:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low) or low == high:
        return None
    counts, edges = np.histogram(values, bins=HISTOGRAM_BINS, range=(low, high))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _column_warnings(column: dict[str, Any], rows: int, *, is_last: bool) -> list[dict[str, Any]]:
    name, known = column["name"], rows - column["missing"]
    if not known:
        return [_warning(name, "all_missing", "The column holds no value.")]
    if column["distinct"] == 1:
        return [_warning(name, "constant", "The column always holds the same value; nothing can be learned from it.")]
    found = []
    if column["missing"] > rows / 2:
        found.append(_warning(name, "mostly_missing", f"{column['missing'] / rows:.0%} of the values are missing."))
    identifies = column["dtype"] in {ColumnKind.TEXT, ColumnKind.CATEGORY, ColumnKind.INTEGER}
    if identifies and rows >= PREVIEW_ROWS and column["distinct"] == known == rows:
        found.append(_warning(name, "identifier", "Every row has its own value: this looks like an identifier."))
    if _may_be_label(column, is_last=is_last) and column["rarest"] / known < RARE_SHARE:
        words = f"The rarest value stands in {column['rarest']} of {known} rows; as a target it is hard to learn."
        found.append(_warning(name, "imbalance", words))
    return found


def _may_be_label(column: dict[str, Any], *, is_last: bool) -> bool:
    """Tell a plausible label from a feature with rare categories: two values, or the last column with a few."""
    return "rarest" in column and 2 <= column["distinct"] <= (TOP_CATEGORIES if is_last else 2)


def _paired_warnings(file: pq.ParquetFile, columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sample = next(file.iter_batches(batch_size=SAMPLE_ROWS))
    table = pa.Table.from_batches([sample])
    found: list[dict[str, Any]] = []
    seen: dict[int, str] = {}
    for column in columns[:MOST_PAIRED_COLUMNS]:
        values = table.column(column["name"]).combine_chunks()
        if column["distinct"] < 2:
            continue
        mark = hash(tuple(pc.fill_null(pc.cast(values, pa.string()), "\0").to_pylist()))
        if mark in seen:
            found.append(_warning(column["name"], "duplicate_column", f"It holds the same values as {seen[mark]!r}."))
        else:
            seen[mark] = column["name"]
    return found + _scaled_copies(table, columns, {w["column"] for w in found})


def _scaled_copies(table: pa.Table, columns: list[dict[str, Any]], copies: set[str]) -> list[dict[str, Any]]:
    names = [
        c["name"]
        for c in columns
        if c["dtype"] in _NUMBERS and c["distinct"] > 2 and not c["missing"] and c["name"] not in copies
    ][:MOST_PAIRED_COLUMNS]
    if len(names) < 2 or table.num_rows < 10:
        return []
    matrix = np.column_stack([table.column(name).to_numpy().astype(np.float64) for name in names])
    spread = matrix.std(axis=0)
    usable = np.flatnonzero(np.isfinite(spread) & (spread > 0))
    if len(usable) < 2:
        return []
    unit = (matrix[:, usable] - matrix[:, usable].mean(axis=0)) / spread[usable]
    correlation = np.abs(unit.T @ unit) / len(unit)
    pairs = np.argwhere(np.triu(correlation > 1 - 1e-9, k=1))
    return [
        _warning(
            names[usable[right]],
            "leakage",
            f"It is {names[usable[left]]!r} in another scale; if one is the target, leave the other out.",
        )
        for left, right in pairs.tolist()
    ]


def _warning(column: str, code: str, detail: str) -> dict[str, Any]:
    return {"column": column, "code": code, "detail": detail}
