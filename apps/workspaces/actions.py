"""Verbs on tenants, members and keys, and the audit entry that every verb of every app writes."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.text import slugify

from apps.core import clock
from apps.core.errors import Conflict, InvalidInput, Problem
from apps.core.permissions import Role, Scope
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.models import ApiKey, AuditEntry, Membership, Workspace
from apps.workspaces.selectors import key_digest

__all__ = ["SYSTEM", "Actor"]
KEY_PREFIX_LENGTH = 8


def record_audit(
    *, actor: Actor, workspace_id: UUID | None, verb: str, target: object, details: dict[str, Any] | None = None
) -> AuditEntry:
    """Write one audit entry for `target` (a model instance), in the caller's transaction."""
    entry: AuditEntry = AuditEntry.objects.create(
        workspace_id=workspace_id,
        user_id=actor.user_id,
        api_key_prefix=actor.api_key_prefix,
        verb=verb,
        target_type=type(target).__name__,
        target_id=str(getattr(target, "pk", "")),
        details=details or {},
    )
    return entry


@transaction.atomic
def create_workspace(*, name: str, owner: User, actor: Actor) -> Workspace:
    """Make a workspace with its first owner."""
    slug = f"{slugify(name)[:40] or 'workspace'}-{secrets.token_hex(3)}"
    workspace: Workspace = Workspace.objects.create(name=name, slug=slug)
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    record_audit(actor=actor, workspace_id=workspace.pk, verb="workspace.create", target=workspace, details={"name": name})
    return workspace


@transaction.atomic
def rename_workspace(*, workspace: Workspace, name: str, actor: Actor) -> Workspace:
    """Give a workspace another name."""
    workspace.name = name
    workspace.save(update_fields=["name"])
    record_audit(actor=actor, workspace_id=workspace.pk, verb="workspace.rename", target=workspace, details={"name": name})
    return workspace


@transaction.atomic
def add_member(*, workspace: Workspace, username: str, role: str, actor: Actor) -> Membership:
    """Give an existing user a role in a workspace."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise InvalidInput(
            "No such user.", [Problem("/username", "unknown_user", f"There is no active user named {username!r}.")]
        )
    if Membership.objects.filter(workspace=workspace, user=user).exists():
        raise Conflict(f"{username} is a member already; change the role instead.")
    member: Membership = Membership.objects.create(workspace=workspace, user=user, role=role)
    details = {"username": username, "role": role}
    record_audit(actor=actor, workspace_id=workspace.pk, verb="member.add", target=member, details=details)
    return member


@transaction.atomic
def change_role(*, member: Membership, role: str, actor: Actor) -> Membership:
    """Give a member another role; the last owner keeps theirs."""
    if role != Role.OWNER:
        _keep_an_owner(member)
    details = {"username": member.user.get_username(), "from": member.role, "to": role}
    member.role = role
    member.save(update_fields=["role"])
    record_audit(actor=actor, workspace_id=member.workspace_id, verb="member.role", target=member, details=details)
    return member


@transaction.atomic
def remove_member(*, member: Membership, actor: Actor) -> None:
    """Take a member out of a workspace, with the keys they hold for it."""
    _keep_an_owner(member)
    details = {"username": member.user.get_username()}
    record_audit(actor=actor, workspace_id=member.workspace_id, verb="member.remove", target=member, details=details)
    ApiKey.objects.filter(user=member.user, workspace=member.workspace, revoked_at=None).update(revoked_at=clock.now())
    member.delete()


def _keep_an_owner(member: Membership) -> None:
    owners = Membership.objects.select_for_update().filter(workspace_id=member.workspace_id, role=Role.OWNER)
    if {owner.pk for owner in owners} == {member.pk}:
        raise Conflict("A workspace needs an owner: make another member owner first.")


@transaction.atomic
def issue_key(
    *,
    user: User,
    workspace: Workspace | None,
    name: str,
    scope: str = Scope.READ,
    expires_at: datetime | None = None,
    actor: Actor,
) -> tuple[ApiKey, str]:
    """Make an API key; the clear text is returned here once and stored nowhere."""
    prefix = secrets.token_hex(KEY_PREFIX_LENGTH // 2)
    clear = f"mlp_{prefix}_{secrets.token_urlsafe(32)}"
    key: ApiKey = ApiKey.objects.create(
        user=user,
        workspace=workspace,
        name=name,
        prefix=prefix,
        key_sha256=key_digest(clear),
        scope=scope,
        expires_at=expires_at,
    )
    details = {"name": name, "scope": scope, "holder": user.get_username()}
    record_audit(
        actor=actor, workspace_id=workspace.pk if workspace else None, verb="key.issue", target=key, details=details
    )
    return key, clear


@transaction.atomic
def revoke_key(*, key: ApiKey, actor: Actor) -> ApiKey:
    """Close a key for good."""
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        key.save(update_fields=["revoked_at"])
        record_audit(actor=actor, workspace_id=key.workspace_id, verb="key.revoke", target=key)
    return key
