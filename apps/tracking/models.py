"""What an MLflow server was told: which models, under which names, and which of their campaigns."""

from typing import ClassVar

from django.db import models

from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.models import ScopedQuerySet


class TrackedModel(models.Model):
    """A registered model on one server. Its row is held while something of it is sent, so that its versions go in order.

    free ──claim──> held ──> free, at once or not before `next_at`; a lease that expired counts as free.
    """

    server = models.CharField(max_length=300, help_text="The server's address; another server is told all of it anew.")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="tracked")
    name = models.CharField(max_length=250, blank=True, help_text="What it is called there, as it was named first.")
    aliases = models.JSONField(default=dict, help_text="The number there of the version that each alias was set to.")
    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    next_at = models.DateTimeField(null=True, help_text="Not to be tried before.")
    error = models.TextField(blank=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["server", "id"]
        constraints = [models.UniqueConstraint(fields=["server", "model"], name="one_tracked_model_a_server")]

    def __str__(self) -> str:
        return self.name or str(self.model_id)


class TrackedRun(models.Model):
    """A campaign on one server: sent once it is there as a whole, with its version if it made one."""

    server = models.CharField(max_length=300)
    campaign = models.ForeignKey(TrainingCampaign, on_delete=models.CASCADE, related_name="tracked")
    run_id = models.CharField(max_length=64, blank=True)
    version = models.CharField(max_length=20, blank=True, help_text="The number that the server gave to its version.")
    sent_at = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    next_at = models.DateTimeField(null=True, help_text="Not to be tried before.")
    error = models.TextField(blank=True)

    workspace_path: ClassVar[str] = "campaign__model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["server", "id"]
        constraints = [models.UniqueConstraint(fields=["server", "campaign"], name="one_tracked_run_a_server")]

    def __str__(self) -> str:
        return self.run_id or str(self.campaign_id)
