"""What people said of predictions, and what was true in the end."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import LeasedRow
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.models import ScopedQuerySet


class Feedback(models.Model):
    """One giver's verdict on one prediction; said again, it replaces what was said before.

    `known_at` is when the label became known: what was learned of a model at a time is what was known by then. The log of
    predictions may be written after the verdict, so its row is named (`entry_id`, `place`), not referred to.
    """

    class Source(models.TextChoices):
        """Where it came from."""

        API = "api", _("API")
        PAGE = "page", _("Page")
        FILE = "file", _("File")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="feedback")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="feedback")
    entry_id = models.UUIDField()
    place = models.PositiveIntegerField()
    predicted_at = models.DateTimeField()
    predicted = models.JSONField()
    correct = models.BooleanField(null=True)
    label = models.JSONField(null=True)
    giver = models.CharField(max_length=80, help_text="Whose verdict it is: a pseudonymous subject, or who called.")
    subject = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=4, choices=Source.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    given_at = models.DateTimeField()
    known_at = models.DateTimeField()

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-given_at", "id"]
        verbose_name_plural = "feedback"
        constraints = [
            models.UniqueConstraint(fields=["entry_id", "place", "giver"], name="one_verdict_a_giver"),
            models.CheckConstraint(
                condition=models.Q(correct__isnull=False) | models.Q(label__isnull=False), name="feedback_says_something"
            ),
        ]
        indexes = [
            models.Index(fields=["model", "-given_at"], name="feedback_by_model"),
            models.Index(fields=["version", "known_at"], name="feedback_by_version"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.given_at:%Y-%m-%d %H:%M}"

    @property
    def prediction_id(self) -> str:
        """The id of the prediction that is judged."""
        return f"{self.entry_id.hex}-{self.place}"


class SupersededLabel(models.Model):
    """What a giver said of a prediction before, or what became known before what is said now: what was known by then is kept."""

    feedback = models.ForeignKey(Feedback, on_delete=models.CASCADE, related_name="superseded")
    correct = models.BooleanField(null=True)
    label = models.JSONField(null=True)
    source = models.CharField(max_length=4, choices=Feedback.Source.choices)
    given_at = models.DateTimeField()
    known_at = models.DateTimeField()

    workspace_path: ClassVar[str] = "feedback__model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["known_at", "id"]

    def __str__(self) -> str:
        return f"{self.feedback} {self.known_at:%Y-%m-%d %H:%M}"


class LabelFile(LeasedRow):
    """A file of late labels: read by a worker, taken whole or refused with the rows at fault; the file itself is then removed."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="label_files")
    original_name = models.CharField(max_length=255)
    path = models.CharField(max_length=120, help_text="Relative to the private folder of labels; empty once it was read.")
    api_key_prefix = models.CharField(max_length=12, blank=True)
    rows = models.PositiveIntegerField(null=True)
    created = models.PositiveIntegerField(null=True)
    replaced = models.PositiveIntegerField(null=True)
    givers = models.PositiveIntegerField(null=True)
    problems = models.JSONField(default=list)  # [{"row", "column", "code", "detail"}]
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"{self.model} {self.created_at:%Y-%m-%d %H:%M}"


class FeedbackSample(models.Model):
    """What somebody agreed to have kept of one prediction: an image, a sound, or the row; the file is in a private folder.

    The database holds where it is, never what it shows. It is removed at `expires_at`, or when its subject is erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="samples")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="samples")
    entry_id = models.UUIDField()
    place = models.PositiveIntegerField()
    subject = models.CharField(max_length=64, blank=True, help_text="Pseudonym of who agreed; empty for the caller.")
    path = models.CharField(max_length=120, help_text="Relative to the private folder of samples.")
    media_type = models.CharField(max_length=40)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    consented_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-consented_at", "id"]
        indexes = [models.Index(fields=["entry_id", "place"], name="sample_by_prediction")]

    def __str__(self) -> str:
        return f"{self.model} {self.media_type} {self.consented_at:%Y-%m-%d %H:%M}"

    @property
    def prediction_id(self) -> str:
        """The id of the prediction that it is of."""
        return f"{self.entry_id.hex}-{self.place}"
