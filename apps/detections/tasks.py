"""Celery doors of detections."""

from celery import shared_task


@shared_task(name="detections.collect", time_limit=300)
def collect(**_extra: object) -> None:
    """Record what was answered lately and is an alert, then say why; twice at once is harmless."""
    from apps.detections.engine import collecting, explaining

    try:
        collecting.collect()
    finally:
        explaining.explain()


@shared_task(name="detections.statistics", time_limit=1_800)
def statistics(**_extra: object) -> None:
    """Count the hours in which something was answered or reviewed since the last time."""
    from apps.detections.engine import counting

    counting.count_hours()


@shared_task(name="detections.sweep")
def sweep(**_extra: object) -> None:
    """Forget old detections that nobody has reviewed."""
    from apps.detections import actions

    actions.sweep_detections()
