"""Rows of one subject taken out of a version: counted, or its file written anew without them and the old bytes destroyed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.algorithms.schema import ColumnKind
from apps.core import clock
from apps.core.artifacts import publish_file, safe_join, sha256_of, storage_guard
from apps.core.instance import hold
from apps.datasets.engine.changes import changes
from apps.datasets.engine.profile import profile_table
from apps.datasets.engine.recognition import series_in
from apps.datasets.engine.tables import ROW_GROUP, Copied, copy_rows
from apps.datasets.lifecycle import hold_file
from apps.datasets.models import DatasetVersion, Erasure
from apps.datasets.selectors import table_file

Matches = Callable[[Any], bool]
Hold = Callable[[], None]
_KEPT_OF_READING = ("format", "encoding", "separator", "decimal")


def rows_of(path: Path, column: str, matches: Matches, hold: Hold) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file whose subject matches, portion by portion; none where it has no such column."""
    file = pq.ParquetFile(path)
    if column not in file.schema_arrow.names:
        return
    for batch in file.iter_batches(batch_size=ROW_GROUP):
        hold()
        yield batch.filter(of_subject(batch.column(column), matches))


def count_rows(path: Path, column: str, matches: Matches, hold: Hold) -> int:
    """Count the rows of a Parquet file whose subject matches, reading that column alone."""
    file = pq.ParquetFile(path)
    if column not in file.schema_arrow.names:
        return 0
    found = 0
    for batch in file.iter_batches(batch_size=ROW_GROUP, columns=[column]):
        hold()
        found += int(pc.sum(of_subject(batch.column(0), matches)).as_py() or 0)
    return found


def of_subject(values: pa.Array, matches: Matches) -> pa.Array:
    """Return which values are of a subject; each value is looked at once."""
    wanted = [value for value in pc.unique(values).to_pylist() if matches(value)]
    return pc.is_in(values, value_set=pa.array(wanted, type=values.type))


def erase_rows(
    version: DatasetVersion, *, request_id: UUID, matches: Matches, hold: Hold, destroy: Callable[[list[str]], None]
) -> int:
    """Write a ready version anew without the rows of a subject; return how many there were.

    Row, profile, preview and both files change in one transaction, in which `destroy` is told the old paths. Killed before
    it, nothing has changed; killed after it, the old paths are known and destroyed by the next run.
    """
    column, root = version.dataset.subject_column, Path(settings.DATASETS_DIR)
    if not count_rows(table_file(version), column, matches, hold):
        return 0
    beside = root / "incoming" / f"{os.urandom(12).hex()}.parquet"
    with storage_guard():
        beside.parent.mkdir(parents=True, exist_ok=True)
    try:
        with storage_guard():
            kinds = {one["name"]: _plain_kind(one["dtype"]) for one in version.columns}
            copied = copy_rows(table_file(version), beside, kinds, lambda batch: _others(batch, column, matches, hold))
        return _replaced(version, copied, beside, request_id, destroy)
    finally:
        beside.unlink(missing_ok=True)


def _others(batch: pa.RecordBatch, column: str, matches: Matches, hold: Hold) -> pa.Array:
    hold()
    return pc.invert(of_subject(batch.column(column), matches))


def _plain_kind(dtype: str) -> ColumnKind:
    """Return the kind before its values were counted: a text is one whose values differ."""
    kind = ColumnKind(dtype)
    return ColumnKind.CATEGORY if kind == ColumnKind.TEXT else kind


def _replaced(
    version: DatasetVersion, copied: Copied, beside: Path, request_id: UUID, destroy: Callable[[list[str]], None]
) -> int:
    erased = (version.rows or 0) - copied.rows
    facts = _facts(version, copied, beside, erased) if copied.rows else _nothing_left(erased)
    with transaction.atomic():
        if copied.rows:
            hold_file(facts["table_path"])
        same = DatasetVersion.objects.select_for_update().filter(pk=version.pk, table_sha256=version.table_sha256)
        if not same.update(**facts):
            return 0
        Erasure.objects.create(
            dataset_version=version,
            request_id=request_id,
            rows=erased,
            content_before=version.content_hash,
            content_after=facts["content_hash"],
            upload_before=version.upload_sha256,
            table_before=version.table_sha256,
            table_after=facts["table_sha256"],
            at=clock.now(),
        )
        destroy([version.table_path, version.upload_path])
    return erased


def _facts(version: DatasetVersion, copied: Copied, beside: Path, erased: int) -> dict[str, Any]:
    """Put the new table in its place, and return what its row says; it stands for the upload too, whose bytes held those rows."""
    profile = profile_table(beside, copied)
    series = series_in(beside, profile.columns, copied.rows, kind=version.dataset.kind or "").series
    root, digest, size = Path(settings.DATASETS_DIR), sha256_of(beside), beside.stat().st_size
    place = root / "tables" / digest[:2] / f"{digest}.parquet"
    publish_file(beside, place)
    path = place.relative_to(root).as_posix()
    reading = {name: version.reading[name] for name in _KEPT_OF_READING if name in version.reading}
    return {
        "table_path": path,
        "table_sha256": digest,
        "upload_path": path,
        "upload_sha256": digest,
        "upload_bytes": size,
        "original_name": f"{Path(version.original_name).stem}.parquet",
        "content_hash": copied.content_hash,
        "rows": copied.rows,
        "columns": profile.columns,
        "preview": profile.preview,
        "warnings": [_erased(erased), *changes(version, profile.columns), *profile.warnings],
        "reading": {**reading, "notes": [], **({"series": series} if series else {})},
    }


def _erased(rows: int) -> dict[str, Any]:
    text = f"{rows} rows were erased on {clock.now():%Y-%m-%d} at the request of their subject; the file was written anew."
    return {"column": None, "code": "erased", "detail": text}


def _nothing_left(rows: int) -> dict[str, Any]:
    text = f"All {rows} rows were erased on {clock.now():%Y-%m-%d} at the request of their subject."
    problem = {"row": None, "column": None, "code": "erased", "detail": text}
    files = {"table_path": "", "table_sha256": "", "upload_path": "", "upload_sha256": "", "upload_bytes": 0}
    return {
        **files, "status": DatasetVersion.Status.REFUSED, "content_hash": "", "rows": 0, "columns": [], "preview": [],
        "warnings": [], "reading": {}, "problems": [problem],
    }  # fmt: skip


def destroy_file(relative: str) -> bool:
    """Destroy a file that no version names; False for one that another version still holds."""
    with transaction.atomic():
        hold()
        if DatasetVersion.objects.filter(Q(upload_path=relative) | Q(table_path=relative)).exists():
            return False
        safe_join(Path(settings.DATASETS_DIR), relative).unlink(missing_ok=True)
    return True


def destroy_unread(version: DatasetVersion, *, destroy: Callable[[list[str]], None]) -> bool:
    """Destroy a refused upload of a data set whose rows have subjects: nobody can tell whose rows are in it."""
    if not version.upload_path:
        return False
    text = "The upload was refused, so nobody could tell whose rows it held: its file was destroyed with an erasure."
    problem = {"row": None, "column": None, "code": "erased", "detail": text}
    facts: dict[str, Any] = {"upload_path": "", "upload_sha256": "", "problems": [problem], "reading": {}}
    with transaction.atomic():
        refused = DatasetVersion.objects.filter(pk=version.pk, status=DatasetVersion.Status.REFUSED)
        if refused.exclude(upload_path="").update(**facts):
            destroy([version.upload_path])
            return True
    return False
