"""Removing the files of old versions that nothing refers to. Their rows, and all that is known of them, stay.

Kept are: the newest versions; what an alias points at; whatever was champion lately, and what a rollback would bring back;
what an app above works with (`keep_files_of`); and every version of a model that is in training. The row says first that the
files are removed, under the model's lock, which whoever promotes holds too; then the folder is renamed, then emptied. Whoever
dies in between leaves a folder to `sweep_orphans`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.core import clock
from apps.registry.actions import is_at_work
from apps.registry.files import take_away
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import champion_before
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit

NEWEST = 5  # versions that a person who asks for room keeps, unless the settings or they themselves say otherwise
_in_use: list[Callable[[UUID], Iterable[UUID]]] = []


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept in any case."""

    newest: int
    younger_than: timedelta
    champions_of: timedelta


def keep_by_settings(newest: int = 0) -> Keep:
    """Return what the settings keep; so many of the newest where they do not say how many."""
    return Keep(
        newest=settings.CLEANUP_KEEP_VERSIONS or newest,
        younger_than=timedelta(days=settings.CLEANUP_OLDER_THAN_DAYS),
        champions_of=timedelta(days=settings.CLEANUP_ROLLBACK_DAYS),
    )


def keep_files_of(in_use: Callable[[UUID], Iterable[UUID]]) -> None:
    """Have an app above tell which versions of a model it works with."""
    _in_use.append(in_use)


def removable_versions(model_id: UUID, keep: Keep) -> list[ModelVersion]:
    """Return the versions of a model whose files nothing refers to, the oldest first."""
    if is_at_work(model_id):
        return []
    now = clock.now()
    there = ModelVersion.objects.filter(model_id=model_id, files_removed_at=None).select_related("model")
    newest = there.order_by("-number").values_list("pk", flat=True)[: keep.newest]
    spared = {*newest, *_referred_to(model_id, now - keep.champions_of)}
    old = there.filter(created_at__lte=now - keep.younger_than).order_by("number")
    return [version for version in old if version.pk not in spared]


def _referred_to(model_id: UUID, since: datetime) -> set[UUID]:
    lately = Q(until=None) | Q(name=Alias.Name.CHAMPION, until__gte=since)
    found = set(Alias.objects.filter(lately, model_id=model_id).values_list("version_id", flat=True))
    if (before := champion_before(model_id)) is not None:
        found.add(before.pk)
    return found.union(*(in_use(model_id) for in_use in _in_use))


def remove_old_files(*, model: RegisteredModel, keep: Keep, actor: Actor) -> list[ModelVersion]:
    """Remove the files of a model's old versions; return those whose files were removed by this call."""
    removed = []
    for version in removable_versions(model.pk, keep):
        if _give_up(version, keep, actor):
            take_away(version)
            removed.append(version)
    return removed


@transaction.atomic
def _give_up(version: ModelVersion, keep: Keep, actor: Actor) -> bool:
    """Write that a version's files are removed, if nothing refers to them now that its model is locked."""
    RegisteredModel.objects.select_for_update().get(pk=version.model_id)
    if version.pk not in {one.pk for one in removable_versions(version.model_id, keep)}:
        return False
    version.files_removed_at = clock.now()
    version.save(update_fields=["files_removed_at"])
    details = {"number": version.number, "bytes": version.size_bytes}
    workspace_id = version.model.workspace_id
    record_audit(actor=actor, workspace_id=workspace_id, verb="version.remove_files", target=version, details=details)
    return True
