"""Verbs on tenants, members and keys, and the audit entry that every verb of every app writes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.workspaces.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does a thing: a user, with the key used if any. `SYSTEM` is the platform itself."""

    user_id: int | None
    api_key_prefix: str = ""


SYSTEM = Actor(user_id=None)


def record_audit(
    *, actor: Actor, workspace_id: UUID | None, verb: str, target: object, details: dict[str, Any] | None = None
) -> AuditEntry:
    """Write one audit entry for `target` (a model instance), in the caller's transaction."""
    return AuditEntry.objects.create(
        workspace_id=workspace_id,
        user_id=actor.user_id,
        api_key_prefix=actor.api_key_prefix,
        verb=verb,
        target_type=type(target).__name__,
        target_id=str(getattr(target, "pk", "")),
        details=details or {},
    )
