"""Celery doors of monitoring."""

import logging
from datetime import timedelta
from uuid import UUID

from celery import shared_task

logger = logging.getLogger(__name__)
_PATIENCE = timedelta(seconds=20)
_SENT_AT_ONCE = 20


@shared_task(name="monitoring.run_check", time_limit=3_600)
def run_check(report_id: str, **_extra: object) -> None:
    """Compare one model's recent rows with what it learned from; a second message for it does nothing."""
    from apps.monitoring.engine import checking
    from apps.monitoring.lifecycle import checks

    wanted = UUID(report_id)
    if (token := checks.claim(wanted)) is not None:
        checking.check(wanted, token)


@shared_task(name="monitoring.check_all")
def check_all(**_extra: object) -> None:
    """Ask for a check of every model that has a live version."""
    from apps.monitoring import actions

    actions.start_checks()


@shared_task(name="monitoring.hold_estimates", time_limit=3_600)
def hold_estimates(**_extra: object) -> None:
    """Hold the estimates of live versions against the labels that came since; a fault of one keeps no other from its turn."""
    from apps.monitoring.engine import checking
    from apps.monitoring.selectors import checkable_models
    from apps.registry.selectors import champion_of

    for model in checkable_models():
        try:
            if (version := champion_of(model)) is not None:
                checking.hold_estimates_of(version)
        except Exception:
            logger.exception("The estimates of model %s are not held against labels.", model.pk)


@shared_task(name="monitoring.dispatch_checks")
def dispatch_checks(**_extra: object) -> None:
    """Take back what died and send again what the broker lost."""
    from apps.core import clock
    from apps.monitoring import actions
    from apps.monitoring.lifecycle import checks

    checks.take_back_expired()
    for report_id in checks.waiting(before=clock.now() - _PATIENCE)[:_SENT_AT_ONCE]:
        actions.send_check(report_id)
