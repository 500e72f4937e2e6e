"""Celery doors of training. A message is only a hint: the row decides who runs what."""

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

_CLAIM_TRIES = 5


@shared_task(name="training.run_campaign")
def run_campaign(_campaign_id: str = "", **_extra: object) -> None:
    """Run the campaign whose turn it is, whichever the message names; none may wait any more."""
    from apps.training import actions, supervision

    for _ in range(_CLAIM_TRIES):  # another worker may take the same one at the same moment
        chosen = actions.next_pending()
        if chosen is None or supervision.run(chosen):
            return


@shared_task(name="training.run_trial")
def run_trial(trial_id: str, **_extra: object) -> None:
    """Score one trial of a search, if its search still waits for it."""
    from uuid import UUID

    from apps.core.children import limit_threads

    limit_threads(1)  # before the libraries are loaded: trials run side by side
    from apps.training.engine import trials

    trials.run(UUID(trial_id))


@shared_task(name="training.reap_leases")
def reap_leases(**_extra: object) -> None:
    """Take back campaigns whose run died."""
    from apps.training import actions

    if actions.reap_leases():
        actions.dispatch_pending()


@shared_task(name="training.dispatch_pending")
def dispatch_pending(**_extra: object) -> None:
    """Send again what the broker lost."""
    from apps.training import actions

    actions.dispatch_pending()


@worker_ready.connect
def _get_ready(sender: object = None, **_extra: object) -> None:
    """In a worker of the training queue, heed signals and have a child waiting before the first job."""
    from django.conf import settings

    app = getattr(sender, "app", None)
    if app is not None and settings.TRAINING_QUEUE in app.amqp.queues.consume_from:
        from apps.training import supervision

        supervision.heed_signals()
        supervision.spares.refill()


@worker_shutting_down.connect
def _give_back(**_extra: object) -> None:
    """Have the running campaign stopped and given back; none is begun any more."""
    from apps.training import supervision

    supervision.shutting_down.set()
