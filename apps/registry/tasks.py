"""Celery doors of the registry."""

from celery import shared_task


@shared_task(name="registry.sweep_orphans")
def sweep_orphans(**_extra: object) -> None:
    """Remove files that no version names."""
    from apps.registry import files

    files.sweep_orphans()


@shared_task(name="registry.remove_old_files")
def remove_old_files(**_extra: object) -> None:
    """Remove the files of old versions, where the settings say how many are kept."""
    from apps.registry import cleaning
    from apps.registry.models import RegisteredModel
    from apps.workspaces.access import SYSTEM

    keep = cleaning.keep_by_settings()
    if keep.newest:
        for model in RegisteredModel.objects.order_by("created_at").iterator():
            cleaning.remove_old_files(model=model, keep=keep, actor=SYSTEM)
