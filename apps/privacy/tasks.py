"""Celery doors of privacy."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

_PATIENCE = timedelta(seconds=20)


@shared_task(name="privacy.run_request", time_limit=6 * 3_600)
def run_request(request_id: str, **_extra: object) -> None:
    """Count, hand out or erase what there is of one subject; a second message for it does nothing."""
    from apps.privacy import actions, engine
    from apps.privacy.lifecycle import claim, requests

    wanted = UUID(request_id)
    if (token := claim(wanted)) is not None:
        engine.work(wanted, token)
        for waiting in requests.waiting()[:1]:
            if waiting != wanted:
                actions.send_request(waiting)


@shared_task(name="privacy.dispatch_requests")
def dispatch_requests(**_extra: object) -> None:
    """Take back what died and send again what the broker lost, or what waits for something else to end."""
    from apps.core import clock
    from apps.privacy import actions
    from apps.privacy.lifecycle import requests

    requests.take_back_expired()
    for request_id in requests.waiting(before=clock.now() - _PATIENCE):
        actions.send_request(request_id)


@shared_task(name="privacy.apply_retention", time_limit=3_600)
def apply_retention(**_extra: object) -> None:
    """Remove what is older than each workspace keeps it."""
    from apps.privacy import retention

    retention.apply()
