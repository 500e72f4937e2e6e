"""A server to send to, models with ended campaigns, and readers of what the server has."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import transaction

from apps.core import clock
from apps.registry import actions
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.workspaces.access import SYSTEM
from tests.cast import Cast
from tests.factories import make_campaign, make_model
from tests.registry.filing import facts_of, staged
from tests.tracking.fake import API, Fake, serve

BEGAN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@dataclass
class Clock:
    at: datetime = BEGAN + timedelta(days=1)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **time: float) -> None:
        self.at += timedelta(**time)


@dataclass
class There:
    """What a server has, read by its own API."""

    address: str
    fake: Fake
    _client: httpx.Client = field(default_factory=httpx.Client)

    def get(self, path: str, **given: str) -> Any:
        return self._client.get(f"{self.address}{API}{path}", params=given).json()

    def post(self, path: str, **given: Any) -> Any:
        return self._client.post(f"{self.address}{API}{path}", json=given).json()

    def experiment(self, name: str) -> Any:
        return self.get("experiments/get-by-name", experiment_name=name).get("experiment")

    def runs(self, name: str) -> list[Any]:
        found: list[Any] = self.post("runs/search", experiment_ids=[self.experiment(name)["experiment_id"]]).get("runs", [])
        return sorted(found, key=lambda run: run["info"]["start_time"])

    def versions(self, name: str) -> list[tuple[str, str]]:
        """Return the numbers there, each with the number that the version has with us."""
        found = []
        for run in self.runs(name):
            asked = self.get("model-versions/search", filter=f"run_id = '{run['info']['run_id']}'")
            found += [(one["version"], tags_of(one)["mlplatform.version"]) for one in asked.get("model_versions", [])]
        return found


def tags_of(found: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in found.get("tags", [])}


def numbered(items: list[Any]) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in items}


@pytest.fixture
def fake(settings: Any) -> Iterator[Fake]:
    """Return a server of our own that is set."""
    found = Fake()
    server = serve(found)
    settings.MLFLOW_TRACKING_URI = found.address
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def there(fake: Fake, settings: Any) -> There:
    """Return readers of the server that is set: a real MLflow where `MLFLOW_OF_TESTS` names one, else our own."""
    settings.MLFLOW_TRACKING_URI = os.environ.get("MLFLOW_OF_TESTS", fake.address)
    return There(settings.MLFLOW_TRACKING_URI, fake)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(clock, "now", found)
    return found


@pytest.fixture
def churn(cast: Cast) -> RegisteredModel:
    return make_model(cast.acme, name="churn: é 'x'", description="Who leaves?")


Train = Callable[..., TrainingCampaign]


@pytest.fixture
def train(cast: Cast, settings: Any, tmp_path: Path, now: Clock) -> Train:
    """Return a maker of ended campaigns, each an hour after the one before; those that are completed file a version."""
    settings.ML_MODELS_DIR = tmp_path
    ended = 0

    def make(model: RegisteredModel, status: str = "completed", points: int = 3, **fields: Any) -> TrainingCampaign:
        nonlocal ended
        begin, ended = BEGAN + timedelta(hours=ended), ended + 1
        end = begin + timedelta(seconds=90)
        times = {"started_at": begin, "finished_at": end, "status": status, "progress": 1.0, "created_by": cast.trainer}
        campaign = make_campaign(model, **{**times, "algorithm": model.algorithm, **fields})
        TrainingEvent.objects.bulk_create(
            TrainingEvent(
                campaign=campaign, seq=step, at=begin + timedelta(seconds=step), kind="metric", status="training",
                step=step, metrics={"log loss (%)": 1 / step, "nothing": None},
            )
            for step in range(1, points + 1)
        )  # fmt: skip
        if status == "completed":
            own = {"dataset_version": campaign.dataset_version, "parameters": {"n_estimators": 20, "depth": None}, "seed": 7}
            facts = facts_of(model, **own, packages={"scikit-learn": "1.9.0"})
            made = actions.prepare_version(
                model=model, campaign_id=campaign.pk, staging=staged(model, tmp_path), facts=facts
            )
            with transaction.atomic():
                campaign.version = actions.register_version(made, actor=SYSTEM)
            campaign.metrics, campaign.seed = {"roc_auc": 0.9, "odd": None}, 7
            campaign.save()
        return campaign

    return make
