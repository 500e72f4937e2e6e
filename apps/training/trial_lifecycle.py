"""The legal changes of a trial, as compare-and-set: one that is no longer wanted changes nothing and learns so."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from apps.core import clock
from apps.training.models import TrainingCampaign, Trial

Status = Trial.Status
OPEN = (Status.WAITING, Status.RUNNING)


def begin(trial_id: UUID, owner: Mapping[str, Any]) -> Trial | None:
    """Take a trial that waits; None when it is not to be had (taken, ended, or of a run that is no more)."""
    waiting = _wanted(trial_id).filter(status=Status.WAITING)
    facts = {"owner": dict(owner), "started_at": clock.now(), "lease_until": _lease()}
    if not waiting.update(status=Status.RUNNING, **facts):
        return None
    found: Trial = Trial.objects.select_related("campaign__model", "campaign__dataset_version__dataset").get(pk=trial_id)
    return found


def is_wanted(trial_id: UUID) -> bool:
    """Say whether somebody still waits for a trial that runs."""
    return bool(_wanted(trial_id).filter(status=Status.RUNNING).exists())


def renew(trial_id: UUID) -> bool:
    """Hold a trial that runs a while longer; False when nobody waits for it."""
    return bool(_wanted(trial_id).filter(status=Status.RUNNING).update(lease_until=_lease()))


def note_scores(trial_id: UUID, **facts: Any) -> None:
    """Write the scores of the folds so far."""
    Trial.objects.filter(pk=trial_id, status=Status.RUNNING).update(**facts)


def end(trial_id: UUID, status: str, **facts: Any) -> bool:
    """End a trial that waits or runs; False when it had ended before."""
    found = Trial.objects.filter(pk=trial_id, status__in=OPEN)
    return bool(found.update(status=status, finished_at=clock.now(), **facts))


def cancel_open(campaign_id: UUID, *, run: UUID | None = None) -> None:
    """End the trials of a campaign, or of one of its runs, that wait or run: nobody waits for them any more."""
    still_open = Trial.objects.filter(campaign_id=campaign_id, status__in=OPEN, **({"run": run} if run else {}))
    still_open.update(status=Status.CANCELLED, finished_at=clock.now())


def _lease() -> datetime:
    return clock.now() + timedelta(seconds=settings.TRAINING_LEASE_SECONDS)


def _wanted(trial_id: UUID) -> QuerySet[Trial]:
    """Ask for a trial of a run that goes on.

    The run is asked for in a subquery, not through a join: an UPDATE over a join looks for its rows in a subquery, whose
    answer PostgreSQL does not look at again after waiting for another worker's UPDATE, and so both would take the trial.
    """
    runs = TrainingCampaign.objects.filter(
        pk=OuterRef("campaign"), token=OuterRef("run"), status=TrainingCampaign.Status.TRAINING, cancel_requested=False
    )
    return Trial.objects.filter(Exists(runs), pk=trial_id, until__gt=clock.now())
