"""What was found when recent predictions were compared with what a version learned from."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import LeasedRow
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.models import ScopedQuerySet


class DriftReport(LeasedRow):
    """One check of the rows that a version answered between two times."""

    class State(models.TextChoices):
        """What a completed check found: the worst of its columns and answers."""

        UNKNOWN = "unknown", _("Not enough data")
        STEADY = "steady", _("Steady")
        DRIFTING = "drifting", _("Drifting")
        ALARM = "alarm", _("Alarm")

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="drift_reports")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="drift_reports")
    state = models.CharField(max_length=10, choices=State.choices, blank=True)
    since = models.DateTimeField(help_text="From when on the rows count; what was judged before ends there.")
    until = models.DateTimeField(help_text="Up to when the rows count.")
    rows = models.BigIntegerField(null=True)
    share = models.FloatField(null=True, help_text="Share of the model's importance that drifts, 0 to 1.")
    verdict = models.JSONField(default=dict)  # monitoring.detectors.verdict.Verdict.as_json
    histograms = models.JSONField(default=list)  # monitoring.detectors.histograms.histograms_of
    estimate = models.JSONField(default=dict)  # monitoring.engine.estimating.estimate_of; empty where there is none
    held_at = models.DateTimeField(null=True, help_text="When the estimate was last held against labels.")
    performance = models.JSONField(default=dict)  # monitoring.engine.performance.performance_of; empty without labels
    notes = models.JSONField(default=list, help_text="What could not be looked at, and why.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model"], condition=Q(status__in=["pending", "running"]), name="one_open_drift_check_a_model"
            )
        ]
        indexes = [models.Index(fields=["version", "-until"], name="drift_by_version")]

    def __str__(self) -> str:
        return f"{self.model} {self.until:%Y-%m-%d %H:%M}"
