"""What was found among the answers, what people made of it, and how much of it was a false alarm."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import FastJSONField
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.models import ScopedQuerySet, Workspace


class DetectionRule(models.Model):
    """Which answers of one model are alerts; a model of anomalies without one alerts on what it calls unusual."""

    model = models.OneToOneField(RegisteredModel, on_delete=models.CASCADE, related_name="detection_rule")
    is_on = models.BooleanField(default=True)
    labels = models.JSONField(default=list, blank=True, help_text="Of classes: the labels that are alerts.")
    least_score = models.FloatField(null=True, blank=True, help_text="Alerts of a lower score are none.")
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.model}"


class Collection(models.Model):
    """How far one model's prediction log was read, and its hours counted.

    All that was logged up to (`until`, `until_id`) was read, and nothing before `since` is; all that was logged or
    reviewed up to `counted_until` is in the statistics.
    """

    model = models.OneToOneField(RegisteredModel, on_delete=models.CASCADE, related_name="detection_collection")
    since = models.DateTimeField()
    until = models.DateTimeField()
    until_id = models.UUIDField(default=uuid.UUID(int=0))
    counted_until = models.DateTimeField(null=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.model} {self.until:%Y-%m-%d %H:%M:%S}"


class SuppressionRule(models.Model):
    """What is known to be harmless: new detections that meet all its conditions are recorded, and not shown."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="suppression_rules")
    conditions = models.JSONField(default=list)  # detectors.suppression.Condition.as_json
    least_score = models.FloatField(null=True)
    most_score = models.FloatField(null=True)
    reason = models.CharField(max_length=500)
    until = models.DateTimeField(null=True, help_text="Rows answered from then on are not suppressed.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.reason


class Detection(models.Model):
    """One answer that was an anomaly or an alert, once however often it is found.

    new ──> confirmed | false_positive | resolved; confirmed ──> resolved | false_positive; and back to new or confirmed:
    `lifecycle.LEGAL`. The prediction is named (`entry_id`, `place`), not referred to: it may leave the log before.
    """

    class Status(models.TextChoices):
        """What people made of it."""

        NEW = "new", _("New")
        CONFIRMED = "confirmed", _("Confirmed")
        FALSE_POSITIVE = "false_positive", _("False alarm")
        RESOLVED = "resolved", _("Resolved")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="detections")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="detections")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="detections")
    entry_id = models.UUIDField()
    place = models.PositiveIntegerField()
    occurred_at = models.DateTimeField(help_text="When the row was answered.")
    found_at = models.DateTimeField(auto_now_add=True)
    predicted = models.JSONField()
    score = models.FloatField()
    tail_probability = models.FloatField(null=True)
    row = FastJSONField()
    subject = models.CharField(
        max_length=64, default="", blank=True, help_text="Pseudonym of whom the request said it is for."
    )
    reason = models.JSONField(null=True)  # detectors.reasons.Reason.as_json; None until a worker has explained it
    status = models.CharField(max_length=14, choices=Status.choices, default=Status.NEW)
    note = models.CharField(max_length=1_000, blank=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    is_suppressed = models.BooleanField(default=False)
    suppressed_by = models.ForeignKey(SuppressionRule, on_delete=models.SET_NULL, null=True, related_name="detections")
    changed_at = models.DateTimeField(auto_now_add=True, help_text="When it was found or last reviewed.")

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-occurred_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["entry_id", "place"], name="one_detection_a_prediction"),
            models.CheckConstraint(
                condition=models.Q(status="new") | models.Q(reviewed_at__isnull=False), name="a_review_has_its_time"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-occurred_at", "id"], name="detection_by_workspace"),
            models.Index(fields=["model", "status", "-occurred_at"], name="detection_by_model"),
            models.Index(fields=["model", "changed_at"], name="detection_changed"),
            models.Index(fields=["subject"], condition=~models.Q(subject=""), name="detection_by_subject"),
            models.Index(fields=["-occurred_at"], condition=models.Q(reason__isnull=True), name="detection_unexplained"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.occurred_at:%Y-%m-%d %H:%M:%S}"

    @property
    def prediction_id(self) -> str:
        """The id of the prediction that it is about."""
        return f"{self.entry_id.hex}-{self.place}"


class DetectionReview(models.Model):
    """One change of a detection's status: who, when, from what to what."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    detection = models.ForeignKey(Detection, on_delete=models.CASCADE, related_name="reviews")
    at = models.DateTimeField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    before = models.CharField(max_length=14, choices=Detection.Status.choices)
    after = models.CharField(max_length=14, choices=Detection.Status.choices)
    note = models.CharField(max_length=1_000, blank=True)

    workspace_path: ClassVar[str] = "detection__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class DetectionStatistics(models.Model):
    """One version's answers and alerts of one hour (of UTC), and what became of them; written again when that changes.

    `rows`, `detections` and `suppressed` never shrink: what they counted may have left the log since.
    """

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="detection_statistics")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="detection_statistics")
    hour = models.DateTimeField()
    rows = models.PositiveBigIntegerField(default=0)
    detections = models.PositiveIntegerField(default=0, help_text="Without those that were suppressed.")
    suppressed = models.PositiveIntegerField(default=0)
    confirmed = models.PositiveIntegerField(default=0)
    false_positives = models.PositiveIntegerField(default=0)
    resolved = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField()

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["model_id", "-hour"]
        verbose_name_plural = "detection statistics"
        constraints = [models.UniqueConstraint(fields=["version", "hour"], name="one_count_a_version_and_hour")]
        indexes = [models.Index(fields=["model", "hour"], name="detections_by_hour")]

    def __str__(self) -> str:
        return f"{self.model} {self.hour:%Y-%m-%d %H:00}"
