"""Celery doors of retraining."""

from celery import shared_task


@shared_task(name="retraining.check_all")
def check_all(**_extra: object) -> None:
    """Decide for every model that has a policy, and begin what is due."""
    from apps.retraining import actions

    actions.retrain_what_is_due()
