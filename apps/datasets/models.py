"""Datasets and their immutable versions."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.workspaces.models import ScopedQuerySet, Workspace


class Kind(models.TextChoices):
    """What a dataset holds."""

    TABULAR = "tabular", _("Table")
    SERIES = "series", _("Series")


class Dataset(models.Model):
    """A named data set of one workspace; what it holds is in its versions."""

    shown_versions: "list[DatasetVersion]"  # set by `selectors.datasets_of`

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=Kind.choices, blank=True, help_text="Empty until the file tells.")
    subject_column = models.CharField(
        max_length=300, blank=True, help_text="Whose data a row is: nothing is learned from it, and it is erased by it."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["workspace", "-created_at"], name="dataset_by_workspace")]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """One upload, immutable once `ready`, but for the rows that are erased of it (`Erasure`).

    checking ──> ready ──> refused (only when every row was erased)
        └──────> refused (with `problems`; nothing of it can be trained on)

    A check that dies is tried again, `lifecycle.MOST_ATTEMPTS` times; one that is held up by the platform (a full disk, a
    database that is away) waits, says why in `held_up_by`, and has lost no attempt.
    """

    class Status(models.TextChoices):
        """Where the check of an upload stands."""

        CHECKING = "checking", _("Checking")
        READY = "ready", _("Ready")
        REFUSED = "refused", _("Refused")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CHECKING)
    asked_kind = models.CharField(
        max_length=12, choices=Kind.choices, blank=True, help_text="What its sender says it holds; empty: as its data set."
    )
    original_name = models.CharField(max_length=255)
    upload_path = models.CharField(max_length=400, help_text="The file as sent, relative to DATASETS_DIR.")
    upload_bytes = models.BigIntegerField()
    upload_sha256 = models.CharField(max_length=64)
    table_path = models.CharField(
        max_length=400, blank=True, help_text="The canonical Parquet copy, relative to DATASETS_DIR."
    )
    table_sha256 = models.CharField(max_length=64, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, db_index=True)
    rows = models.BigIntegerField(null=True)
    # [{"name", "dtype": ColumnKind, "missing", "distinct", "min", "max", "mean", "quantiles", "top", "histogram"}]
    columns = models.JSONField(default=list)
    preview = models.JSONField(default=list, help_text="The first rows, as JSON.")
    problems = models.JSONField(default=list)  # [{"row", "column", "code", "detail"}]
    warnings = models.JSONField(default=list)  # [{"column", "code", "detail"}]
    reading = models.JSONField(default=dict, help_text="Encoding, separator, decimal mark found.")
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    token = models.UUIDField(null=True, blank=True)
    send_again_at = models.DateTimeField(null=True, blank=True, help_text="When its message is sent again if none took it.")
    held_up_by = models.CharField(max_length=300, blank=True, help_text="Why a check that waits could not be done yet.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True, blank=True)

    workspace_path: ClassVar[str] = "dataset__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["dataset_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="one_dataset_version_a_number"),
            models.CheckConstraint(
                condition=~Q(status="ready") | (Q(rows__isnull=False) & ~Q(content_hash="") & ~Q(table_path="")),
                name="ready_version_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"


class Erasure(models.Model):
    """Rows of one subject that were taken out of a version: its file was written anew, and the old bytes destroyed.

    What learned from `content_before`, or from what the version held before that, learned from these rows too.
    """

    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="erasures")
    request_id = models.UUIDField(help_text="What asked for it (`privacy.SubjectRequest`).")
    rows = models.BigIntegerField()
    content_before = models.CharField(max_length=64, blank=True)
    content_after = models.CharField(max_length=64, blank=True, help_text="Empty where no row was left.")
    upload_before = models.CharField(max_length=64)
    table_before = models.CharField(max_length=64, blank=True)
    table_after = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    workspace_path: ClassVar[str] = "dataset_version__dataset__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["dataset_version", "request_id"], name="one_erasure_a_request")]

    def __str__(self) -> str:
        return f"{self.dataset_version}: {self.rows}"
