"""Verbs on models and versions: register, promote, roll back, sign again, archive."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from apps.algorithms.choice import choice_of
from apps.core import clock
from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import Conflict, Gone, InvalidInput, NotFound, PlatformError, Problem
from apps.registry.files import (
    PreparedVersion,
    check_files,
    give_number,
    move_into_place,
    refuse_removed,
    seal,
    verify_version,
)
from apps.registry.manifest import VersionFacts, sign
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import champion_before, open_span
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

_FIXED_ONCE_TRAINED = ("algorithm", "task", "target", "features", "group_column", "time_column")
_CHANGEABLE = (
    "name",
    "description",
    "domain",
    "parameters",
    "frozen_share",
    "auto_retrain",
    "retrain_every_days",
    *_FIXED_ONCE_TRAINED,
)
_at_work: list[Callable[[UUID], bool]] = []
_ends_work: list[Callable[[RegisteredModel, Actor], None]] = []


def is_at_work(model_id: UUID) -> bool:
    """Say whether an app above is making a version of a model."""
    return any(at_work(model_id) for at_work in _at_work)


def keep_models_while(at_work: Callable[[UUID], bool]) -> None:
    """Have an app above tell whether it is making a version of a model, which then stays what it is made for."""
    _at_work.append(at_work)


def end_with_models(end: Callable[[RegisteredModel, Actor], None]) -> None:
    """Have an app above end what it does for a model when that model is archived."""
    _ends_work.append(end)


@transaction.atomic
def create_model(*, workspace: Workspace, actor: Actor, **fields: Any) -> RegisteredModel:
    """Register what is to be predicted; parameters are completed with the algorithm's defaults."""
    model = RegisteredModel(workspace=workspace, created_by_id=actor.user_id, **fields)
    _check(model)
    model.save()
    details = {"name": model.name, "algorithm": model.algorithm}
    record_audit(actor=actor, workspace_id=workspace.pk, verb="model.create", target=model, details=details)
    return model


@transaction.atomic
def update_model(*, model: RegisteredModel, actor: Actor, **fields: Any) -> RegisteredModel:
    """Change a model's description or settings; what its versions are made for stays once one is made or in the making.

    Another algorithm starts from its own default parameters, unless parameters come with it.
    """
    found: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    changed = {name: value for name, value in fields.items() if name in _CHANGEABLE and getattr(found, name) != value}
    _refuse_while_used(found, [name for name in _FIXED_ONCE_TRAINED if name in changed])
    if "algorithm" in changed:
        changed.setdefault("parameters", fields.get("parameters", {}))
    for name, value in changed.items():
        setattr(found, name, value)
    _check(found)
    if changed:
        found.save(update_fields=list(changed))
        details = {"fields": list(changed)}
        record_audit(actor=actor, workspace_id=found.workspace_id, verb="model.update", target=found, details=details)
    return found


def _refuse_while_used(model: RegisteredModel, fixed: list[str]) -> None:
    names = ", ".join(fixed)
    if fixed and model.versions.exists():
        raise Conflict(f"The model has trained versions, so its {names} cannot change. Register another model.")
    if fixed and is_at_work(model.pk):
        raise Conflict(f"The model is being trained, so its {names} cannot change. Wait for the training, or cancel it.")


def _check(model: RegisteredModel) -> None:
    choice = choice_of(model.algorithm, model.task)
    if choice.needs_target and not model.target:
        raise InvalidInput("A target is needed.", [Problem("/target", "required", "Name the column to predict.")])
    if choice.input_kind == "series" and not model.time_column:
        raise InvalidInput(
            "A time column is needed.", [Problem("/time_column", "required", "Name the column of the times.")]
        )
    if model.target and model.target in model.features:
        text = "The target cannot be one of the features: the model would copy it."
        raise InvalidInput(text, [Problem("/features", "target_in_features", text)])
    model.parameters = choice.clean_parameters(model.parameters)
    same = RegisteredModel.objects.filter(workspace_id=model.workspace_id, name=model.name, archived_at__isnull=True)
    if same.exclude(pk=model.pk).exists():
        raise Conflict(f"There is a model named {model.name!r} in this workspace already. Choose another name.")


@transaction.atomic
def archive_model(*, model: RegisteredModel, actor: Actor) -> None:
    """Take a model out of sight and out of service; its versions and files stay for the record."""
    for end in _ends_work:
        end(model, actor)  # first: who files a version holds its campaign, then asks for the model's row
    found = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    if found.archived_at is not None:
        raise Conflict("The model is archived already.")
    found.archived_at = clock.now()
    found.save(update_fields=["archived_at"])
    record_audit(actor=actor, workspace_id=found.workspace_id, verb="model.archive", target=found)


def prepare_version(*, model: RegisteredModel, campaign_id: UUID, staging: Path, facts: VersionFacts) -> PreparedVersion:
    """Complete and seal a trained version's folder; before the transaction, for it takes as long as the files are large.

    `model` is the model as the training read it.
    """
    prepared = seal(model=model, campaign_id=campaign_id, staging=staging, facts=facts)
    give_number(prepared, _next_number(model.pk))
    return prepared


def register_version(prepared: PreparedVersion, *, actor: Actor) -> ModelVersion:
    """File a prepared version: move its folder into place and write its row.

    Runs inside the caller's transaction, which also ends the campaign and may be tried again: a crash before the commit
    leaves a folder that no row names, and `sweep_orphans` removes it. The first version becomes champion, later ones
    challenger.
    """
    model: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=prepared.model.pk)
    _refuse_changed(model, prepared.model)
    if (number := _next_number(model.pk)) != prepared.number:
        give_number(prepared, number)  # another version was filed since
    version = _version_row(prepared, folder=move_into_place(prepared), actor=actor)
    details = {
        "number": version.number,
        "campaign": str(version.campaign_id),
        "manifest_sha256": version.manifest_sha256,
    }
    record_audit(actor=actor, workspace_id=model.workspace_id, verb="version.register", target=version, details=details)
    first = open_span(model.pk, Alias.Name.CHAMPION) is None
    name = Alias.Name.CHAMPION if first else Alias.Name.CHALLENGER
    _point(model_id=model.pk, name=name, version=version, actor=actor, reason="first version" if first else "newest version")
    return version


def _next_number(model_id: UUID) -> int:
    return int(ModelVersion.objects.filter(model_id=model_id).aggregate(last=Max("number"))["last"] or 0) + 1


def _refuse_changed(model: RegisteredModel, trained: RegisteredModel) -> None:
    if model.archived_at is not None:
        raise Conflict("The model was archived while it was trained, so this version is not kept.")
    changed = [name for name in _FIXED_ONCE_TRAINED if getattr(model, name) != getattr(trained, name)]
    if changed:
        raise Conflict(
            f"The model's {', '.join(changed)} changed while it was trained, so this version is not of it. Train it again."
        )


def _version_row(prepared: PreparedVersion, *, folder: str, actor: Actor) -> ModelVersion:
    facts = prepared.facts
    version: ModelVersion = ModelVersion.objects.create(
        model_id=prepared.model.pk,
        number=prepared.number,
        campaign_id=prepared.campaign_id,
        dataset_version=facts.dataset_version,
        algorithm=facts.algorithm,
        parameters=facts.parameters,
        seed=facts.seed,
        schema=facts.schema.as_json(),
        metrics=facts.metrics,
        baseline=prepared.manifest["baseline"],
        importance=facts.importance.as_json(),
        evaluation={**facts.evaluation, "main": facts.main_metric, "greater_is_better": facts.greater_is_better},
        folder=folder,
        manifest=prepared.manifest,
        manifest_sha256=prepared.digest,
        signature=sign(prepared.written),
        size_bytes=prepared.size_bytes,
        created_by_id=actor.user_id,
    )
    return version


def resign_version(*, version: ModelVersion, actor: Actor) -> bool:
    """Sign a version with the present key, once its files match their checksums; False when it is signed so already."""
    signature = sign(check_files(version))
    if signature == version.signature:
        return False
    with transaction.atomic():
        ModelVersion.objects.filter(pk=version.pk).update(signature=signature)
        record_audit(actor=actor, workspace_id=version.model.workspace_id, verb="version.resign", target=version)
    return True


def promote_version(*, version: ModelVersion, actor: Actor, reason: str = "", over: ModelVersion | None = None) -> Alias:
    """Make a version champion, under its model's row lock; refused when it is so already or its files are damaged.

    `over` is the champion whose place it was judged to take: refused when another is live by now.
    """
    refuse_damaged(version)
    with transaction.atomic():
        return promote_checked(version=version, actor=actor, reason=reason, over=over)


def promote_checked(*, version: ModelVersion, actor: Actor, reason: str, over: ModelVersion | None) -> Alias:
    """Make a version champion whose files were checked a moment ago (`refuse_damaged`), in the caller's transaction."""
    _locked(version.model_id)
    _refuse_removed_meanwhile(version)
    present = open_span(version.model_id, Alias.Name.CHAMPION)
    if present and present.version_id == version.pk:
        raise Conflict(f"Version {version.number} is the champion already.")
    _refuse_changed_champion(present, over)
    return _make_champion(version, actor, reason, verb="version.promote")


def _refuse_changed_champion(present: Alias | None, expected: ModelVersion | None) -> None:
    if expected is not None and (present is None or present.version_id != expected.pk):
        raise Conflict(f"Version {expected.number} is no longer the champion. Look who is live now, then decide again.")


def rollback_model(*, model: RegisteredModel, actor: Actor, reason: str = "", leaving: ModelVersion | None = None) -> Alias:
    """Bring back the champion before the present one, which is marked: rolling back again goes further back.

    `leaving` is the champion that is to be left: refused when another is live by now.
    """
    before = champion_before(model.pk)
    if before is None:
        raise Conflict(
            "There is no earlier champion to go back to; one that was rolled back from does not count. Promote the version you want."
        )
    refuse_damaged(before)
    with transaction.atomic():
        _locked(model.pk)
        if champion_before(model.pk) != before:
            raise Conflict("The champion changed at this moment. Look who is live now, then decide again.")
        _refuse_changed_champion(open_span(model.pk, Alias.Name.CHAMPION), leaving)
        _refuse_removed_meanwhile(before)
        present = Alias.objects.filter(model_id=model.pk, name=Alias.Name.CHAMPION, until__isnull=True)
        present.update(rolled_back=True)
        return _make_champion(before, actor, reason or "rollback", verb="model.rollback")


def refuse_damaged(version: ModelVersion) -> None:
    """Read all files of a version, which takes long: before the row is locked."""
    try:
        verify_version(version)
    except (ArtifactDamaged, Gone, NotFound) as error:
        raise _cannot_go_live(version, error) from error


def _refuse_removed_meanwhile(version: ModelVersion) -> None:
    """Look again once the model's row is locked: who removes files holds it too."""
    version.refresh_from_db(fields=["files_removed_at"])
    try:
        refuse_removed(version)
    except Gone as error:
        raise _cannot_go_live(version, error) from error


def _cannot_go_live(version: ModelVersion, error: PlatformError) -> Conflict:
    return Conflict(f"Version {version.number} cannot go live: {error.detail} The champion stays as it was.")


def _make_champion(version: ModelVersion, actor: Actor, reason: str, *, verb: str) -> Alias:
    alias = _point(model_id=version.model_id, name=Alias.Name.CHAMPION, version=version, actor=actor, reason=reason)
    challenger = open_span(version.model_id, Alias.Name.CHALLENGER)
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


def _point(*, model_id: UUID, name: str, version: ModelVersion, actor: Actor, reason: str) -> Alias:
    now = clock.now()
    Alias.objects.filter(model_id=model_id, name=name, until__isnull=True).update(until=now)
    alias: Alias = Alias.objects.create(
        model_id=model_id, name=name, version=version, since=now, reason=reason[:500], set_by_id=actor.user_id
    )
    return alias
