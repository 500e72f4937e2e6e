"""The legal changes of a campaign, as compare-and-set; each writes its event in the same transaction.

A run shows the token of its claim with every write; one that lost its lease changes nothing and learns so.
"""

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.alerts.actions import end_alerts, raise_alert
from apps.alerts.models import Kind
from apps.core import clock
from apps.registry.models import ModelVersion
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.training.trial_lifecycle import cancel_open

Status = TrainingCampaign.Status
LEGAL: dict[str, frozenset[str]] = {
    Status.PENDING: frozenset({Status.TRAINING, Status.CANCELLED}),
    Status.TRAINING: frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.PENDING}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


class LeaseLost(Exception):
    """Another run holds the campaign, or it has ended: this one must stop and write nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run a campaign."""

    campaign_id: UUID
    token: UUID
    attempt: int


def claim(campaign_id: UUID, owner: Mapping[str, Any]) -> Claim | None:
    """Take a pending campaign; None when it is not to be had (taken, ended, deleted, cancelled meanwhile)."""
    token = uuid.uuid4()
    with transaction.atomic():
        campaign = _locked(campaign_id)
        if campaign is None or campaign.status != Status.PENDING:
            return None
        if campaign.cancel_requested or campaign.model.archived_at is not None:
            _end(campaign, Status.CANCELLED)
            return None
        campaign.token = token
        campaign.lease_until = _lease()
        campaign.owner = dict(owner)
        campaign.started_at = clock.now()
        campaign.stage = "starting"
        _move(campaign, Status.TRAINING)
        return Claim(campaign_id, token, campaign.attempt)


def renew(campaign_id: UUID, token: UUID) -> bool:
    """Hold the lease a while longer; False when it was lost."""
    held = TrainingCampaign.objects.filter(pk=campaign_id, token=token, status=Status.TRAINING)
    return bool(held.update(lease_until=_lease()))


def report(
    campaign_id: UUID,
    token: UUID,
    *,
    progress: float,
    stage: str,
    step: int | None = None,
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Write progress and its event; raise `LeaseLost` when this run no longer holds the campaign."""
    with transaction.atomic():
        campaign = _held(campaign_id, token)
        campaign.progress = max(campaign.progress, min(1.0, progress))
        campaign.stage = stage
        campaign.save(update_fields=["progress", "stage"])
        _event(campaign, "metric" if metrics else "progress", step=step, metrics=metrics)


def note_search_spent(campaign_id: UUID, token: UUID, seconds: float) -> None:
    """Write how much of a search's time is used, so that a run that takes over has the rest."""
    TrainingCampaign.objects.filter(pk=campaign_id, token=token).update(search_spent=seconds)


def complete(
    campaign: TrainingCampaign, *, version: ModelVersion, metrics: Mapping[str, float], improvement: float | None
) -> None:
    """End a campaign well; the caller holds its row (`hold`) and registers the version in the same transaction.

    What a search has chosen is written only now: a run that takes over begins as the first did.
    """
    campaign.version = version
    campaign.algorithm, campaign.parameters = version.algorithm, version.parameters
    campaign.metrics = finite(metrics)
    campaign.improvement = improvement
    campaign.progress = 1.0
    _end(campaign, Status.COMPLETED, metrics=metrics)


def hold(campaign_id: UUID, token: UUID) -> TrainingCampaign:
    """Lock a campaign's row for its run, inside the caller's transaction; raise `LeaseLost` when it is not its own."""
    return _held(campaign_id, token)


def fail(campaign_id: UUID, token: UUID, *, reason: str) -> bool:
    """End a campaign badly, in words a user understands; False when the lease was lost."""
    return _finish(campaign_id, token, Status.FAILED, reason)


def cancel_running(campaign_id: UUID, token: UUID) -> bool:
    """End a campaign that its user cancelled; False when the lease was lost."""
    return _finish(campaign_id, token, Status.CANCELLED, "")


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return the metrics with what is no finite number as None: a database's JSON holds neither NaN nor infinity."""
    return {name: float(value) if value is not None and math.isfinite(value) else None for name, value in metrics.items()}


def _finish(campaign_id: UUID, token: UUID, status: str, reason: str) -> bool:
    with transaction.atomic():
        try:
            campaign = _held(campaign_id, token)
        except LeaseLost:
            return False
        campaign.error = reason
        _end(campaign, status, message=reason)
        return True


def give_back(
    campaign_id: UUID, token: UUID | None, *, reason: str, is_death: bool, seen: TrainingCampaign | None = None
) -> bool:
    """Return a campaign whose run stopped to those that wait; too many deaths end it as failed.

    A stop by the platform (`is_death` false) does not count. `token` is that of the run that stopped (None for a row
    that is in training without one, which only a reaper meets). A lease renewed since the row was `seen` is alive.
    """
    with transaction.atomic():
        campaign = _locked(campaign_id)
        if campaign is None or campaign.status != Status.TRAINING or campaign.token != token:
            return False
        if seen is not None and campaign.lease_until != seen.lease_until:
            return False
        campaign.deaths += int(is_death)
        if campaign.cancel_requested:
            _end(campaign, Status.CANCELLED)
        elif campaign.deaths >= settings.TRAINING_MAX_ATTEMPTS:
            campaign.error = f"{reason} It was tried {campaign.deaths} times."
            _end(campaign, Status.FAILED, message=campaign.error)
        else:
            campaign.token = campaign.lease_until = campaign.sent_at = None
            campaign.owner = {}
            campaign.attempt += 1
            campaign.progress = 0.0
            campaign.stage = "queued"
            _move(campaign, Status.PENDING, message=reason)
        return True


def request_cancel(campaign_id: UUID) -> str | None:
    """Ask a campaign to stop; one that waits ends at once. Return its status, None when it had ended before."""
    with transaction.atomic():
        campaign = _locked(campaign_id)
        if campaign is None or not LEGAL[campaign.status]:
            return None
        campaign.cancel_requested = True
        if campaign.status == Status.PENDING:
            _end(campaign, Status.CANCELLED)
        else:
            campaign.save(update_fields=["cancel_requested"])
        return str(campaign.status)


def record_creation(campaign: TrainingCampaign) -> None:
    """Write the first event of a new campaign."""
    _event(campaign, "status")


def _lease() -> Any:
    return clock.now() + timedelta(seconds=settings.TRAINING_LEASE_SECONDS)


def _locked(campaign_id: UUID) -> TrainingCampaign | None:
    found: TrainingCampaign | None = TrainingCampaign.objects.select_for_update().filter(pk=campaign_id).first()
    return found


def _held(campaign_id: UUID, token: UUID) -> TrainingCampaign:
    campaign = _locked(campaign_id)
    if campaign is None or campaign.status != Status.TRAINING or campaign.token != token:
        raise LeaseLost
    return campaign


def _move(campaign: TrainingCampaign, status: str, *, message: str = "", metrics: Mapping[str, float] | None = None) -> None:
    if status not in LEGAL[campaign.status]:
        raise ValueError(f"A campaign cannot go from {campaign.status} to {status}.")
    campaign.status = status
    campaign.save()
    if status != Status.TRAINING and campaign.search is not None:
        cancel_open(campaign.pk)
    _event(campaign, "status", message=message, metrics=metrics)


def _end(campaign: TrainingCampaign, status: str, *, message: str = "", metrics: Mapping[str, float] | None = None) -> None:
    campaign.finished_at = clock.now()
    campaign.token = campaign.lease_until = None
    campaign.stage = "done" if status == Status.COMPLETED else ""
    _move(campaign, status, message=message, metrics=metrics)
    _alert(campaign)


def _alert(campaign: TrainingCampaign) -> None:
    """Tell of a training that failed, and of one that is completed: that a model's trainings fail is over then."""
    model = campaign.model
    about: dict[str, Any] = {"workspace_id": model.workspace_id, "model_id": model.pk, "model_name": model.name}
    details: dict[str, Any] = {"campaign": str(campaign.pk), "attempt": campaign.attempt}
    failed = f"training_failed:{model.pk}"
    if campaign.status == Status.FAILED:
        title = f"The training of {model.name} failed."
        raise_alert(kind=Kind.TRAINING_FAILED, key=failed, title=title, sentence=campaign.error, details=details, **about)
    elif campaign.status == Status.COMPLETED and campaign.version is not None:
        end_alerts(keys=[failed], workspace_id=model.workspace_id)
        title, number = f"The training of {model.name} is completed.", campaign.version.number
        details |= {"version": number, "metrics": campaign.metrics}
        sentence = f"Version {number} of it was filed."
        key = f"training_completed:{model.pk}"
        raise_alert(kind=Kind.TRAINING_COMPLETED, key=key, title=title, sentence=sentence, details=details, **about)


def _event(
    campaign: TrainingCampaign,
    kind: str,
    *,
    step: int | None = None,
    metrics: Mapping[str, float] | None = None,
    message: str = "",
) -> None:
    # The campaign's row is locked by the caller, so that numbers have no gap and no double.
    last = TrainingEvent.objects.filter(campaign=campaign).order_by("-seq").values_list("seq", flat=True).first() or 0
    TrainingEvent.objects.create(
        campaign=campaign,
        seq=last + 1,
        at=clock.now(),
        attempt=campaign.attempt,
        kind=kind,
        status=campaign.status,
        stage=campaign.stage,
        progress=campaign.progress,
        step=step,
        metrics=finite(metrics or {}),
        message=message,
    )
