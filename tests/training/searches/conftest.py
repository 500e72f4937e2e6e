"""Campaigns whose search runs its trials in this process: what a worker does, without a broker between."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.core import clock
from apps.training import lifecycle
from apps.training.engine import search as searching
from apps.training.engine import training, trials
from apps.training.models import TrainingCampaign, Trial

Status = Trial.Status
FAST = {"n_estimators": 20, "early_stopping_rounds": 5}


def limits(**given: Any) -> dict[str, Any]:
    return {"seconds": 3_600, "trials": 4, "continues": None, "rows": 2_000, "held": {}, **given}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Run trials in this process as soon as they are sent: what a worker does, without a broker between."""
    settings.SEARCH_TRIALS_AT_ONCE = 1
    for room in (training, trials):
        monkeypatch.setattr(room, "close_old_connections", lambda: None)  # it would end the test's transaction
    monkeypatch.setattr(trials, "_take_limits", lambda: None)  # they are for a worker's process
    trials._rows_of.cache_clear()
    monkeypatch.setattr(searching, "send_trial", lambda trial, seconds: trials.run(trial.pk))
    monkeypatch.setattr(searching, "_LOOK_SECONDS", 0.0)


def train(campaign: TrainingCampaign) -> TrainingCampaign:
    claim = lifecycle.claim(campaign.pk, {})
    assert claim is not None
    training.run(campaign.pk, claim.token, claim.attempt)
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def searched(campaign_on_table) -> Callable[..., TrainingCampaign]:
    """Return a maker of campaigns that search."""

    def make(algorithm: str = "xgboost", parameters: dict[str, Any] | None = None, **given: Any) -> TrainingCampaign:
        workspace = given.pop("workspace", None)
        parameters = FAST if parameters is None else parameters
        campaign: TrainingCampaign = campaign_on_table(
            algorithm=algorithm, parameters=parameters, search=limits(**given), workspace=workspace
        )
        campaign.model.parameters = parameters
        campaign.model.save(update_fields=["parameters"])
        return campaign

    return make


def a_trial(campaign: TrainingCampaign, run: uuid.UUID, *, number: int = 1, **fields: Any) -> Trial:
    until = fields.pop("until", clock.now() + timedelta(minutes=1))
    algorithm = fields.pop("algorithm", "xgboost")
    made: Trial = Trial.objects.create(campaign=campaign, number=number, run=run, until=until, algorithm=algorithm, **fields)
    return made


class KeptOpen:
    """A connection that is not closed: it would end the test's transaction."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def close(self) -> None:
        """Leave it open."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)
