"""Worker only: score a whole data set with the light predictor, in bounded memory.

A run builds the result in a folder of its own and asks with every portion whether it still holds the batch. The folder
is flushed to disk and moved into place in the transaction that completes the batch, so a run that lost its lease moves
nothing; what a dead run leaves is swept after a day.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction

from apps.algorithms.predictors import load_predictor
from apps.algorithms.results import Answers, Predictor
from apps.core.artifacts import publish_folder, remove_folder, safe_join, seal_folder, storage_guard
from apps.core.errors import DATABASE_AWAY, PlatformError
from apps.core.leases import LeaseLost
from apps.datasets.selectors import table_file
from apps.predictions import lifecycle
from apps.predictions.models import BatchPrediction
from apps.predictions.selectors import RESULTS, results_folder, wants_semicolons
from apps.registry.files import verify_version
from apps.registry.selectors import version_folder

logger = logging.getLogger(__name__)
_ROWS_AT_ONCE = 5_000
_RISKY = r"^[=+\-@\t\r\n]"  # what a spreadsheet takes for a formula
_SEMICOLONS = pa_csv.WriteOptions(delimiter=";")
_BOM = b"\xef\xbb\xbf"  # without it an office program reads UTF-8 as something else


def score(batch_id: UUID, token: UUID) -> None:
    """Score a claimed batch; every failure ends in words on its row, or gives the row back when the database is away."""
    batch = BatchPrediction.objects.select_related("version", "dataset_version").get(pk=batch_id)
    beside = results_folder() / f"{batch_id}-{token.hex}.part"
    try:
        with storage_guard():
            beside.mkdir(parents=True)
            rows = _write_result(batch, beside, lambda: lifecycle.batches.hold(batch_id, token))
        _publish(batch_id, token, beside, rows)
    except LeaseLost:
        logger.info("Batch %s is held by another run", batch_id)
    except PlatformError as error:
        lifecycle.fail(batch_id, token, reason=error.detail)
    except DATABASE_AWAY:
        raise  # the lease runs out, and the batch is scored again
    except Exception as error:
        lifecycle.fail(
            batch_id, token, reason=f"Scoring stopped with {type(error).__name__}; the worker's log has the details."
        )
        raise
    finally:
        remove_folder(beside)


def _write_result(batch: BatchPrediction, beside: Path, hold: Callable[[], None]) -> int:
    verify_version(batch.version, below="predictor/")
    predictor = load_predictor(version_folder(batch.version) / "predictor")
    rows = _write_parquet(predictor, table_file(batch.dataset_version), beside / RESULTS["parquet"], hold)
    write_csv(beside / RESULTS["parquet"], beside / RESULTS["csv"], hold)
    if wants_semicolons(batch.dataset_version):
        write_csv(beside / RESULTS["parquet"], beside / RESULTS["semicolons"], hold, semicolons=True)
    seal_folder(beside)
    return rows


def _publish(batch_id: UUID, token: UUID, beside: Path, rows: int) -> None:
    final = results_folder() / str(batch_id)
    relative = (final / RESULTS["parquet"]).relative_to(settings.DATASETS_DIR).as_posix()
    with transaction.atomic():
        if not lifecycle.complete(batch_id, token, rows=rows, result_path=relative):
            raise LeaseLost
        remove_folder(final)  # left by a run that died between the move and its commit
        publish_folder(beside, final)


def write_result_without(
    batch: BatchPrediction, kept: Callable[[pa.RecordBatch], pa.Array], hold: Callable[[], None]
) -> tuple[str, int]:
    """Write a result anew with the rows that are `kept` (a mask a portion), in a folder of its own; return its path and their number."""
    source, folder = table_path(batch), results_folder() / f"{batch.pk}-{uuid4().hex[:8]}"
    beside = folder.with_name(f"{folder.name}.part")
    rows = 0
    try:
        with storage_guard():
            beside.mkdir(parents=True)
            file = pq.ParquetFile(source)
            with pq.ParquetWriter(beside / RESULTS["parquet"], file.schema_arrow, compression="zstd") as writer:
                for part in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                    hold()
                    some = part.filter(kept(part))
                    writer.write_batch(some)
                    rows += some.num_rows
            write_csv(beside / RESULTS["parquet"], beside / RESULTS["csv"], hold)
            if (source.parent / RESULTS["semicolons"]).exists():
                write_csv(beside / RESULTS["parquet"], beside / RESULTS["semicolons"], hold, semicolons=True)
            seal_folder(beside)
        publish_folder(beside, folder)
    finally:
        remove_folder(beside)
    return (folder / RESULTS["parquet"]).relative_to(settings.DATASETS_DIR).as_posix(), rows


def table_path(batch: BatchPrediction) -> Path:
    """Return where a result stands as Parquet."""
    return safe_join(Path(settings.DATASETS_DIR), batch.result_path)


def _write_parquet(predictor: Predictor, source: Path, target: Path, hold: Callable[[], None]) -> int:
    file = pq.ParquetFile(source)
    names = [column.name for column in predictor.schema.columns]
    missing = [name for name in names if name not in file.schema_arrow.names]
    if missing:
        raise PlatformError(f"The data set has no column {missing[0]!r}, which the model needs.")
    written, writer = 0, None
    try:
        for part in file.iter_batches(batch_size=_ROWS_AT_ONCE):
            hold()
            table = _with_answers(part, predictor.predict(_rows(part, names)))
            writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
            writer.write_table(table)
            written += part.num_rows
    finally:
        if writer is not None:
            writer.close()
    return written


def _rows(part: pa.RecordBatch, names: list[str]) -> list[dict[str, Any]]:
    columns = {name: [_as_sent(value) for value in part.column(name).to_pylist()] for name in names}
    return [{name: values[i] for name, values in columns.items()} for i in range(part.num_rows)]


def _as_sent(value: Any) -> Any:
    """Return a value as a client of the API writes it."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _with_answers(part: pa.RecordBatch, answers: Answers) -> pa.Table:
    table = pa.Table.from_batches([part])
    first = answers.details[0] if answers.details else {}
    added = {"prediction": pa.array(answers.values)}
    for label in first.get("probabilities", {}):
        chances = [detail["probabilities"][label] for detail in answers.details]
        added[f"probability of {label}"] = pa.array(chances, pa.float64())
    if "set" in first:
        added["set"] = pa.array([json.dumps(detail["set"], ensure_ascii=False) for detail in answers.details])
    if "interval" in first:
        for place, name in enumerate(("low", "high")):
            added[name] = pa.array([detail["interval"][place] for detail in answers.details], pa.float64())
    for name in ("score", "tail_probability", "distance"):
        if name in first:
            added[name] = pa.array([detail[name] for detail in answers.details], pa.float64())
    warnings = [json.dumps(d["warnings"], ensure_ascii=False) if d.get("warnings") else None for d in answers.details]
    added["warnings"] = pa.array(warnings, pa.string())
    for name, values in added.items():
        table = table.append_column(_free_name(name, table.column_names), values)
    return table


def _free_name(name: str, taken: list[str]) -> str:
    while name in taken:
        name = f"{name} (model)"
    return name


def write_csv(source: Path, target: Path, hold: Callable[[], None], *, semicolons: bool = False) -> None:
    """Write a result as CSV; a text that a spreadsheet would run as a formula is written with a leading apostrophe.

    `semicolons`: as French offices read it, with `;` between the cells and a comma in the numbers.
    """
    file = pq.ParquetFile(source)
    empty = file.schema_arrow.empty_table().columns
    names = _tamed(pa.array(file.schema_arrow.names)).to_pylist()
    schema = pa.schema([pa.field(name, _cells(column, semicolons).type) for name, column in zip(names, empty, strict=True)])
    with target.open("wb") as out:
        out.write(_BOM if semicolons else b"")
        with pa_csv.CSVWriter(out, schema, write_options=_SEMICOLONS if semicolons else None) as writer:
            for part in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                hold()
                columns = [_cells(column, semicolons) for column in part.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _cells(column: pa.Array, semicolons: bool) -> pa.Array:
    if pa.types.is_string(column.type):
        return _tamed(column)
    if semicolons and pa.types.is_floating(column.type):
        return pc.replace_substring(pc.cast(column, pa.string()), ".", ",")
    return column


def _tamed(texts: pa.Array) -> pa.Array:
    risky = pc.match_substring_regex(texts, _RISKY)
    return pc.if_else(risky, pc.binary_join_element_wise("'", texts, ""), texts)
