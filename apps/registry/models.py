"""Registered models, their immutable versions, and the aliases that say which version is live."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import DatasetVersion
from apps.workspaces.models import ScopedQuerySet, Workspace


class RegisteredModel(models.Model):
    """What a team wants predicted, and with which algorithm; its trained forms are `ModelVersion` rows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="registered_models")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=4_000)
    algorithm = models.CharField(max_length=40, help_text="Slug of an entry of the catalogue, or auto: a search decides.")
    task = models.CharField(max_length=20)
    domain = models.CharField(max_length=60, blank=True)
    target = models.CharField(max_length=300, blank=True)
    features = models.JSONField(default=list, blank=True, help_text="Columns used; empty: all.")
    group_column = models.CharField(
        max_length=300,
        blank=True,
        help_text="Rows that share it stay on one side of the split; of a forecast, they are one series.",
    )
    time_column = models.CharField(
        max_length=300, blank=True, help_text="Splits by time: the latest rows are kept apart. A forecast needs it."
    )
    parameters = models.JSONField(default=dict, blank=True)
    frozen_share = models.FloatField(
        default=0.1, help_text="Share of the rows that no version learns from, so that versions are compared on them."
    )
    auto_retrain = models.BooleanField(default=False)
    retrain_every_days = models.PositiveIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], condition=Q(archived_at__isnull=True), name="one_live_model_a_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """One trained form of a model. Written once, with its files; never changed afterwards.

    The files of an old one may be removed (`cleaning`); the row and all that it says stay.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    campaign_id = models.UUIDField(unique=True, help_text="The training campaign that made it: one version a campaign.")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="model_versions")
    algorithm = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    schema = models.JSONField(default=dict)  # algorithms.schema.TableSchema.as_json
    metrics = models.JSONField(default=dict)  # {"accuracy": …}, on the untouched part
    baseline = models.JSONField(default=dict)  # {"name": …, "metrics": {…}}
    importance = models.JSONField(default=dict)  # {"method", "features": [{name, importance, std}]}
    evaluation = models.JSONField(default=dict)  # split, sizes, curves, warnings, intervals, baselines, slices
    folder = models.CharField(max_length=300, unique=True, help_text="Relative to ML_MODELS_DIR.")
    manifest = models.JSONField(default=dict)
    manifest_sha256 = models.CharField(max_length=64)
    signature = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    files_removed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when it cannot go live any more."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["model_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="one_model_version_a_number")]

    def __str__(self) -> str:
        return f"{self.model} v{self.number}"


class ErasedLabel(models.Model):
    """A label of a model's answer that was erased, without saying whose or of what: who learned from it is still told."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="erased_labels")
    request_id = models.UUIDField(db_index=True)
    given_at = models.DateTimeField()
    at = models.DateTimeField()

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.model} {self.at:%Y-%m-%d %H:%M}"


class Alias(models.Model):
    """A name that points at one version during one span of time; an open span (`until` empty) is the present.

    The rows of one model and name are its history: "who was champion at TIME" is the span that holds TIME.
    """

    class Name(models.TextChoices):
        """The aliases there are."""

        CHAMPION = "champion", _("Champion")
        CHALLENGER = "challenger", _("Challenger")

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=12, choices=Name.choices)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="aliases")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    rolled_back = models.BooleanField(default=False, help_text="A rollback ended it: a later one does not come back to it.")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    workspace_path: ClassVar[str] = "model__workspace"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["model_id", "name", "-since", "-id"]
        verbose_name_plural = "aliases"
        constraints = [
            models.UniqueConstraint(
                fields=["model", "name"], condition=Q(until__isnull=True), name="one_version_an_alias_now"
            ),
            models.CheckConstraint(condition=Q(name__in=["champion", "challenger"]), name="alias_name_known"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.name} → v{self.version.number}"
