"""What was predicted, by which version, and batch jobs over whole datasets."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from apps.core.fields import FastJSONField
from apps.core.models import LeasedRow
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
        indexes = [models.Index(fields=["model", "-at"], name="prediction_by_model")]

    def __str__(self) -> str:
        return f"{self.model} {self.at:%Y-%m-%d %H:%M:%S} ({self.row_count})"


class BatchPrediction(LeasedRow):
    """Predictions for every row of a dataset version, made by a worker."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="batch_predictions")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="batch_predictions")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="batch_predictions")
    rows = models.BigIntegerField(null=True)
    result_path = models.CharField(max_length=400, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"{self.model} on {self.dataset_version}"
