"""The legal changes of a trial, as compare-and-set: one that is no longer wanted changes nothing and learns so."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from apps.core import clock
from apps.training.models import TrainingCampaign, Trial

Status = Trial.Status
OPEN = (Status.WAITING, Status.RUNNING)


def begin(trial_id: UUID, owner: Mapping[str, Any]) -> Trial | None:
    """Take a trial that waits; None when it is not to be had (taken, ended, or of a run that is no more)."""
    waiting = _wanted(trial_id).filter(status=Status.WAITING)
    if not waiting.update(status=Status.RUNNING, owner=dict(owner), started_at=clock.now()):
        return None
    found: Trial = Trial.objects.select_related("campaign__model", "campaign__dataset_version__dataset").get(pk=trial_id)
    return found


def is_wanted(trial_id: UUID) -> bool:
    """Say whether somebody still waits for a trial that runs."""
    return bool(_wanted(trial_id).filter(status=Status.RUNNING).exists())


def note_scores(trial_id: UUID, **facts: Any) -> None:
    """Write the scores of the folds so far."""
    Trial.objects.filter(pk=trial_id, status=Status.RUNNING).update(**facts)


def end(trial_id: UUID, status: str, **facts: Any) -> bool:
    """End a trial that waits or runs; False when it had ended before."""
    found = Trial.objects.filter(pk=trial_id, status__in=OPEN)
    return bool(found.update(status=status, finished_at=clock.now(), **facts))


def cancel_open(campaign_id: UUID) -> None:
    """End the trials of a campaign that wait or run: nobody waits for them any more."""
    Trial.objects.filter(campaign_id=campaign_id, status__in=OPEN).update(status=Status.CANCELLED, finished_at=clock.now())


def _wanted(trial_id: UUID) -> QuerySet[Trial]:
    return Trial.objects.filter(
        pk=trial_id,
        until__gt=clock.now(),
        campaign__status=TrainingCampaign.Status.TRAINING,
        campaign__token=F("run"),
        campaign__cancel_requested=False,
    )
