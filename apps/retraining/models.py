"""When models are retrained by themselves, and what was decided."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import LeasedRow
from apps.registry.models import ModelVersion, RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.models import ScopedQuerySet


class RetrainingPolicy(models.Model):
    """One model's policy; a model without one is never retrained by itself."""

    model = models.OneToOneField(RegisteredModel, on_delete=models.CASCADE, related_name="retraining_policy")
    policy = models.JSONField(default=dict)  # retraining.triggers.Policy.as_json
    margins = models.JSONField(default=dict)  # retraining.gate.challenger.Margins.as_json
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


class GateReport(LeasedRow):
    """One judgement of a challenger beside the champion of that moment, on rows that neither has learned from."""

    class Outcome(models.TextChoices):
        """What became of the challenger."""

        PROMOTED = "promoted", _("Promoted")
        WAITING = "waiting", _("Passed, waits for approval")
        ADVISED = "advised", _("Passed, to be promoted by hand")
        KEPT = "kept", _("Refused: the champion stays")
        ROLLED_BACK = "rolled_back", _("Promoted, and rolled back")
        OVERTAKEN = "overtaken", _("Overtaken by another promotion")
        DECLINED = "declined", _("Passed, and declined")

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="gate_reports")
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    challenger = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    decision = models.OneToOneField(RetrainingDecision, on_delete=models.SET_NULL, null=True, related_name="gate_report")
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    verdict = models.JSONField(default=dict)  # retraining.gate.challenger.Verdict.as_json
    holdout = models.JSONField(default=dict)  # {"rows", "sha256", "left_out"} of the rows that both answered to
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    declined_because = models.TextField(blank=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model"], condition=Q(status__in=["pending", "running"]), name="one_open_judgement_a_model"
            )
        ]
        indexes = [models.Index(fields=["model", "-created_at"], name="judgement_by_model")]

    def __str__(self) -> str:
        return f"{self.model} v{self.challenger.number} beside v{self.champion.number}"
