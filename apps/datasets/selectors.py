"""Reads of datasets and their versions."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.sql.compiler import SQLCompiler

from apps.core.artifacts import safe_join
from apps.core.errors import NotFound
from apps.datasets.models import Dataset, DatasetVersion


class _Length(Func):
    """The number of entries of a JSON list."""

    function = "jsonb_array_length"
    output_field = IntegerField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **more: Any) -> Any:
        """Write it as SQLite names it."""
        return self.as_sql(compiler, connection, function="json_array_length", **more)


_POLL_SECONDS = 0.05
_BULKY = ("columns", "preview", "problems", "warnings", "reading")


def datasets_of(workspace_ids: Iterable[UUID], *, whole: bool = False, archived: bool = False) -> QuerySet[Dataset]:
    """Return the live (or the archived) datasets of these workspaces, newest first, each with its newest and newest ready version.

    What a version says of its columns and rows is read at the first look only, unless it is asked for (`whole`).
    """
    same = DatasetVersion.objects.filter(dataset=OuterRef("dataset")).order_by("-number").values("pk")
    newest, newest_ready = Subquery(same[:1]), Subquery(same.filter(status=DatasetVersion.Status.READY)[:1])
    shown = DatasetVersion.objects.filter(Q(pk=newest) | Q(pk=newest_ready)).order_by("-number")
    if not whole:
        shown = shown.defer(*_BULKY).annotate(column_count=_Length("columns"))
    found = Dataset.objects.in_workspaces(list(workspace_ids)).filter(archived_at__isnull=not archived)
    return found.select_related("workspace").prefetch_related(Prefetch("versions", shown, to_attr="shown_versions"))


def versions_of(dataset: Dataset) -> QuerySet[DatasetVersion]:
    """Return the versions of a dataset, newest first, without what they hold."""
    own: QuerySet[DatasetVersion] = DatasetVersion.objects.filter(dataset=dataset).defer(*_BULKY)
    return own.annotate(column_count=_Length("columns")).select_related("created_by").order_by("-number")


def latest_version(dataset: Dataset) -> DatasetVersion | None:
    """Return the newest version, whatever its status."""
    return max(_shown(dataset), key=lambda version: version.number, default=None)


def latest_ready_version(dataset: Dataset) -> DatasetVersion | None:
    """Return the newest version that can be trained on."""
    ready = [version for version in _shown(dataset) if version.status == DatasetVersion.Status.READY]
    return max(ready, key=lambda version: version.number, default=None)


def _shown(dataset: Dataset) -> list[DatasetVersion]:
    """Return the versions that `datasets_of` read; of a dataset from elsewhere, those it would have."""
    if not hasattr(dataset, "shown_versions"):
        dataset.shown_versions = datasets_of([dataset.workspace_id]).get(pk=dataset.pk).shown_versions
    return list(dataset.shown_versions)


def table_file(version: DatasetVersion) -> Path:
    """Return the path of the canonical Parquet copy."""
    return safe_join(Path(settings.DATASETS_DIR), version.table_path)


def upload_file(version: DatasetVersion) -> Path:
    """Return the path of the file as it was sent."""
    return safe_join(Path(settings.DATASETS_DIR), version.upload_path)


def wait_for_check(version: DatasetVersion) -> DatasetVersion:
    """Return the version once it is checked, or as it stands after `UPLOAD_WAIT_SECONDS`.

    Raises
    ------
    NotFound : somebody removed it meanwhile.

    """
    deadline = time.monotonic() + settings.UPLOAD_WAIT_SECONDS
    while True:
        found: DatasetVersion | None = DatasetVersion.objects.filter(pk=version.pk).first()
        if found is None:
            raise NotFound("The upload was removed while it was checked.")
        if found.status != DatasetVersion.Status.CHECKING or time.monotonic() > deadline:
            return found
        time.sleep(_POLL_SECONDS)
