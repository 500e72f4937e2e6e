"""All columns of a window at once, beside rows of the data set that the version learned from.

The profile of a version keeps counts, and no counts tell what goes with what. So rows are read again from the data set, where
its file is still there: as it is now, without those that were erased. Nothing of them is kept.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from apps.algorithms.predictors.rows import Columns
from apps.algorithms.reference import ColumnReference, Doubles, Index, Reference, names_of, numbers_of
from apps.algorithms.schema import ColumnKind
from apps.algorithms.tables import read_column
from apps.core.errors import NotFound
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import table_file
from apps.monitoring.detectors.finding import TIMES, Finding
from apps.monitoring.engine.domain_classifier import DETECTOR, LEAST_ROWS, THRESHOLD, separation
from apps.monitoring.engine.sampling import RowSample
from apps.registry.models import ModelVersion

logger = logging.getLogger(__name__)
MOST_ROWS, MOST_COLUMNS = 4_000, 50  # of either side
_LEAST_COLUMNS = 2  # one alone is tested by itself
_MOST_GROUPS = 8  # row groups that are read, of 65,536 rows each


def columns_together(reference: Reference, importances: Mapping[str, float]) -> tuple[ColumnReference, ...]:
    """Return the columns that are looked at together, those that matter most; none where there are too few. Dates move on."""
    plain = [one for one in reference.columns if one.kind not in TIMES]
    plain.sort(key=lambda one: -importances.get(one.name, 0.0))
    return tuple(plain[:MOST_COLUMNS]) if len(plain) >= _LEAST_COLUMNS else ()


def matrix_of(columns: Sequence[ColumnReference], values: Columns, places: Index) -> Doubles:
    """Return some rows as numbers: a level by its rank in the reference, one that it does not list after them all."""
    return np.column_stack([_numbers(column, values[column.name], places) for column in columns])


def _numbers(column: ColumnReference, values: Any, places: Index) -> Doubles:
    some = values[places] if isinstance(values, np.ndarray) else [values[at] for at in places.tolist()]
    if not column.has_levels:
        return numbers_of(column.kind, some)
    last = len(column.places)
    known = ((np.nan if name is None else column.places.get(name, last)) for name in names_of(column.kind, some))
    return np.array(list(known), dtype=np.float64)


def looked_at_together(
    version: ModelVersion, columns: Sequence[ColumnReference], window: RowSample
) -> tuple[Finding | None, str]:
    """Tell the rows of a window from those of training; return what was found, or why nothing could be."""
    if not columns:
        return None, ""
    names = [column.name for column in columns]
    if len(window.rows) < LEAST_ROWS:
        lacks = f"Not enough data: {len(window.rows)} rows of this window; {LEAST_ROWS} are needed."
        return Finding(DETECTOR, "", None, None, None, THRESHOLD, lacks), ""
    data = DatasetVersion.objects.select_related("dataset").get(pk=version.dataset_version_id)  # as it is by now
    try:
        learned = _rows_of_training(data, columns)
        if learned is None:
            return None, (
                f"All columns at once were not looked at: the table of {data.dataset.name!r}, version {data.number}, no longer "
                "holds the columns that the version learned from."
            )
        with threadpool_limits(limits=1):
            return separation(learned, window.rows, names).finding, ""
    except (OSError, NotFound, pa.ArrowException):
        logger.warning("The table of data set version %s cannot be read for a drift check", data.pk)
        return None, (
            f"All columns at once were not looked at: the table of {data.dataset.name!r}, version {data.number}, which the "
            "version learned from, cannot be read any more."
        )
    except Exception as error:  # what else the check found is worth having without this
        logger.exception("All columns at once could not be looked at in a drift check of version %s", version.pk)
        return None, (
            f"All columns at once were not looked at: that stopped with {type(error).__name__}; "
            "the worker's log has the details."
        )


def _rows_of_training(data: DatasetVersion, columns: Sequence[ColumnReference]) -> Doubles | None:
    """Return a sample of a data set's rows; None where it does not hold these columns, or holds another kind of value."""
    kinds = {one["name"]: one["dtype"] for one in data.columns}
    if any(not _is_alike(kinds.get(column.name), column.kind) for column in columns):
        return None
    names = [column.name for column in columns]
    sample = RowSample(MOST_ROWS)
    with table_file(data).open("rb") as opened:  # it can be read to its end, though an erasure replace it
        file = pq.ParquetFile(opened)
        count = file.num_row_groups
        some = range(count) if count <= _MOST_GROUPS else [at * count // _MOST_GROUPS for at in range(_MOST_GROUPS)]
        for group in some:
            part = file.read_row_group(group, columns=names, use_threads=False)
            sample.offer(part.num_rows, partial(_taken, part, columns))
    return sample.rows


def _is_alike(kind: str | None, learned: ColumnKind) -> bool:
    """Say whether values are of the kind that was learned from; a category may be told from free text by its values alone."""
    return kind == learned or {kind, learned} == {ColumnKind.CATEGORY, ColumnKind.TEXT}


def _taken(part: Any, columns: Sequence[ColumnReference], places: Index) -> Doubles:
    some = part.take(pa.array(places))
    values = {column.name: read_column(some.column(column.name), column.kind) for column in columns}
    return matrix_of(columns, values, np.arange(len(places)))
