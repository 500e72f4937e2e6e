"""Verbs on models and versions: register, promote, roll back, verify, archive, sweep."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from apps.algorithms import catalog
from apps.core import clock
from apps.core.artifacts import ArtifactDamaged, publish_folder, remove_folder, seal_folder, verify_folder, write_atomically
from apps.core.errors import Conflict, InvalidInput, NotFound, Problem
from apps.registry.card import card_text
from apps.registry.manifest import VersionFacts, build_manifest, canonical_bytes, digest_of, is_signed_by_us, sign
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import version_folder
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

logger = logging.getLogger(__name__)
MANIFEST = "manifest.json"
STAGING_PREFIX = ".staging-"
_GRACE_SECONDS = 24 * 3600
_FIXED_ONCE_TRAINED = ("algorithm", "task", "target", "features", "group_column", "time_column")
_CHANGEABLE = ("name", "description", "domain", "parameters", "auto_retrain", "retrain_every_days", *_FIXED_ONCE_TRAINED)


@transaction.atomic
def create_model(*, workspace: Workspace, actor: Actor, **fields: Any) -> RegisteredModel:
    """Register what is to be predicted; parameters are completed with the algorithm's defaults."""
    model = RegisteredModel(workspace=workspace, created_by_id=actor.user_id, **fields)
    _check(model)
    model.save(force_insert=True)
    details = {"name": model.name, "algorithm": model.algorithm}
    record_audit(actor=actor, workspace_id=workspace.pk, verb="model.create", target=model, details=details)
    return model


@transaction.atomic
def update_model(*, model: RegisteredModel, actor: Actor, **fields: Any) -> RegisteredModel:
    """Change a model's description or settings; what its versions were made for stays once there is one."""
    found: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    changed = {name: value for name, value in fields.items() if name in _CHANGEABLE and getattr(found, name) != value}
    fixed = [name for name in _FIXED_ONCE_TRAINED if name in changed]
    if fixed and found.versions.exists():
        raise Conflict(f"The model has trained versions, so its {', '.join(fixed)} cannot change. Register another model.")
    for name, value in changed.items():
        setattr(found, name, value)
    _check(found)
    found.save(update_fields=list(changed) or None)
    record_audit(
        actor=actor, workspace_id=found.workspace_id, verb="model.update", target=found, details={"fields": list(changed)}
    )
    return found


def _check(model: RegisteredModel) -> None:
    service = catalog.get(model.algorithm)
    if model.task not in [str(task) for task in service.tasks]:
        known = ", ".join(service.tasks)
        raise InvalidInput(
            f"{service.title} does not do {model.task!r}.",
            [Problem("/task", "wrong_task", f"{service.title} does: {known}.")],
        )
    if service.needs_target and not model.target:
        raise InvalidInput("A target is needed.", [Problem("/target", "required", "Name the column to predict.")])
    if model.target and model.target in model.features:
        text = "The target cannot be one of the features: the model would copy it."
        raise InvalidInput(text, [Problem("/features", "target_in_features", text)])
    model.parameters = service.clean_parameters(model.parameters)
    same = RegisteredModel.objects.filter(workspace_id=model.workspace_id, name=model.name, archived_at__isnull=True)
    if same.exclude(pk=model.pk).exists():
        raise Conflict(f"There is a model named {model.name!r} in this workspace already. Choose another name.")


@transaction.atomic
def archive_model(*, model: RegisteredModel, actor: Actor) -> None:
    """Take a model out of sight and out of service; its versions and files stay for the record."""
    found = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    found.archived_at = clock.now()
    found.save(update_fields=["archived_at"])
    record_audit(actor=actor, workspace_id=found.workspace_id, verb="model.archive", target=found)


def register_version(
    *, model: RegisteredModel, campaign_id: UUID, staging: Path, facts: VersionFacts, actor: Actor
) -> ModelVersion:
    """File a trained version: complete and seal its folder, move it into place, write its row.

    Runs inside the caller's transaction, which also ends the campaign: a crash before the commit leaves a folder that
    no row names, and `sweep_orphans` removes it. The first version becomes champion, later ones challenger.
    """
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    number = (ModelVersion.objects.filter(model=model).aggregate(last=Max("number"))["last"] or 0) + 1
    (staging / "schema.json").write_text(json.dumps(facts.schema.as_json(), ensure_ascii=False))
    (staging / "classes.json").write_text(json.dumps(list(facts.schema.classes), ensure_ascii=False))
    (staging / "card.md").write_text(card_text(model=model, number=number, facts=facts))
    (staging / MANIFEST).unlink(missing_ok=True)
    checksums = seal_folder(staging)
    manifest = build_manifest(facts=facts, model_id=model.pk, campaign_id=campaign_id, number=number, checksums=checksums)
    digest = digest_of(manifest)
    write_atomically(staging / MANIFEST, canonical_bytes(manifest))
    folder = f"{model.workspace_id}/{model.pk}/{number}-{digest[:12]}"
    size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    final = Path(settings.ML_MODELS_DIR) / folder
    remove_folder(final)  # left by a run that died between the move and its commit: no row names it
    publish_folder(staging, final)
    version: ModelVersion = ModelVersion.objects.create(
        model=model,
        number=number,
        campaign_id=campaign_id,
        dataset_version=facts.dataset_version,
        algorithm=facts.algorithm,
        parameters=facts.parameters,
        seed=facts.seed,
        schema=facts.schema.as_json(),
        metrics=facts.metrics,
        baseline=manifest["baseline"],
        importance=facts.importance.as_json(),
        evaluation={**facts.evaluation, "main": facts.main_metric, "greater_is_better": facts.greater_is_better},
        folder=folder,
        manifest=manifest,
        manifest_sha256=digest,
        signature=sign(manifest),
        size_bytes=size,
        created_by_id=actor.user_id,
    )
    details = {"number": number, "campaign": str(campaign_id), "manifest_sha256": digest}
    record_audit(actor=actor, workspace_id=model.workspace_id, verb="version.register", target=version, details=details)
    first = not Alias.objects.filter(model=model, name=Alias.Name.CHAMPION, until__isnull=True).exists()
    name = Alias.Name.CHAMPION if first else Alias.Name.CHALLENGER
    _point(model_id=model.pk, name=name, version=version, actor=actor, reason="first version" if first else "newest version")
    return version


def verify_version(version: ModelVersion, *, below: str = "") -> None:
    """Check signature, manifest and checksums of a version's files (those under `below` only, if given)."""
    if digest_of(version.manifest) != version.manifest_sha256 or not is_signed_by_us(version.manifest, version.signature):
        raise ArtifactDamaged(f"The manifest of version {version.number} does not carry this platform's signature.")
    folder = version_folder(version)
    if not folder.is_dir():
        raise ArtifactDamaged(f"The files of version {version.number} are missing.")
    wanted = dict(version.manifest["files"])
    if not below:
        stored = folder / MANIFEST
        if not stored.exists() or stored.read_bytes() != canonical_bytes(version.manifest):
            raise ArtifactDamaged(f"The file {MANIFEST} is missing or was changed.")
        wanted[MANIFEST] = version.manifest_sha256
    verify_folder(folder, wanted, below=below)


@transaction.atomic
def promote_version(*, version: ModelVersion, actor: Actor, reason: str = "") -> Alias:
    """Make a version champion, under its model's row lock; refused when it is so already or its files are damaged."""
    _locked(version.model_id)
    present = _open_span(version.model_id, Alias.Name.CHAMPION)
    if present and present.version_id == version.pk:
        raise Conflict(f"Version {version.number} is the champion already.")
    return _make_champion(version, actor, reason, verb="version.promote")


@transaction.atomic
def rollback_model(*, model: RegisteredModel, actor: Actor, reason: str = "") -> Alias:
    """Bring back the version that was champion before the present one."""
    _locked(model.pk)
    present = _open_span(model.pk, Alias.Name.CHAMPION)
    spans = Alias.objects.select_related("version").filter(model=model, name=Alias.Name.CHAMPION, until__isnull=False)
    if present is not None:
        spans = spans.exclude(version_id=present.version_id)
    before = spans.order_by("-until", "-pk").first()
    if present is None or before is None:
        raise Conflict("There is no earlier champion to go back to.")
    return _make_champion(before.version, actor, reason or "rollback", verb="model.rollback")


def _make_champion(version: ModelVersion, actor: Actor, reason: str, *, verb: str) -> Alias:
    try:
        verify_version(version)
    except (ArtifactDamaged, NotFound) as error:
        raise Conflict(f"Version {version.number} cannot go live: {error.detail} The champion stays as it was.") from error
    alias = _point(model_id=version.model_id, name=Alias.Name.CHAMPION, version=version, actor=actor, reason=reason)
    challenger = _open_span(version.model_id, Alias.Name.CHALLENGER)
    if challenger and challenger.version_id == version.pk:
        Alias.objects.filter(pk=challenger.pk).update(until=alias.since)
    details = {"number": version.number, "reason": reason}
    record_audit(actor=actor, workspace_id=version.model.workspace_id, verb=verb, target=version, details=details)
    return alias


def _locked(model_id: UUID) -> RegisteredModel:
    model: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=model_id)
    if model.archived_at is not None:
        raise Conflict("The model is archived.")
    return model


def _open_span(model_id: UUID, name: str) -> Alias | None:
    found: Alias | None = Alias.objects.filter(model_id=model_id, name=name, until__isnull=True).first()
    return found


def _point(*, model_id: UUID, name: str, version: ModelVersion, actor: Actor, reason: str) -> Alias:
    now = clock.now()
    Alias.objects.filter(model_id=model_id, name=name, until__isnull=True).update(until=now)
    alias: Alias = Alias.objects.create(
        model_id=model_id, name=name, version=version, since=now, reason=reason[:500], set_by_id=actor.user_id
    )
    return alias


def sweep_orphans() -> list[str]:
    """Remove version and staging folders that no row names and that are older than a day; return their names."""
    root = Path(settings.ML_MODELS_DIR)
    kept = set(ModelVersion.objects.values_list("folder", flat=True))
    removed = []
    for folder in _old_folders(root):
        name = folder.relative_to(root).as_posix()
        if name not in kept:
            logger.info("Removing %s, which no version names.", name)
            remove_folder(folder)
            removed.append(name)
    return removed


def _old_folders(root: Path) -> Iterator[Path]:
    limit = time.time() - _GRACE_SECONDS
    for folder in root.glob("*/*/*"):
        if folder.is_dir() and folder.stat().st_mtime < limit:
            yield folder
