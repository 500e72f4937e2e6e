"""Celery doors of the registry."""

from celery import shared_task


@shared_task(name="registry.sweep_orphans")
def sweep_orphans(**_extra: object) -> None:
    """Remove files that no version names."""
    from apps.registry import files

    files.sweep_orphans()
