"""Celery doors of predictions."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

_PATIENCE = timedelta(seconds=20)


@shared_task(name="predictions.run_batch", time_limit=3_600)
def run_batch(batch_id: str, **_extra: object) -> None:
    """Score one data set; a second message for it does nothing."""
    from apps.predictions import actions, engine, lifecycle

    wanted = UUID(batch_id)
    if (token := lifecycle.claim(wanted)) is not None:
        engine.score(wanted, token)
        for waiting in lifecycle.batches.waiting()[:1]:
            actions.send_batch(waiting)


@shared_task(name="predictions.dispatch_batches")
def dispatch_batches(**_extra: object) -> None:
    """Take back what died and send again what the broker lost."""
    from django.conf import settings

    from apps.core import clock
    from apps.predictions import actions, lifecycle

    lifecycle.take_back_expired()
    for batch_id in lifecycle.batches.waiting(before=clock.now() - _PATIENCE)[: settings.BATCH_MAX_RUNNING]:
        actions.send_batch(batch_id)


@shared_task(name="predictions.sweep_results")
def sweep_results(**_extra: object) -> None:
    """Remove results that no batch names."""
    from apps.predictions import actions

    actions.sweep_results()
