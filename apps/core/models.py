"""What an installation knows of itself."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Instance(models.Model):
    """This installation: its stores of files are marked with its id (`apps.core.instance`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    only = models.BooleanField(default=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class ScheduleSlot(models.Model):
    """The newest moment for which a scheduled task was sent (`mlplatform.beat`)."""

    name = models.CharField(max_length=200, primary_key=True)
    slot = models.CharField(max_length=40)
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the task and its slot."""
        return f"{self.name} {self.slot}"


class LeasedRow(models.Model):
    """A row that stands for work (`apps.core.leases`).

    pending ──> running ──> completed | failed   (a run whose lease expires goes back to pending)
    """

    class Status(models.TextChoices):
        """Where the work stands."""

        PENDING = "pending", _("Pending")
        RUNNING = "running", _("Running")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    error = models.TextField(blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
