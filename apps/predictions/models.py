"""What was predicted, by which version, and batch jobs over whole datasets."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

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
    logged_at = models.DateTimeField(auto_now_add=True, help_text="When it was written, which may be long after.")
    row_count = models.PositiveIntegerField()
    rows = FastJSONField()
    predictions = FastJSONField()
    details = FastJSONField(default=list)
    milliseconds = models.FloatField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    subject = models.CharField(
        max_length=64, default="", blank=True, help_text="Pseudonym of whom the request said it is for."
    )
    passed_on = models.CharField(
        max_length=200, blank=True, default="", help_text="Why the challenger, whose turn it was, did not answer it."
    )

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "id"]
        indexes = [
            models.Index(fields=["model", "-at"], name="prediction_by_model"),
            models.Index(fields=["model", "logged_at", "id"], name="prediction_as_logged"),
            models.Index(fields=["subject"], condition=~Q(subject=""), name="prediction_by_subject"),
        ]

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


class TrafficSplit(models.Model):
    """One comparison of a challenger with the champion on live requests, while `ended_at` is empty.

    A/B: the challenger answers a share of the requests. Shadow: it answers none; what was asked is answered again beside.
    It is of these two versions: it rests when another is live, and is ended by the task that weighs it.
    """

    class Mode(models.TextChoices):
        """How they are compared."""

        AB = "ab", _("A/B")
        SHADOW = "shadow", _("Shadow")

    class OnWin(models.TextChoices):
        """What becomes of a challenger that is surely better."""

        PROMOTE = "promote", _("It goes live")
        TELL = "tell", _("It is told of")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="traffic_splits")
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    challenger = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    mode = models.CharField(max_length=8, choices=Mode.choices)
    share = models.FloatField(default=0.1, help_text="Of the requests that the challenger answers; A/B only.")
    max_days = models.PositiveSmallIntegerField(default=14)
    on_win = models.CharField(max_length=8, choices=OnWin.choices, default=OnWin.TELL)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    standing = models.JSONField(default=dict)  # retraining.gate.traffic.Standing.as_json, when it was last weighed
    so_far = models.JSONField(default=dict)  # retraining.gate.so_far.SoFar.as_json, as it was last counted
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-began_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["model"], condition=Q(ended_at__isnull=True), name="one_open_split_a_model"),
            models.CheckConstraint(condition=Q(share__gt=0) & Q(share__lte=0.5), name="split_share_is_a_part"),
        ]

    def __str__(self) -> str:
        return f"{self.model} v{self.challenger.number} beside v{self.champion.number}"
