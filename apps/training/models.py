"""Training campaigns and the event log that everything live is read from."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import DatasetVersion
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.models import ScopedQuerySet


class TrainingCampaign(models.Model):
    """One training: the row is the job, a broker message only a hint that it waits.

    pending ──claim──> training ──> completed
       │  <──lease lost───┘  ├────> failed
       └──────> cancelled <──┘

    A claim is a compare-and-set that writes a fresh `token`; every later write of that run names the token, so a run
    that lost its lease can change nothing. Returning to `pending` raises `attempt`.
    """

    class Status(models.TextChoices):
        """Where a campaign stands."""

        PENDING = "pending", _("Pending")
        TRAINING = "training", _("Training")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="campaigns")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=200, blank=True)
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    progress = models.FloatField(default=0.0)
    stage = models.CharField(max_length=80, blank=True)
    metrics = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    improvement = models.FloatField(null=True, help_text="Main metric against the champion of that moment.")
    version = models.OneToOneField(ModelVersion, on_delete=models.SET_NULL, null=True, related_name="campaign")
    attempt = models.PositiveIntegerField(default=1)
    deaths = models.PositiveSmallIntegerField(default=0, help_text="Runs that died; a stop by the platform does not count.")
    cancel_requested = models.BooleanField(default=False)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    owner = models.JSONField(default=dict, help_text="Machine and process of the run that holds the lease.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When its message was last given to the broker.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["status", "created_at"], name="campaign_by_status"),
            models.Index(fields=["model", "-created_at"], name="campaign_by_model"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "training", "completed", "failed", "cancelled"]),
                name="campaign_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(finished_at__isnull=False), name="completed_campaign_has_an_end"
            ),
            models.CheckConstraint(condition=Q(progress__gte=0) & Q(progress__lte=1), name="campaign_progress_is_a_share"),
        ]

    def __str__(self) -> str:
        return self.name or f"campaign {self.id}"


class TrainingEvent(models.Model):
    """One step of a campaign; `seq` counts from 1 without gaps within a campaign. WebSocket, SSE and polling read these."""

    campaign = models.ForeignKey(TrainingCampaign, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    attempt = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=20)  # status, stage, progress, metric, warning
    status = models.CharField(max_length=10)
    stage = models.CharField(max_length=80, blank=True)
    progress = models.FloatField(default=0.0)
    step = models.PositiveIntegerField(null=True)
    metrics = models.JSONField(default=dict)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["campaign_id", "seq"]
        constraints = [models.UniqueConstraint(fields=["campaign", "seq"], name="one_event_a_seq")]

    def __str__(self) -> str:
        return f"{self.campaign_id} #{self.seq} {self.kind}"
