"""Reads of models, versions and aliases."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet

from apps.core import clock
from apps.core.artifacts import safe_join
from apps.datasets.models import DatasetVersion
from apps.registry.models import Alias, ModelVersion, RegisteredModel


def models_of(workspace_ids: Iterable[UUID]) -> QuerySet[RegisteredModel]:
    """Return the live models of these workspaces, newest first, each with its open aliases (`open_aliases`)."""
    now = Prefetch("aliases", Alias.objects.filter(until__isnull=True).select_related("version"), to_attr="open_aliases")
    live = RegisteredModel.objects.in_workspaces(list(workspace_ids)).filter(archived_at__isnull=True)
    return live.select_related("workspace").prefetch_related(now)


def version_now(model: RegisteredModel, name: str) -> ModelVersion | None:
    """Return the version an alias points at now."""
    found = getattr(model, "open_aliases", None)
    if found is not None:
        return next((alias.version for alias in found if alias.name == name), None)
    alias = Alias.objects.select_related("version").filter(model=model, name=name, until__isnull=True).first()
    return alias.version if alias else None


def champion_of(model: RegisteredModel) -> ModelVersion | None:
    """Return the live version."""
    return version_now(model, Alias.Name.CHAMPION)


def champion_id_of(model_id: UUID) -> UUID | None:
    """Return the id of the live version, without reading the version: one small query."""
    now = Alias.objects.filter(model_id=model_id, name=Alias.Name.CHAMPION, until__isnull=True)
    return now.values_list("version_id", flat=True).first()


def champion_at(model: RegisteredModel, at: datetime) -> Alias | None:
    """Return the span during which a version was live at a time."""
    held = Q(since__lte=at) & (Q(until__isnull=True) | Q(until__gt=at))
    found: Alias | None = Alias.objects.select_related("version").filter(held, model=model, name=Alias.Name.CHAMPION).first()
    return found


def version_folder(version: ModelVersion) -> Path:
    """Return the folder of a version's files."""
    return safe_join(Path(settings.ML_MODELS_DIR), version.folder)


def reasons_to_retrain(model: RegisteredModel) -> list[str]:
    """Say in words why a model should be trained again; empty when it should not."""
    champion = champion_of(model)
    if champion is None:
        return []
    reasons = []
    age = clock.now() - champion.created_at
    if model.retrain_every_days and age > timedelta(days=model.retrain_every_days):
        reasons.append(f"The champion is {age.days} days old; it is to be retrained every {model.retrain_every_days} days.")
    if champion.evaluation.get("beats_baseline") is False:
        reasons.append("The champion is no better than the trivial baseline.")
    newer = DatasetVersion.objects.filter(
        dataset_id=champion.dataset_version.dataset_id,
        status=DatasetVersion.Status.READY,
        number__gt=champion.dataset_version.number,
    )
    if newer.exists():
        reasons.append("A newer version of its data set is ready.")
    return reasons
