"""When models are retrained by themselves, and what was decided."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.models import ScopedQuerySet


class RetrainingPolicy(models.Model):
    """One model's policy; a model without one is never retrained by itself."""

    model = models.OneToOneField(RegisteredModel, on_delete=models.CASCADE, related_name="retraining_policy")
    policy = models.JSONField(default=dict)  # retraining.triggers.Policy.as_json
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "retraining policies"

    def __str__(self) -> str:
        return f"{self.model}"


class RetrainingDecision(models.Model):
    """One decision with all its reasons, and the training that it began if it did. A dry run leaves none."""

    class Origin(models.TextChoices):
        """What asked for it."""

        SCHEDULE = "schedule", _("Schedule")
        PERSON = "person", _("Person")
        COMMAND = "command", _("Command")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="retraining_decisions")
    at = models.DateTimeField()
    origin = models.CharField(max_length=10, choices=Origin.choices)
    retrain = models.BooleanField()
    decision = models.JSONField()  # retraining.triggers.Decision.as_json
    error = models.TextField(blank=True, help_text="Why the training that was decided on could not begin.")
    campaign = models.ForeignKey(TrainingCampaign, on_delete=models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "id"]
        indexes = [models.Index(fields=["model", "-at"], name="decision_by_model")]

    def __str__(self) -> str:
        return f"{self.model} {self.at:%Y-%m-%d %H:%M}"
