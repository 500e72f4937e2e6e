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
    algorithm = models.CharField(max_length=60, blank=True, help_text="What it trains; empty while a search has not chosen.")
    parameters = models.JSONField(default=dict)
    search = models.JSONField(null=True, help_text="What a search for better settings may use; none for a plain training.")
    search_spent = models.FloatField(default=0.0, help_text="Seconds that its runs have used so far.")
    seed = models.BigIntegerField(default=0)
    feedback_until = models.DateTimeField(null=True, help_text="Rows that people had labelled by then are learned from too.")
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


class Trial(models.Model):
    """One combination of settings that a campaign's search tries, scored by cross-validation.

    waiting ──> running ──> completed
       │           ├──────> pruned      (poor from its first folds on)
       │           ├──────> failed
       └─────> cancelled <──┘
    """

    class Status(models.TextChoices):
        """Where a trial stands."""

        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        PRUNED = "pruned", _("Stopped early")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(TrainingCampaign, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField(help_text="From 1, in the order in which they were chosen.")
    run = models.UUIDField(help_text="Token of the run that asked for it: it is of no use to any other.")
    until = models.DateTimeField(help_text="When the search no longer waits for it.")
    algorithm = models.CharField(max_length=60)
    parameters = models.JSONField(default=dict)
    searched = models.JSONField(default=dict, help_text="The settings among them that the search chose.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    metric = models.CharField(max_length=60, blank=True)
    greater_is_better = models.BooleanField(default=True)
    scores = models.JSONField(default=list, help_text="One a fold, in their order.")
    score = models.FloatField(null=True, help_text="Their mean, once all folds are done.")
    fit_seconds = models.FloatField(null=True, help_text="Of a fold, on average.")
    fit_rows = models.PositiveIntegerField(null=True, help_text="That a fold learns from.")
    error = models.TextField(blank=True)
    owner = models.JSONField(default=dict, help_text="Machine and process that run it.")
    lease_until = models.DateTimeField(
        null=True, help_text="A process that runs it renews this; past it, the process is dead."
    )
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    workspace_path: ClassVar[str] = "campaign__model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["campaign_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="one_trial_a_number"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "running", "completed", "pruned", "failed", "cancelled"]),
                name="trial_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(score__isnull=False), name="completed_trial_has_a_score"
            ),
        ]

    def __str__(self) -> str:
        return f"trial {self.number} of {self.campaign_id}"


class TrainingEvent(models.Model):
    """One step of a campaign; `seq` counts from 1 without gaps within a campaign. WebSocket, SSE and polling read these."""

    campaign = models.ForeignKey(TrainingCampaign, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    attempt = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=20)  # status, progress, metric
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
