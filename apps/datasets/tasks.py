"""Celery doors of the datasets app."""

from uuid import UUID

from celery import shared_task


@shared_task(name="datasets.check_version", time_limit=1_800)
def check_version(version_id: str, **_extra: object) -> None:
    """Check one uploaded version in a child process; a second message for it does nothing."""
    from apps.datasets import lifecycle, supervision

    wanted = UUID(version_id)
    if (token := lifecycle.claim(wanted)) is not None:
        supervision.check_in_child(wanted, token)


@shared_task(name="datasets.dispatch_checking")
def dispatch_checking(**_extra: object) -> None:
    """Send again the checks that the broker or a dead worker lost."""
    from apps.datasets import supervision

    supervision.dispatch_waiting()


@shared_task(name="datasets.sweep_uploads")
def sweep_uploads(**_extra: object) -> None:
    """Remove files that no row refers to and that are older than a day."""
    from apps.datasets import supervision

    supervision.sweep_files()
