"""Celery doors of tracking."""

from celery import shared_task


@shared_task(name="tracking.dispatch")
def dispatch(**_extra: object) -> None:
    """Send to the MLflow server what has ended, where one is set."""
    from apps.tracking import sending

    sending.dispatch()
