"""Celery doors of predictions."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

_PATIENCE = timedelta(seconds=20)


@shared_task(name="predictions.run_batch", time_limit=3_600)
def run_batch(batch_id: str, **_extra: object) -> None:
    """Score one data set; a second message for it does nothing."""
    from apps.predictions import engine, lifecycle

    wanted = UUID(batch_id)
    if (token := lifecycle.claim(wanted)) is not None:
        engine.score(wanted, token)


@shared_task(name="predictions.dispatch_batches")
def dispatch_batches(**_extra: object) -> None:
    """Take back what died and send again what the broker lost."""
    from apps.core import clock
    from apps.predictions import actions, lifecycle
    from apps.predictions.models import BatchPrediction

    lifecycle.take_back_expired()
    late = clock.now() - _PATIENCE
    waiting = BatchPrediction.objects.filter(status=BatchPrediction.Status.PENDING, created_at__lt=late)
    for batch_id in waiting.order_by("created_at").values_list("pk", flat=True)[:50]:
        actions.send_batch(batch_id)


@shared_task(name="predictions.sweep_results")
def sweep_results(**_extra: object) -> None:
    """Remove results that no batch names."""
    from apps.predictions import actions

    actions.sweep_results()
