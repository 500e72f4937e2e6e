"""Verbs on drift: ask for a check."""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.algorithms.schema import Task
from apps.core import clock
from apps.core.broker import tell
from apps.core.errors import Conflict, PlatformError
from apps.monitoring.models import DriftReport
from apps.monitoring.selectors import checkable_models, last_judged, open_check
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.actions import record_audit

logger = logging.getLogger(__name__)
LONGEST_WINDOW = timedelta(days=30)


def start_check(*, model: RegisteredModel, actor: Actor) -> DriftReport:
    """Queue a check of what the live version answered since the last one; return that which is under way if there is one.

    A window begins where the last one that could be judged ended, so that each row is judged once.
    """
    version = champion_of(model)
    if version is None:
        raise Conflict("The model has no trained version yet, so there is nothing to compare with.")
    if model.task == Task.FORECAST:
        raise Conflict("A forecast is not checked for drift: it learns from its own series, whose values move on.")
    if (found := open_check(model)) is not None:
        return found
    now, before = clock.now(), last_judged(version)
    since = max(before.until if before else version.created_at, now - LONGEST_WINDOW)
    try:
        with transaction.atomic():
            report: DriftReport = DriftReport.objects.create(
                model=model, version=version, since=since, until=now, created_by_id=actor.user_id
            )
            details = {"version": version.number}
            record_audit(actor=actor, workspace_id=model.workspace_id, verb="drift.check", target=report, details=details)
            transaction.on_commit(lambda: send_check(report.pk))
    except IntegrityError:
        if (found := open_check(model)) is not None:  # another request was quicker
            return found
        raise
    return report


def start_checks(*, workspace_ids: list[UUID] | None = None, actor: Actor = SYSTEM) -> list[DriftReport]:
    """Queue a check of every model that has a live version, in all workspaces unless some are given; one that cannot be checked
    keeps no other from its turn.
    """
    started = []
    for model in checkable_models(workspace_ids):
        try:
            started.append(start_check(model=model, actor=actor))
        except PlatformError as error:
            logger.warning("Model %s is not checked for drift: %s", model.pk, error.detail)
        except Exception:
            logger.exception("Model %s is not checked for drift.", model.pk)
    return started


def send_check(report_id: UUID) -> None:
    """Tell the broker that a check waits; when it is down, the dispatcher tells it later."""
    from apps.monitoring.tasks import run_check

    tell(run_check, report_id)
