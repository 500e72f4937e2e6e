"""What the audit trail says of a verb."""

from typing import Any

from apps.workspaces.access import Actor
from apps.workspaces.models import AuditEntry, Workspace


def entry_of(verb: str, target: Any, actor: Actor) -> AuditEntry:
    """Return the one entry of a verb, once it is sure that it says who did it, to what and where."""
    entry = AuditEntry.objects.get(verb=verb)
    assert (entry.user_id, entry.api_key_prefix) == (actor.user_id, actor.api_key_prefix)
    assert (entry.target_type, entry.target_id) == (type(target).__name__, str(target.pk))
    owner = getattr(target, "model", target)
    assert entry.workspace_id == (owner.pk if isinstance(owner, Workspace) else owner.workspace_id)
    return entry
