"""Celery doors of feedback."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

_PATIENCE = timedelta(seconds=20)


@shared_task(name="feedback.read_labels", time_limit=3_600)
def read_labels(file_id: str, **_extra: object) -> None:
    """Read one file of labels; a second message for it does nothing."""
    from apps.feedback import engine
    from apps.feedback.lifecycle import label_files

    wanted = UUID(file_id)
    if (token := label_files.claim(wanted)) is not None:
        engine.read(wanted, token)


@shared_task(name="feedback.dispatch_labels")
def dispatch_labels(**_extra: object) -> None:
    """Take back what died and send again what the broker lost."""
    from apps.core import clock
    from apps.feedback.label_files import send_file
    from apps.feedback.lifecycle import label_files

    label_files.take_back_expired()
    for file_id in label_files.waiting(before=clock.now() - _PATIENCE):
        send_file(file_id)
