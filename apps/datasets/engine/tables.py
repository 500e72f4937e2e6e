"""Two streaming passes over a CSV: type every column over the whole file, then write canonical Parquet."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.conf import settings

from apps.algorithms.schema import ColumnKind
from apps.algorithms.tables import INSTANTS, OFFSET, are_instants, offset_of
from apps.datasets.engine.dialect import Reading, Refused, clean_names
from apps.datasets.engine.inference import (
    DECIMAL_COMMA,
    Candidate,
    ColumnGuess,
    candidates,
    in_calendar,
    known_values,
)
from apps.datasets.engine.noticed import Noticed

MOST_PROBLEMS = 100
ROW_GROUP = 65_536
_BLOCK = 4 * 1024**2

TYPES: dict[ColumnKind, pa.DataType] = {
    ColumnKind.INTEGER: pa.int64(),
    ColumnKind.NUMBER: pa.float64(),
    ColumnKind.BOOLEAN: pa.bool_(),
    ColumnKind.DATE: pa.date32(),
    ColumnKind.DATETIME: pa.timestamp("us"),
    ColumnKind.CATEGORY: pa.string(),
    ColumnKind.TEXT: pa.string(),
}


@dataclass
class Copied:
    """A canonical table on disk: its columns' kinds in order, rows, hash of its values."""

    kinds: dict[str, ColumnKind]
    rows: int = 0
    content_hash: str = ""
    warnings: list[dict[str, Any]] = field(default_factory=list)


def write_table(reading: Reading, target: Path) -> Copied:
    """Type the columns of a CSV and write its canonical copy; refuse it whole with the rows at fault."""
    guesses = [ColumnGuess(candidates(comma_is_decimal=reading.separator != ",")) for _ in reading.names]
    rows = 0
    for batch in text_batches(reading):
        rows += batch.num_rows
        if rows > settings.UPLOAD_MAX_ROWS:
            raise Refused.because("too_many_rows", f"The file has more than {settings.UPLOAD_MAX_ROWS} rows; split it.")
        for guess, column in zip(guesses, batch.columns, strict=True):
            guess.look(column)
    if rows == 0:
        raise Refused.because("no_rows", "The file has a header and no row below it.", row=reading.header_row)
    verdicts = [guess.verdict() for guess in guesses]
    kinds = {
        name: verdict.kind if verdict else ColumnKind.CATEGORY for name, verdict in zip(reading.names, verdicts, strict=True)
    }
    told = zip(reading.names, verdicts, guesses, strict=True)
    schema = _schema(kinds, {name: guess.offset for name, way, guess in told if way and way.are_instants})
    noticed = [Noticed(name) for name in reading.names]

    def batches() -> Iterator[pa.RecordBatch]:
        row = reading.header_row + 1
        for batch in text_batches(reading):
            parts = zip(batch.columns, verdicts, noticed, strict=True)
            yield pa.RecordBatch.from_arrays([_typed(*part, row) for part in parts], schema=schema)
            row += batch.num_rows

    copied = _write(batches(), kinds, schema, target, reading.warnings)
    reading.notes += [note for column in noticed for note in column.notes()]
    if any(DECIMAL_COMMA in column.marks for column in noticed):
        reading.decimal = ","
    copied.warnings += [warning for column in noticed for warning in column.warnings()]
    return copied


def _typed(column: pa.Array, verdict: Candidate | None, noticed: Noticed, row: int) -> pa.Array:
    known = known_values(column, text=verdict is None)
    parsed = known if verdict is None else verdict.parse(known)
    if parsed is None:
        raise RuntimeError("a value fitted in the first pass and not in the second")
    if verdict is None:
        noticed.look_at_texts(known, row)
    else:
        noticed.look_at_values(known, parsed, verdict)
    return parsed


def text_batches(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the cells of a CSV as they were written, portion by portion; refuse it with the rows at fault."""
    problems: list[dict[str, Any]] = []
    width = len(reading.names)

    def ragged(row: pa_csv.InvalidRow) -> str:
        if len(problems) < MOST_PROBLEMS:
            problems.append(_ragged(row, reading))
        return "skip"

    assert reading.path is not None
    with reading.path.open("rb") as file:
        file.seek(reading.header_bytes)
        try:
            stream = pa_csv.open_csv(
                pa.PythonFile(file, mode="r"),
                read_options=pa_csv.ReadOptions(column_names=reading.names, block_size=_BLOCK, use_threads=False),
                parse_options=pa_csv.ParseOptions(
                    delimiter=reading.separator,
                    newlines_in_values=True,
                    invalid_row_handler=ragged,
                    ignore_empty_lines=width > 1,
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(reading.names, pa.string()),
                    strings_can_be_null=False,
                    quoted_strings_can_be_null=False,
                ),
            )
            row = reading.header_row + 1
            for batch in stream:
                _check_cells(batch)
                if reading.odd_quotes:
                    _check_quotes(batch, row)
                row += batch.num_rows
                yield batch
        except pa.ArrowInvalid as error:
            if problems:
                raise Refused(problems) from error
            if "Empty CSV file" in str(error):
                return
            if "straddl" in str(error):
                limit = _BLOCK // 1024**2
                raise Refused.because("open_quote", f"A quote is never closed, or a row is over {limit} MiB.") from error
            raise Refused.because("unreadable", f"The file cannot be read as CSV: {_first_line(error)}") from error
    if problems:
        raise Refused(problems)


def _ragged(row: pa_csv.InvalidRow, reading: Reading) -> dict[str, Any]:
    number = row.number + reading.header_row if row.number is not None else None
    if reading.odd_quotes and '"' in row.text:
        return _open_quote(number)
    cells = "1 cell" if row.actual_columns == 1 else f"{row.actual_columns} cells"
    columns = "1 column" if row.expected_columns == 1 else f"{row.expected_columns} columns"
    return Refused.problem("ragged_row", f"This row has {cells}; the header names {columns}.", row=number)


def _open_quote(row: int | None, column: str | None = None) -> dict[str, Any]:
    words = "A quote is opened and the quotes of the file do not pair; close it, or double it."
    if row is not None:
        words = f"A quote is opened near row {row} and the quotes of the file do not pair; close it, or double it."
    return Refused.problem("open_quote", words, row=row, column=column)


def _check_cells(batch: pa.RecordBatch) -> None:
    limit = settings.UPLOAD_MAX_CELL_BYTES
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        longest = pc.max(pc.binary_length(column)).as_py() or 0
        if longest > limit:
            problem = Refused.problem(
                "cell_too_long", f"A cell holds {longest} bytes; at most {limit} are accepted.", column=name
            )
            raise Refused([problem])


def _check_quotes(batch: pa.RecordBatch, first: int) -> None:
    """Refuse a cell that runs over lines in a file whose quotes do not pair: it would swallow rows in silence."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if (place := pc.index(pc.match_substring(column, "\n"), True).as_py()) >= 0:
            raise Refused([_open_quote(first + place, name)])


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]


def copy_parquet(source: Path, reading: Reading, target: Path) -> Copied:
    """Write the canonical copy of a Parquet upload."""
    try:
        file = pq.ParquetFile(source)
        stored = file.schema_arrow
    except (pa.ArrowInvalid, OSError) as error:
        raise Refused.because("unreadable", f"The Parquet file cannot be read: {_first_line(error)}") from error
    if len(stored) > settings.UPLOAD_MAX_COLUMNS or not len(stored):
        limit = settings.UPLOAD_MAX_COLUMNS
        raise Refused.because("too_many_columns", f"The table has {len(stored)} columns; 1 to {limit} are accepted.")
    if file.metadata.num_rows > settings.UPLOAD_MAX_ROWS or not file.metadata.num_rows:
        limit = settings.UPLOAD_MAX_ROWS
        raise Refused.because("row_count", f"The table has {file.metadata.num_rows} rows; 1 to {limit} are accepted.")
    names = clean_names(_names(stored), reading)
    kinds = dict(zip(names, map(_kind_of, stored), strict=True))
    zoned = {name: _offset_of(item) for name, item in zip(names, stored, strict=True) if _is_zoned(item)}
    reading.notes += [f"{name}: times with offsets, kept as those of UTC" for name in names if name in zoned]
    wanted = _schema(kinds, zoned)

    def batches() -> Iterator[pa.RecordBatch]:
        before = 0
        try:
            for batch in file.iter_batches(batch_size=ROW_GROUP):
                columns = [_canonical(c, w, before) for c, w in zip(batch.columns, wanted, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=wanted)
                before += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise Refused.because("unreadable", f"The Parquet file cannot be read: {_first_line(error)}") from error

    return _write(batches(), kinds, wanted, target, reading.warnings)


def copy_rows(
    source: Path, target: Path, kinds: dict[str, ColumnKind], kept: Callable[[pa.RecordBatch], pa.Array]
) -> Copied:
    """Write the rows of a canonical table that are `kept` (a mask a portion) as another."""
    file = pq.ParquetFile(source)
    schema = _schema(kinds, {item.name: offset_of(item) for item in file.schema_arrow if are_instants(item)})

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(batch_size=ROW_GROUP):
            columns = batch.filter(kept(batch)).select(list(kinds)).columns
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return _write(batches(), kinds, schema, target, [])


def _is_zoned(item: pa.Field) -> bool:
    kind = item.type.value_type if pa.types.is_dictionary(item.type) else item.type
    return (pa.types.is_timestamp(kind) and kind.tz is not None) or are_instants(item)


def _kind_of(item: pa.Field) -> ColumnKind:
    kind = item.type.value_type if pa.types.is_dictionary(item.type) else item.type
    tests = (
        (pa.types.is_boolean, ColumnKind.BOOLEAN),
        (pa.types.is_integer, ColumnKind.INTEGER),
        (lambda t: pa.types.is_floating(t) or pa.types.is_decimal(t), ColumnKind.NUMBER),
        (pa.types.is_date, ColumnKind.DATE),
        (pa.types.is_timestamp, ColumnKind.DATETIME),
        (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_null(t), ColumnKind.CATEGORY),
    )
    for test, found in tests:
        if test(kind):
            return found
    words = f"The column {item.name!r} holds {item.type}; only numbers, texts, true or false, dates and times are accepted."
    raise Refused([Refused.problem("column_type", words, column=item.name)])


def _names(schema: pa.Schema) -> list[str]:
    try:
        return list(schema.names)
    except UnicodeDecodeError as error:
        raise Refused.because("encoding", "The name of a column is not UTF-8.") from error


def _canonical(column: pa.Array, wanted: pa.Field, before: int) -> pa.Array:
    kind = wanted.type
    whole = pa.types.is_integer(kind)  # an integer beyond 64 bits must not wrap around
    plain = pc.cast(column, kind, safe=whole) if column.type != kind else column
    if pa.types.is_temporal(kind) and not in_calendar(plain):
        words = "A date lies outside the years 1 to 9999."
        raise Refused([Refused.problem("date_out_of_range", words, column=wanted.name)])
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(plain), plain, pa.scalar(None, kind))
    if pa.types.is_string(kind):
        _check_texts(plain, wanted.name, before)
    return plain


def _check_texts(texts: pa.Array, name: str, before: int) -> None:
    """Refuse what a CSV is refused for too: bytes that are no text, and NUL, which databases do not hold."""
    texts.validate(full=True)
    if (place := pc.index(pc.match_substring(texts, "\0"), True).as_py()) >= 0:
        row = before + place + 1
        words = f"The text in row {row} holds a NUL character. Remove it, and send the table again."
        raise Refused([Refused.problem("nul", words, row=row, column=name)])


def _offset_of(item: pa.Field) -> str:
    zone = getattr(item.type, "tz", None) or ""
    return zone if zone[:1] in {"+", "-"} else offset_of(item)


def _schema(kinds: dict[str, ColumnKind], instants: dict[str, str]) -> pa.Schema:
    """Return the schema of the canonical copy; `instants` are the columns whose times carried offsets, with the one that all had."""
    marks = {name: {**INSTANTS, OFFSET: offset.encode()} for name, offset in instants.items()}
    return pa.schema([pa.field(name, TYPES[kind], metadata=marks.get(name)) for name, kind in kinds.items()])


def _write(
    batches: Iterator[pa.RecordBatch],
    kinds: dict[str, ColumnKind],
    schema: pa.Schema,
    target: Path,
    warnings: list[dict[str, Any]],
) -> Copied:
    described = [(item.name, f"{item.type}, instants" if are_instants(item) else str(item.type)) for item in schema]
    digest = hashlib.sha256(json.dumps(described).encode())
    copied = Copied(kinds=kinds, warnings=list(warnings))
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in batches:
            waiting.append(batch)
            if sum(part.num_rows for part in waiting) >= ROW_GROUP:
                waiting = _flush(writer, waiting, digest, copied, whole_groups=True)
        _flush(writer, waiting, digest, copied, whole_groups=False)
    copied.content_hash = digest.hexdigest()
    return copied


def _flush(
    writer: Any, waiting: list[pa.RecordBatch], digest: Any, copied: Copied, *, whole_groups: bool
) -> list[pa.RecordBatch]:
    if not waiting:
        return []
    table = pa.Table.from_batches(waiting)
    keep = table.num_rows - table.num_rows % ROW_GROUP if whole_groups else table.num_rows
    for start in range(0, keep, ROW_GROUP):
        group = table.slice(start, min(ROW_GROUP, keep - start)).combine_chunks()
        writer.write_table(group, row_group_size=ROW_GROUP)
        for column in group.columns:
            _digest_values(digest, column)
    copied.rows += keep
    rest = table.slice(keep)
    return rest.to_batches() if rest.num_rows else []


def _digest_values(digest: Any, column: pa.ChunkedArray) -> None:
    """Add a column's values to the hash: independent of how the upload was written or cut into blocks."""
    values = column.combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks)
    digest.update(pc.is_null(values).to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_string(values.type):
        filled = pc.fill_null(values, "")
        digest.update(pc.binary_length(filled).to_numpy(zero_copy_only=False).tobytes())
        digest.update("".join(filled.to_pylist()).encode())
    elif pa.types.is_boolean(values.type):
        digest.update(pc.fill_null(values, False).to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_floating(values.type):
        digest.update(pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False).tobytes())
    else:
        whole = pc.cast(pc.cast(values, pa.int32()) if pa.types.is_date(values.type) else values, pa.int64())
        digest.update(pc.fill_null(whole, 0).to_numpy(zero_copy_only=False).tobytes())
