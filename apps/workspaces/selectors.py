"""Reads of tenants and of what a caller may reach."""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from apps.core import clock
from apps.core.permissions import Act, Scope
from apps.workspaces.access import Access
from apps.workspaces.models import ApiKey, AuditEntry, Membership, Workspace


def key_digest(clear: str) -> str:
    """Return what is stored of a key; the key is 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(clear.encode()).hexdigest()


def live_key(clear: str) -> ApiKey | None:
    """Return the key row if it exists, is not revoked or expired, and its holder is active."""
    found: ApiKey | None = ApiKey.objects.select_related("user").filter(key_sha256=key_digest(clear)).first()
    if found is None or found.revoked_at or not found.user.is_active:
        return None
    return None if found.expires_at and found.expires_at <= clock.now() else found


def access_of(user: User, api_key: ApiKey | None = None) -> Access:
    """Return the caller's reach: all memberships, or those of the key's workspace."""
    memberships: QuerySet[Membership] = Membership.objects.filter(user=user)
    if api_key and api_key.workspace_id:
        memberships = memberships.filter(workspace_id=api_key.workspace_id)
    return Access(
        user=user,
        roles=dict(memberships.values_list("workspace_id", "role")),
        scope=api_key.scope if api_key else Scope.ADMIN,
        api_key_prefix=api_key.prefix if api_key else "",
        key_workspace_id=api_key.workspace_id if api_key else None,
        key_expires_at=api_key.expires_at if api_key else None,
    )


def last_worked_in(user: User, workspaces: Iterable[Workspace]) -> UUID | None:
    """Return that of these workspaces which the user changed something in last; what their programs did does not count."""
    written = AuditEntry.objects.filter(user=user, api_key_prefix="", workspace__in=list(workspaces)).order_by("-pk")
    found: UUID | None = written.values_list("workspace_id", flat=True).first()
    return found


def keys_of_holder(access: Access) -> QuerySet[ApiKey]:
    """Return the caller's own keys: all of them, or those of the one workspace that the key in use is for."""
    keys: QuerySet[ApiKey] = ApiKey.objects.filter(user=access.user).select_related("user", "workspace")
    return keys.filter(workspace_id=access.key_workspace_id) if access.key_workspace_id else keys


def keys_in_workspace(access: Access, workspace_id: UUID) -> QuerySet[ApiKey]:
    """Return the keys of a workspace that the caller may see: all for an owner, else their own."""
    keys: QuerySet[ApiKey] = ApiKey.objects.filter(workspace_id=workspace_id).select_related("user", "workspace")
    return keys if access.may(Act.ADMINISTER, workspace_id) else keys.filter(user=access.user)
