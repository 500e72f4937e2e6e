"""What people should know of at once, where it is sent, and the outbox between the two."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.workspaces.models import ScopedQuerySet, Workspace


class Kind(models.TextChoices):
    """What an alert is about."""

    TRAINING_FAILED = "training_failed", _("A training failed")
    TRAINING_COMPLETED = "training_completed", _("A training is completed")
    DRIFT = "drift", _("Data drift")
    PERFORMANCE = "performance", _("Performance fell")
    GATE_PROMOTED = "gate_promoted", _("A challenger passed or won")
    GATE_REFUSED = "gate_refused", _("A challenger was refused or lost")
    ROLLED_BACK = "rolled_back", _("A model was rolled back")
    DISK = "disk", _("The disk is nearly full")
    WORKER_DEAD = "worker_dead", _("A worker or the scheduler is dead")


class Severity(models.TextChoices):
    """How much it matters, the least first."""

    INFO = "info", _("For information")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


SEVERITY_OF: dict[str, Severity] = {
    Kind.TRAINING_FAILED: Severity.WARNING,
    Kind.TRAINING_COMPLETED: Severity.INFO,
    Kind.DRIFT: Severity.WARNING,
    Kind.PERFORMANCE: Severity.WARNING,
    Kind.GATE_PROMOTED: Severity.INFO,
    Kind.GATE_REFUSED: Severity.WARNING,
    Kind.ROLLED_BACK: Severity.CRITICAL,
    Kind.DISK: Severity.CRITICAL,
    Kind.WORKER_DEAD: Severity.CRITICAL,
}


class Alert(models.Model):
    """Something to be looked at. While nobody has acknowledged it, the same `key` again raises `count`.

    open ──> acknowledged; `ended_at` says since when what it tells of is over. The subject is named, not referred to:
    models stand above this app, and an alert outlives them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    key = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    sentence = models.TextField(blank=True)
    details = models.JSONField(default=dict)
    model_id = models.UUIDField(null=True)
    model_name = models.CharField(max_length=200, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    notified_at = models.DateTimeField(help_text="When messages of it were last written.")
    ended_at = models.DateTimeField(null=True, help_text="Since when it is over; empty where it is not, or cannot be.")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "key"], condition=Q(acknowledged_at=None), name="one_open_alert_a_key"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="alert_kind_known"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="alert_severity_known"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-last_at"], name="alert_by_workspace"),
            models.Index(fields=["workspace", "key", "-last_at"], name="alert_by_key"),
        ]

    def __str__(self) -> str:
        return self.title


class Channel(models.Model):
    """Where alerts of a workspace are sent, which ones, and when not. Address and secret are never shown again."""

    class Kind(models.TextChoices):
        """How it is sent."""

        EMAIL = "email", _("E-mail")
        SLACK = "slack", _("Slack")
        TEAMS = "teams", _("Teams")
        WEBHOOK = "webhook", _("Webhook")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=80)
    address = models.TextField(help_text="An e-mail address, or the address that is posted to.")
    secret = models.CharField(max_length=120, blank=True, help_text="What webhooks are signed with.")
    kinds = models.JSONField(default=list, help_text="The kinds of alert that it takes; none for all.")
    least_severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=60, help_text="Of the quiet time, and of the day that the budget is for.")
    budget = models.PositiveIntegerField(default=50, help_text="Messages a day.")
    enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_time_has_both_ends",
            ),
            models.CheckConstraint(condition=Q(budget__gte=1), name="channel_budget_at_least_one"),
            models.CheckConstraint(condition=Q(least_severity__in=Severity.values), name="channel_severity_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def takes(self, kind: str, severity: str) -> bool:
        """Say whether alerts of this kind and severity are sent there."""
        ranks = list(Severity.values)
        wanted: Any = self.kinds
        return (not wanted or kind in wanted) and ranks.index(severity) >= ranks.index(self.least_severity)


class Delivery(models.Model):
    """One message to one channel: the row is the job, and its id is the message's, however often it is tried.

    pending ──claim──> sending ──> sent | failed
       │  <──tried in vain──┘  (also when the process that sent it died)
       └──> suppressed
    """

    class Status(models.TextChoices):
        """Where a message stands."""

        PENDING = "pending", _("Waiting")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        SUPPRESSED = "suppressed", _("Held back")

    class Purpose(models.TextChoices):
        """Why it is sent."""

        ALERT = "alert", _("Alert")
        TEST = "test", _("Test")
        SUMMARY = "summary", _("Summary")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="deliveries")
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.ALERT)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    message = models.JSONField(null=True, help_text="What is said, as it stood at the first try.")
    attempt = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(help_text="Not to be tried before.")
    day = models.DateField(null=True, help_text="The channel's day whose budget it was taken from.")
    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    workspace_path: ClassVar[str] = "channel__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "day"], condition=Q(purpose="summary"), name="one_summary_a_channel_and_day"
            ),
            models.CheckConstraint(
                condition=~Q(purpose="alert") | Q(alert__isnull=False), name="delivery_of_an_alert_has_it"
            ),
        ]
        indexes = [
            models.Index(fields=["status", "next_at"], name="delivery_by_turn"),
            models.Index(fields=["channel", "-created_at"], name="delivery_by_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"


class MachineWatch(models.Model):
    """When somebody last looked whether disk, workers and beat are well, and what was not; one row."""

    only = models.BooleanField(primary_key=True, default=True)
    looked_at = models.DateTimeField()
    suspects = models.JSONField(default=dict)  # what was not well at the last look, and since when

    def __str__(self) -> str:
        return f"{self.looked_at:%Y-%m-%d %H:%M:%S}"
