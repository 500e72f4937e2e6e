"""Celery doors of tenants."""

from celery import shared_task


@shared_task(name="workspaces.sweep")
def sweep(**_extra: object) -> None:
    """Remove what is kept for a time only."""
    from apps.workspaces import actions

    actions.sweep()


@shared_task(name="workspaces.chain_audit")
def chain_audit(**_extra: object) -> None:
    """Chain the audit entries that a process which died left unchained."""
    from apps.workspaces import audit_chain

    audit_chain.seal_left_behind()
