"""What was asked for by, or for, the people whom data are about, and how long things are kept."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import LeasedRow
from apps.workspaces.models import ScopedQuerySet, Workspace


class SubjectRequest(LeasedRow):
    """One subject's rows counted, handed out or erased, in one workspace; only the subject's pseudonym is kept."""

    class Kind(models.TextChoices):
        """What was asked for."""

        COUNT = "count", _("Count")
        EXPORT = "export", _("Export")
        ERASE = "erase", _("Erase")

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="subject_requests")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    subject = models.CharField(max_length=40)
    pseudonyms = models.JSONField(help_text="Every pseudonym that the subject may have been written under.")
    counts = models.JSONField(default=dict, help_text="What was found, or erased, by place.")
    to_destroy = models.JSONField(default=list, help_text="Files that no row names any more, and that are still there.")
    certificate = models.TextField(blank=True, help_text="As it was signed.")
    signature = models.CharField(max_length=64, blank=True)
    file_path = models.CharField(max_length=120, blank=True, help_text="Of an export, relative to its private folder.")
    expires_at = models.DateTimeField(null=True, blank=True)
    waits_for = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "subject"],
                condition=Q(status__in=["pending", "running"]),
                name="one_open_request_a_subject",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class RetentionPolicy(models.Model):
    """For how many days a workspace keeps things; empty: as long as the installation allows."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="retention")
    prediction_days = models.PositiveIntegerField(null=True, blank=True)
    feedback_days = models.PositiveIntegerField(null=True, blank=True)
    sample_days = models.PositiveIntegerField(null=True, blank=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "retention policies"

    def __str__(self) -> str:
        return f"{self.workspace}"
