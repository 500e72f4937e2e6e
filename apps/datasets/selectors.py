"""Reads of datasets and their versions."""

from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from apps.core.artifacts import safe_join
from apps.datasets.models import Dataset, DatasetVersion


def datasets_of(workspace_ids: Iterable[UUID]) -> QuerySet[Dataset]:
    """Return the live datasets of these workspaces, newest first, each with its versions newest first."""
    newest_first = Prefetch("versions", DatasetVersion.objects.order_by("-number"))
    live = Dataset.objects.in_workspaces(list(workspace_ids)).filter(archived_at__isnull=True)
    return live.select_related("workspace").prefetch_related(newest_first)


def latest_version(dataset: Dataset) -> DatasetVersion | None:
    """Return the newest version, whatever its status (prefetched versions are used when there)."""
    versions = sorted(dataset.versions.all(), key=lambda version: -version.number)
    return versions[0] if versions else None


def latest_ready_version(dataset: Dataset) -> DatasetVersion | None:
    """Return the newest version that can be trained on."""
    ready = [version for version in dataset.versions.all() if version.status == DatasetVersion.Status.READY]
    return max(ready, key=lambda version: version.number, default=None)


def table_file(version: DatasetVersion) -> Path:
    """Return the path of the canonical Parquet copy."""
    return safe_join(Path(settings.DATASETS_DIR), version.table_path)


def upload_file(version: DatasetVersion) -> Path:
    """Return the path of the file as it was sent."""
    return safe_join(Path(settings.DATASETS_DIR), version.upload_path)
