"""What was predicted, by which version, and batch jobs over whole datasets."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import FastJSONField
from apps.datasets.models import DatasetVersion
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.models import ScopedQuerySet


class PredictionLog(models.Model):
    """One predict request: its rows and answers, in order.

    The id of row `i` is `<id as 32 hex digits>-<i>`: it is known before the log is written, and found without an
    index of its own.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="prediction_logs")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="prediction_logs")
    at = models.DateTimeField(db_index=True)
    logged_at = models.DateTimeField(auto_now_add=True, help_text="When it was written, which may be long after.")
    row_count = models.PositiveIntegerField()
    rows = FastJSONField()
    predictions = FastJSONField()
    details = FastJSONField(default=list)
    milliseconds = models.FloatField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "id"]
        indexes = [
            models.Index(fields=["model", "-at"], name="prediction_by_model"),
            models.Index(fields=["model", "logged_at", "id"], name="prediction_as_logged"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.at:%Y-%m-%d %H:%M:%S} ({self.row_count})"


class BatchPrediction(models.Model):
    """Predictions for every row of a dataset version, made by a worker.

    pending ──> running ──> completed | failed   (a run whose lease expires goes back to pending)
    """

    class Status(models.TextChoices):
        """Where a batch stands."""

        PENDING = "pending", _("Pending")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="batch_predictions")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="batch_predictions")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="batch_predictions")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    rows = models.BigIntegerField(null=True)
    result_path = models.CharField(max_length=400, blank=True)
    error = models.TextField(blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"{self.model} on {self.dataset_version}"
