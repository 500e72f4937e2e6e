"""Celery doors of tenants."""

from celery import shared_task


@shared_task(name="workspaces.sweep")
def sweep(**_extra: object) -> None:
    """Remove what is kept for a time only."""
    from apps.workspaces import actions

    actions.sweep()
