"""Reads of models, versions and aliases."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from apps.algorithms.schema import Task
from apps.core import clock
from apps.core.artifacts import safe_join
from apps.datasets.models import DatasetVersion
from apps.registry.models import Alias, ErasedLabel, ModelVersion, RegisteredModel

NO_BETTER = "The champion is no better than the trivial baseline."


def models_of(workspace_ids: Iterable[UUID]) -> QuerySet[RegisteredModel]:
    """Return the live models of these workspaces, newest first, each with its open aliases (`open_aliases`)."""
    now = Prefetch("aliases", _open_aliases(), to_attr="open_aliases")
    live = RegisteredModel.objects.in_workspaces(list(workspace_ids)).filter(archived_at__isnull=True)
    return live.select_related("workspace").prefetch_related(now)


def is_live_model(model_id: UUID, workspace_ids: Iterable[UUID]) -> bool:
    """Say whether there is such a model in these workspaces, not archived."""
    mine = RegisteredModel.objects.in_workspaces(list(workspace_ids))
    return bool(mine.filter(pk=model_id, archived_at__isnull=True).exists())


def is_forecast(model_id: UUID) -> bool:
    """Say whether a model is asked what comes next, not about rows."""
    return bool(RegisteredModel.objects.filter(pk=model_id, task=Task.FORECAST).exists())


def workspace_id_of(model_id: UUID) -> UUID | None:
    """Return whose model this is, without reading the model; None for an archived or unknown one."""
    live = RegisteredModel.objects.filter(pk=model_id, archived_at__isnull=True)
    return live.values_list("workspace_id", flat=True).first()


def newest_versions(model: RegisteredModel, most: int) -> QuerySet[ModelVersion]:
    """Return the newest versions of a model, with their aliases."""
    return ModelVersion.objects.filter(model=model).prefetch_related("aliases").order_by("-number")[:most]


def _open_aliases() -> QuerySet[Alias]:
    """Return the open spans with their versions; `has_newer_data` says whether the version's data set has moved on."""
    newer = DatasetVersion.objects.filter(
        dataset=OuterRef("version__dataset_version__dataset"),
        status=DatasetVersion.Status.READY,
        number__gt=OuterRef("version__dataset_version__number"),
    )
    spans: QuerySet[Alias] = Alias.objects.filter(until__isnull=True).select_related("version")
    return spans.annotate(has_newer_data=Exists(newer))


def _alias_now(model: RegisteredModel, name: str) -> Alias | None:
    found = getattr(model, "open_aliases", None)
    if found is None:
        found = _open_aliases().filter(model=model, name=name)
    return next((alias for alias in found if alias.name == name), None)


def version_now(model: RegisteredModel, name: str) -> ModelVersion | None:
    """Return the version an alias points at now."""
    alias = _alias_now(model, name)
    return alias.version if alias else None


def champion_of(model: RegisteredModel) -> ModelVersion | None:
    """Return the live version."""
    return version_now(model, Alias.Name.CHAMPION)


def champion_id_of(model_id: UUID) -> UUID | None:
    """Return the id of the live version, without reading the version: one small query."""
    now = Alias.objects.filter(model_id=model_id, name=Alias.Name.CHAMPION, until__isnull=True)
    return now.values_list("version_id", flat=True).first()


def open_span(model_id: UUID, name: str) -> Alias | None:
    """Return the present span of an alias."""
    found: Alias | None = Alias.objects.filter(model_id=model_id, name=name, until__isnull=True).first()
    return found


def champion_before(model_id: UUID) -> ModelVersion | None:
    """Return the version that a rollback brings back: the last champion before the present one that no rollback left.

    What counts of a version is its last time as champion; None when there is no such version, or no champion now.
    """
    if open_span(model_id, Alias.Name.CHAMPION) is None:
        return None
    spans = Alias.objects.select_related("version").filter(model_id=model_id, name=Alias.Name.CHAMPION)
    seen: set[UUID] = set()
    for span in spans.order_by("-since", "-pk"):
        version: ModelVersion = span.version
        if version.pk not in seen and span.until is not None and not span.rolled_back:
            return version
        seen.add(version.pk)
    return None


def champion_at(model: RegisteredModel, at: datetime) -> Alias | None:
    """Return the span during which a version was live at a time."""
    held = Q(since__lte=at) & (Q(until__isnull=True) | Q(until__gt=at))
    found: Alias | None = Alias.objects.select_related("version").filter(held, model=model, name=Alias.Name.CHAMPION).first()
    return found


def version_folder(version: ModelVersion) -> Path:
    """Return the folder of a version's files: `<workspace>/<model>/<number>-<first digits of its manifest's hash>`."""
    return safe_join(Path(settings.ML_MODELS_DIR), version.folder)


@dataclass(frozen=True, slots=True)
class LearnedAndErased:
    """Rows that a version learned from and that were erased since: how many, and when the last of them."""

    rows: int
    at: datetime

    @property
    def advice(self) -> str:
        """What it means and what to do, in words."""
        return (
            f"It learned from {self.rows} rows that were erased since. What it learned from them cannot be taken out of it: "
            "train the model again, and let the new version go live."
        )

    def as_json(self) -> dict[str, Any]:
        """Return the API's shape."""
        return {"rows": self.rows, "at": self.at, "advice": self.advice}


def learned_and_erased(version: ModelVersion) -> LearnedAndErased | None:
    """Return what a version learned from and that was erased since; None for nothing.

    Its manifest names the content that it read: what was erased of that content, or of what it became, is told, also to a
    version that was filed after the erasure. Of labelled answers it notes when it read them, and which were known to it.
    """
    learned = version.manifest.get("data", {}).get("content_hash")
    rows, since, at = 0, False, None
    for erasure in sorted(version.dataset_version.erasures.all(), key=lambda one: one.pk):
        since = since or erasure.content_before == learned
        if since:
            rows, at = rows + erasure.rows, erasure.at
    for label in _learned_labels_erased(version):
        rows, at = rows + 1, max(at or label.at, label.at)
    return LearnedAndErased(rows, at) if at is not None else None


def _learned_labels_erased(version: ModelVersion) -> list[ErasedLabel]:
    split = version.evaluation.get("split", {})
    if not split.get("feedback_rows"):
        return []
    until, read = (datetime.fromisoformat(split[name]) for name in ("feedback_until", "feedback_read_at"))
    return [one for one in version.model.erased_labels.all() if one.given_at <= until and one.at > read]


def reasons_to_retrain(model: RegisteredModel) -> list[str]:
    """Say in words why a model should be trained again; empty when it should not."""
    alias = _alias_now(model, Alias.Name.CHAMPION)
    if alias is None:
        return []
    champion, reasons = alias.version, []
    age = clock.now() - champion.created_at
    if model.retrain_every_days and age > timedelta(days=model.retrain_every_days):
        reasons.append(f"The champion is {age.days} days old; it is to be retrained every {model.retrain_every_days} days.")
    if champion.evaluation.get("beats_baseline") is False:
        reasons.append(NO_BETTER)
    if alias.has_newer_data:  # type: ignore[attr-defined]  # annotated by `_open_aliases`
        reasons.append("A newer version of its data set is ready.")
    return reasons
