"""Worker only: score a whole data set with the light predictor, in bounded memory."""

import json
import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from django.conf import settings

from apps.algorithms.predictors import load_predictor
from apps.algorithms.results import Answers
from apps.algorithms.schema import ColumnKind, TableSchema
from apps.core.artifacts import storage_guard
from apps.core.errors import PlatformError
from apps.datasets.selectors import table_file
from apps.predictions import lifecycle
from apps.predictions.models import BatchPrediction
from apps.registry.files import verify_version
from apps.registry.selectors import version_folder

logger = logging.getLogger(__name__)
_ROWS_AT_ONCE = 5_000
_TIMES = {ColumnKind.DATE, ColumnKind.DATETIME}


class LeaseLost(Exception):
    """Another run holds the batch."""


def score(batch_id: UUID, token: UUID) -> None:
    """Score a claimed batch; every failure ends in words on its row."""
    batch = BatchPrediction.objects.select_related("version", "dataset_version").get(pk=batch_id)
    target = Path(settings.DATASETS_DIR) / "predictions" / f"{batch_id}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{batch_id}-{token.hex}.part")
    try:
        with storage_guard():
            rows = _score_into(batch, token, beside)
            write_csv(beside, beside.with_suffix(".csv"))
        beside.with_suffix(".csv").replace(target.with_suffix(".csv"))
        beside.replace(target)
        relative = target.relative_to(settings.DATASETS_DIR).as_posix()
        lifecycle.complete(batch_id, token, rows=rows, result_path=relative)
    except LeaseLost:
        logger.info("Batch %s is held by another run", batch_id)
    except PlatformError as error:
        lifecycle.fail(batch_id, token, reason=error.detail)
    except Exception as error:
        lifecycle.fail(
            batch_id, token, reason=f"Scoring stopped with {type(error).__name__}; the worker's log has the details."
        )
        raise
    finally:
        beside.unlink(missing_ok=True)
        beside.with_suffix(".csv").unlink(missing_ok=True)


def _score_into(batch: BatchPrediction, token: UUID, beside: Path) -> int:
    verify_version(batch.version, below="predictor/")
    predictor = load_predictor(version_folder(batch.version) / "predictor")
    file = pq.ParquetFile(table_file(batch.dataset_version))
    names = [column.name for column in predictor.schema.columns]
    missing = [name for name in names if name not in file.schema_arrow.names]
    if missing:
        raise PlatformError(f"The data set has no column {missing[0]!r}, which the model needs.")
    written, writer = 0, None
    try:
        for part in file.iter_batches(batch_size=_ROWS_AT_ONCE):
            answers = predictor.predict(_rows(part, predictor.schema))
            table = _with_answers(part, answers)
            writer = writer or pq.ParquetWriter(beside, table.schema, compression="zstd")
            writer.write_table(table)
            written += part.num_rows
            if not lifecycle.renew(batch.pk, token):
                raise LeaseLost
    finally:
        if writer is not None:
            writer.close()
    return written


def _rows(part: pa.RecordBatch, schema: TableSchema) -> list[dict[str, Any]]:
    columns = {}
    for column in schema.columns:
        values = part.column(column.name).to_pylist()
        columns[column.name] = [v if v is None else v.isoformat() for v in values] if column.kind in _TIMES else values
    return [{name: values[i] for name, values in columns.items()} for i in range(part.num_rows)]


def _with_answers(part: pa.RecordBatch, answers: Answers) -> pa.Table:
    table = pa.Table.from_batches([part]).append_column("prediction", pa.array(answers.values))
    first = answers.details[0] if answers.details else {}
    for label in first.get("probabilities", {}):
        values = [detail["probabilities"][label] for detail in answers.details]
        table = table.append_column(f"probability of {label}", pa.array(values, pa.float64()))
    if "interval" in first:
        for place, name in enumerate(("low", "high")):
            table = table.append_column(name, pa.array([d["interval"][place] for d in answers.details], pa.float64()))
    for name in ("score", "tail_probability"):
        if name in first:
            table = table.append_column(name, pa.array([d[name] for d in answers.details], pa.float64()))
    warnings = [json.dumps(d["warnings"], ensure_ascii=False) if d.get("warnings") else None for d in answers.details]
    return table.append_column("warnings", pa.array(warnings, pa.string()))


def write_csv(source: Path, target: Path) -> None:
    """Write a result as CSV; a text that a spreadsheet would run as a formula is written with a leading apostrophe."""
    file = pq.ParquetFile(source)
    schema = file.schema_arrow
    with pa_csv.CSVWriter(target, schema) as writer:
        for part in file.iter_batches(batch_size=_ROWS_AT_ONCE):
            columns = []
            for column in part.columns:
                if pa.types.is_string(column.type):
                    risky = pc.match_substring_regex(column, r"^[=+\-@\t\r]")
                    column = pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)  # noqa: PLW2901
                columns.append(column)
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
