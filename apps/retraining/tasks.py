"""Celery doors of retraining."""

from datetime import timedelta
from uuid import UUID

from celery import shared_task

_PATIENCE = timedelta(seconds=20)
_SENT_AT_ONCE = 20


@shared_task(name="retraining.check_all")
def check_all(**_extra: object) -> None:
    """Decide for every model that has a policy, and begin what is due."""
    from apps.retraining import actions

    actions.retrain_what_is_due()


@shared_task(name="retraining.retrain_weekly")
def retrain_weekly(**_extra: object) -> None:
    """Retrain every model that has a policy and something new to learn from, whatever its conditions say."""
    from apps.retraining import actions

    actions.retrain_what_is_due(is_weekly=True)


@shared_task(name="retraining.run_judgement", time_limit=3_600)
def run_judgement(report_id: str, **_extra: object) -> None:
    """Judge one challenger; a second message for it does nothing."""
    from apps.retraining import engine
    from apps.retraining.lifecycle import judgements

    wanted = UUID(report_id)
    if (token := judgements.claim(wanted)) is not None:
        engine.judge(wanted, token)


@shared_task(name="retraining.dispatch_judgements")
def dispatch_judgements(**_extra: object) -> None:
    """Ask the gate about what was retrained, close what was overtaken, take back what died, send again what the broker lost."""
    from apps.core import clock
    from apps.retraining import actions
    from apps.retraining.lifecycle import judgements

    actions.close_what_was_overtaken()
    actions.judge_what_was_retrained()
    actions.take_back_judgements()
    for report_id in judgements.waiting(before=clock.now() - _PATIENCE)[:_SENT_AT_ONCE]:
        actions.send_judgement(report_id)


@shared_task(name="retraining.watch_promotions")
def watch_promotions(**_extra: object) -> None:
    """Roll back what labels show to be surely worse than the version before it."""
    from apps.retraining import actions

    actions.roll_back_what_fell()


@shared_task(name="retraining.weigh_traffic")
def weigh_traffic(**_extra: object) -> None:
    """Weigh challengers that share their champion's traffic, or answer beside it."""
    from apps.retraining import actions

    actions.weigh_traffic()
