"""Reads of campaigns and their events."""

import statistics
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.core import clock
from apps.core.errors import Conflict, InvalidInput, Problem
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import datasets_of, latest_ready_version, latest_version
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign, TrainingEvent, Trial

MOST_POINTS = 500
_LEAST_PROGRESS_FOR_ETA = 0.03


def campaigns_of(workspace_ids: Iterable[UUID]) -> QuerySet[TrainingCampaign]:
    """Return the campaigns of these workspaces, newest first."""
    campaigns = TrainingCampaign.objects.in_workspaces(list(workspace_ids))
    return campaigns.select_related("model", "version", "dataset_version", "dataset_version__dataset")


def version_to_train_on(model: RegisteredModel, dataset_id: UUID) -> DatasetVersion:
    """Return the newest ready version of a data set of the model's workspace, or the version of this very id."""
    dataset = datasets_of([model.workspace_id]).filter(pk=dataset_id).first()
    if dataset is not None:
        ready = latest_ready_version(dataset)
        if ready is not None:
            return ready
        newest = latest_version(dataset)
        if newest is not None and newest.status == DatasetVersion.Status.REFUSED:
            raise Conflict(
                "The data set's last upload was refused, so there is nothing to train on. Upload a corrected file."
            )
        raise Conflict(f"The data set is {newest.status if newest else 'empty'}; it can be trained on once it is ready.")
    versions = DatasetVersion.objects.in_workspaces([model.workspace_id]).select_related("dataset")
    version: DatasetVersion | None = versions.filter(pk=dataset_id, dataset__archived_at__isnull=True).first()
    if version is None:
        problem = Problem("/dataset", "unknown_dataset", "The model's workspace has no data set of this id.")
        raise InvalidInput("No such data set.", [problem])
    return version


def best_first(trials: Iterable[Trial]) -> list[Trial]:
    """Return trials that went to their end, best first; of equal ones the earlier."""
    return sorted(trials, key=lambda one: ((-1 if one.greater_is_better else 1) * (one.score or 0.0), one.number))


def leaderboard_of(campaign: TrainingCampaign) -> list[Trial]:
    """Return the trials of a search: those that went to their end, best first, then the others in their order."""
    trials = list(campaign.trials.order_by("number"))
    done = best_first(one for one in trials if one.status == Trial.Status.COMPLETED)
    order = [str(status) for status in Trial.Status]
    return [
        *done,
        *sorted(
            (one for one in trials if one.status != Trial.Status.COMPLETED),
            key=lambda one: (order.index(one.status), one.number),
        ),
    ]


def spread_of(trial: Trial) -> float | None:
    """Return the standard deviation of a trial's scores over its folds; None where there is one fold."""
    return statistics.stdev(trial.scores) if len(trial.scores) > 1 else None


def trial_as_json(trial: Trial) -> dict[str, Any]:
    """Return a trial as the API shows it."""
    seconds = (trial.finished_at - trial.started_at).total_seconds() if trial.finished_at and trial.started_at else None
    return {
        "id": trial.pk,
        "number": trial.number,
        "algorithm": trial.algorithm,
        "parameters": trial.parameters,
        "searched": trial.searched,
        "status": trial.status,
        "metric": trial.metric or None,
        "greater_is_better": trial.greater_is_better,
        "score": trial.score,
        "spread": spread_of(trial),
        "scores": trial.scores,
        "fit_seconds": trial.fit_seconds,
        "duration_seconds": seconds,
        "error": trial.error or None,
        "started_at": trial.started_at,
        "finished_at": trial.finished_at,
    }


def events_after(campaign_id: UUID, seq: int) -> list[TrainingEvent]:
    """Return the events that follow `seq`, in order."""
    return list(TrainingEvent.objects.filter(campaign_id=campaign_id, seq__gt=seq).order_by("seq"))


def last_seq(campaign_id: UUID) -> int:
    """Return the number of the newest event, 0 when there is none."""
    found = TrainingEvent.objects.filter(campaign_id=campaign_id).order_by("-seq").values_list("seq", flat=True).first()
    return found or 0


def points_of(campaign: TrainingCampaign) -> list[TrainingEvent]:
    """Return the metric points of the present attempt, thinned to at most `MOST_POINTS`, the last one kept."""
    points = TrainingEvent.objects.filter(campaign=campaign, kind="metric", attempt=campaign.attempt, step__isnull=False)
    found = list(points.order_by("seq"))
    if len(found) <= MOST_POINTS:
        return found
    stride = -(-len(found) // MOST_POINTS)
    kept = found[::stride]
    return kept if kept[-1] is found[-1] else [*kept, found[-1]]


def curve_of(campaign: TrainingCampaign) -> list[dict[str, Any]]:
    """Return the learning curve of the present attempt: at most `MOST_POINTS` points."""
    return [{"step": point.step, **point.metrics} for point in points_of(campaign)]


def campaign_as_json(campaign: TrainingCampaign, *, with_history: bool = True) -> dict[str, Any]:
    """Return a campaign as the API shows it."""
    end = campaign.finished_at or (clock.now() if campaign.status == campaign.Status.TRAINING else None)
    seconds = (end - campaign.started_at).total_seconds() if end and campaign.started_at else None
    return {
        "id": campaign.pk,
        "model": campaign.model_id,
        "name": campaign.name,
        "dataset": campaign.dataset_version.dataset_id,
        "dataset_version": campaign.dataset_version_id,
        "algorithm": campaign.algorithm or None,
        "parameters": campaign.parameters,
        "search": _search_as_json(campaign),
        "seed": campaign.seed,
        "feedback_until": campaign.feedback_until,
        "status": campaign.status,
        "progress": round(campaign.progress, 4),
        "stage": campaign.stage,
        "metrics": campaign.metrics,
        "history": curve_of(campaign) if with_history else [],
        "error": campaign.error or None,
        "version": campaign.version.number if campaign.version else None,
        "created_at": campaign.created_at,
        "started_at": campaign.started_at,
        "finished_at": campaign.finished_at,
        "duration_seconds": seconds,
        "eta_seconds": _time_left(campaign, seconds),
        "improvement": campaign.improvement,
        "attempt": campaign.attempt,
        "cancel_requested": campaign.cancel_requested,
    }


def _search_as_json(campaign: TrainingCampaign) -> dict[str, Any] | None:
    if campaign.search is None:
        return None
    told = {name: campaign.search[name] for name in ("seconds", "trials", "continues", "rows")}
    return {**told, "held": campaign.search["held"], "spent_seconds": round(campaign.search_spent, 1)}


def _time_left(campaign: TrainingCampaign, seconds: float | None) -> float | None:
    if campaign.status != campaign.Status.TRAINING or not seconds or campaign.progress < _LEAST_PROGRESS_FOR_ETA:
        return None
    return round(seconds * (1 - campaign.progress) / campaign.progress, 1)


def event_as_json(event: TrainingEvent) -> dict[str, Any]:
    """Return one event."""
    return {
        "seq": event.seq,
        "at": event.at,
        "attempt": event.attempt,
        "kind": event.kind,
        "status": event.status,
        "stage": event.stage,
        "progress": round(event.progress, 4),
        "step": event.step,
        "metrics": event.metrics,
        "message": event.message,
    }
