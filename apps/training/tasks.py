"""Celery doors of training. A message is only a hint: the row decides who runs what."""

from uuid import UUID

from celery import shared_task


@shared_task(name="training.run_campaign")
def run_campaign(campaign_id: str, **_extra: object) -> None:
    """Run the campaign whose turn it is; the one named in the message is tried when none waits before it."""
    from apps.training import actions, supervision

    supervision.run(actions.next_pending() or UUID(campaign_id))


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
