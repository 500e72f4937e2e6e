"""Celery doors of alerts."""

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready


@shared_task(name="alerts.deliver")
def deliver(delivery_id: str, **_extra: object) -> None:
    """Send one message, if it is still to be sent."""
    from apps.alerts import sending

    sending.deliver(UUID(delivery_id))


@shared_task(name="alerts.dispatch")
def dispatch(**_extra: object) -> None:
    """Take back what died and send what is due."""
    from apps.alerts import sending

    sending.dispatch()


@shared_task(name="alerts.watch_machine")
def watch_machine(**_extra: object) -> None:
    """Look whether disk, workers and beat are well."""
    from apps.alerts import machine

    machine.look_if_due()


@shared_task(name="alerts.sweep")
def sweep(**_extra: object) -> None:
    """Remove old alerts and messages."""
    from apps.alerts import actions

    actions.sweep()


@worker_ready.connect
def _stand_by(sender: Any = None, **_extra: object) -> None:
    """In a worker that forks no children, stand in for a beat or a worker that no longer looks or sends."""
    from celery.concurrency.prefork import TaskPool

    from apps.alerts import machine

    pool = getattr(sender, "pool", None)
    if pool is not None and not isinstance(pool, TaskPool):
        machine.stand_by()
