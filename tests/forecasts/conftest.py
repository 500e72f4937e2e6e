"""Series that were uploaded, and a model that the real engine trained on them."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from apps.datasets import engine as checking
from apps.datasets import lifecycle as checks
from apps.datasets.actions import register_upload
from apps.datasets.incoming import IncomingFile
from apps.datasets.models import DatasetVersion
from apps.predictions.cache import predictors
from apps.predictions.recorder import recorder
from apps.training import lifecycle
from apps.training.engine import training as engine
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.recent_keys import recent_keys
from tests.cast import Cast

DAYS = 140
FIRST = np.datetime64("2026-01-05")


def csv_of(names: tuple[str, ...] = ("nord", "sud"), days: int = DAYS) -> str:
    """Write shops whose sales have a week and a trend, as a French office does."""
    chance = np.random.default_rng(0)
    lines = ["jour;magasin;ventes"]
    for number, name in enumerate(names):
        week = np.array([0, 5, 10, 15, 30, 60, -20])
        for day in range(days):
            value = 100 * (number + 1) + 0.3 * day + week[day % 7] + chance.normal(scale=3)
            lines.append(f"{np.datetime_as_string(FIRST + day, unit='D')};{name};{value:.2f}".replace(".", ","))
    return "\n".join(lines) + "\n"


@pytest.fixture
def few_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Prophet calibrated and measured from three origins, not ten: a third of the fits."""
    monkeypatch.setattr("apps.algorithms.services.prophet._FITS", 6)


@pytest.fixture
def stores(tmp_path: Path, few_origins: None) -> Iterator[Path]:
    """Point the stores at folders of this test."""
    predictors.clear()
    recent_keys.forget_all()
    with override_settings(DATASETS_DIR=str(tmp_path / "datasets"), ML_MODELS_DIR=str(tmp_path / "models")):
        yield tmp_path
        recorder.flush()


def upload(cast: Cast, text: str, *, kind: str = "", name: str = "ventes.csv") -> DatasetVersion:
    """Upload a file and have it checked, as the worker does."""
    file: IncomingFile = SimpleUploadedFile(name, text.encode())
    version = register_upload(workspace=cast.acme, dataset=None, kind=kind, upload=file, actor=SYSTEM)
    token = checks.claim(version.pk)
    assert token is not None
    checking.check(version.pk, token)
    version.refresh_from_db()
    return version


def trained_campaign(campaign_id: Any) -> TrainingCampaign:
    """Train a campaign in this process, as the child does."""
    claim = lifecycle.claim(uuid.UUID(str(campaign_id)), {"host": "here", "pid": 1})
    assert claim is not None
    with patch.object(engine, "close_old_connections"):  # it would close this test's transaction
        engine.run(uuid.UUID(str(campaign_id)), claim.token, claim.attempt)
    return TrainingCampaign.objects.get(pk=campaign_id)


@dataclass(frozen=True)
class Forecasting:
    """A model that forecasts two shops a fortnight ahead, and the version of the data that it learned from."""

    model_id: str
    data: DatasetVersion
    campaign: TrainingCampaign


ASKED = {"algorithm": "prophet", "task": "forecast", "target": "ventes", "time_column": "jour", "group_column": "magasin"}


@pytest.fixture
def forecasting(cast: Cast, api: Any, stores: Path) -> Forecasting:
    """Upload, register and train over the API."""
    data, client = upload(cast, csv_of()), api(cast.trainer)
    asked = {"workspace": str(cast.acme.pk), "name": "Ventes", "parameters": {"horizon": 14}, **ASKED}
    model = client.post("/api/v1/models/", asked, format="json").json()
    campaign = client.post(f"/api/v1/models/{model['id']}/train/", {"dataset": str(data.dataset_id)}, format="json").json()
    return Forecasting(model["id"], data, trained_campaign(campaign["id"]))
