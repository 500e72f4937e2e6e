"""Searches on the pages, whose trials run in this process as soon as they are sent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from apps.algorithms.choice import AUTO
from apps.core import clock
from apps.core.processes import identity
from apps.registry.actions import create_model
from apps.registry.models import RegisteredModel
from apps.training import lifecycle, trial_lifecycle
from apps.training.actions import start_campaign
from apps.training.engine import search as searching
from apps.training.engine import trials
from apps.training.models import TrainingCampaign, Trial
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import train

Status = Trial.Status
FAST = {"n_estimators": 20, "early_stopping_rounds": 5}


def url(name: str, *args: Any) -> str:
    return reverse(f"dashboard:{name}", args=args)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Run trials in this process as soon as they are sent."""
    settings.SEARCH_TRIALS_AT_ONCE = 1
    monkeypatch.setattr(trials, "close_old_connections", lambda: None)  # it would end the test's transaction
    monkeypatch.setattr(trials, "_take_limits", lambda: None)  # they are for a worker's process
    trials._rows_of.cache_clear()
    monkeypatch.setattr(searching, "send_trial", lambda trial, seconds: trials.run(trial.pk))
    monkeypatch.setattr(searching, "_LOOK_SECONDS", 0.0)


@pytest.fixture
def model_of(cast, invoices_of_acme) -> Callable[..., RegisteredModel]:
    """Return a maker of models of acme that nothing was trained for yet."""

    def make(algorithm: str = "xgboost", **fields: Any) -> RegisteredModel:
        parameters = FAST if algorithm == "xgboost" else {}
        given = {"name": f"By {algorithm}", "task": "classification", "target": "late", "parameters": parameters, **fields}
        return create_model(workspace=cast.acme, actor=SYSTEM, algorithm=algorithm, **given)

    return make


def play(trial: Trial, seconds: int) -> None:
    """Score a trial of the automatic choice as if it had been run: the quickest algorithm is the best."""
    trial_lifecycle.begin(trial.pk, identity())
    score = 0.9 if trial.algorithm == "svm" else 0.8
    facts = {"metric": "roc_auc", "fit_seconds": 0.1, "fit_rows": 256, "scores": [score, score]}
    trial_lifecycle.end(trial.pk, Status.COMPLETED, score=score, **facts)


@pytest.fixture
def searched(model_of, invoices_of_acme, monkeypatch) -> Callable[..., TrainingCampaign]:
    """Return a maker of campaigns whose search has ended with a version."""

    def make(algorithm: str = "xgboost", *, tried: int = 3, **fields: Any) -> TrainingCampaign:
        if algorithm == AUTO:
            monkeypatch.setattr(searching, "send_trial", play)
        search = {"seconds": 60, "trials": tried}
        campaign = train(model_of(algorithm), invoices_of_acme, search=search, **fields)
        assert campaign.status == "completed", campaign.error
        return campaign

    return make


@pytest.fixture
def under_way(model_of, invoices_of_acme) -> Callable[..., TrainingCampaign]:
    """Return a maker of campaigns whose search runs, and has tried what a test adds."""

    def make(algorithm: str = "xgboost", **fields: Any) -> TrainingCampaign:
        search = {"seconds": 60}
        model = model_of(algorithm)
        campaign = start_campaign(model=model, dataset_version=invoices_of_acme, search=search, actor=SYSTEM, **fields)
        assert lifecycle.claim(campaign.pk, {})
        campaign.refresh_from_db()
        return campaign

    return make


def add(campaign: TrainingCampaign, number: int, status: str = "completed", **fields: Any) -> Trial:
    """Add a trial that somebody has run elsewhere."""
    scores = fields.pop("scores", [0.8, 0.9] if status == "completed" else [])
    given = {"algorithm": "xgboost", "searched": {"max_depth": number, "reg_lambda": 0.5}, "metric": "roc_auc", **fields}
    score = sum(scores) / len(scores) if status == "completed" else None
    facts = {"run": campaign.token, "until": clock.now() + timedelta(minutes=1), "fit_seconds": 0.25 if scores else None}
    made: Trial = Trial.objects.create(
        campaign=campaign, number=number, status=status, scores=scores, score=score, **facts, **given
    )
    return made
