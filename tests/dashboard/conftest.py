"""A workspace as people have it: invoices uploaded and read, models that were really trained on them."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.datasets.models import DatasetVersion
from apps.predictions.recorder import Recorder
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.access import Actor
from apps.workspaces.models import Workspace
from tests.cast import Cast
from tests.journeys.tables import as_csv, invoices


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> None:
    """Give each test its own files, and wait for no worker: none runs here."""
    settings.DATASETS_DIR = str(tmp_path / "datasets")
    settings.ML_MODELS_DIR = str(tmp_path / "models")
    settings.UPLOAD_WAIT_SECONDS = 0.0
    cache.clear()  # it counts attempts to sign in
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def prediction_log(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Return a log without a thread of its own: a test's transaction is not seen by others."""
    recorder = Recorder()
    monkeypatch.setattr(recorder, "_pid", os.getpid())
    monkeypatch.setattr("apps.predictions.actions.recorder", recorder)
    monkeypatch.setattr("apps.predictions.selectors.recorder", recorder)
    return recorder


@pytest.fixture
def browser() -> Callable[..., Client]:
    """Return a maker of browsers, signed in when given a user, that prefer a language."""

    def client_for(user: User | None = None, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        if user is not None:
            client.force_login(user)
        return client

    return client_for


def as_file(content: bytes, name: str = "invoices.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/csv")


def upload(workspace: Workspace, content: bytes, *, name: str = "Invoices", file: str = "invoices.csv") -> DatasetVersion:
    """Upload a file and have it read, as a worker does."""
    from apps.datasets.actions import register_upload

    actor = Actor(user_id=None)
    version = register_upload(workspace=workspace, dataset=None, name=name, upload=as_file(content, file), actor=actor)
    return checked(version)


def checked(version: DatasetVersion) -> DatasetVersion:
    """Read an uploaded file here and now."""
    from apps.datasets import lifecycle
    from apps.datasets.engine import check

    token = lifecycle.claim(version.pk)
    assert token is not None
    check(version.pk, token)
    version.refresh_from_db()
    return version


def copies(row: Any, numbers: Iterable[int], **fields: Callable[[], Any]) -> None:
    """Write a row again under other numbers, with these fields made anew."""
    same = {field.attname: getattr(row, field.attname) for field in row._meta.fields}
    fresh = [
        {**same, "id": uuid4(), "number": number, **{name: make() for name, make in fields.items()}} for number in numbers
    ]
    type(row).objects.bulk_create(type(row)(**values) for values in fresh)


def train(model: RegisteredModel, version: DatasetVersion, **fields: Any) -> TrainingCampaign:
    """Train here and now, in this process."""
    from apps.training.actions import start_campaign

    return run(start_campaign(model=model, dataset_version=version, actor=Actor(user_id=None), **fields))


def run(campaign: TrainingCampaign) -> TrainingCampaign:
    from apps.training import lifecycle
    from apps.training.engine import training as engine

    claim = lifecycle.claim(campaign.pk, {})
    assert claim is not None
    with pytest.MonkeyPatch.context() as here:
        here.setattr(engine, "close_old_connections", lambda: None)  # it would end the test's transaction
        engine.run(campaign.pk, claim.token, claim.attempt)
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def invoices_of_acme(cast: Cast) -> DatasetVersion:
    version = upload(cast.acme, as_csv(invoices(400, seed=1)))
    assert version.status == "ready", version.problems
    return version


@pytest.fixture
def train_model(cast: Cast, invoices_of_acme: DatasetVersion) -> Callable[..., RegisteredModel]:
    """Return a maker of models of acme with one trained version."""

    def make(**fields: Any) -> RegisteredModel:
        from apps.registry.actions import create_model

        given: dict[str, Any] = {
            "name": "Late payers",
            "algorithm": "random_forest",
            "task": "classification",
            "target": "late",
        }
        given |= {"parameters": {"n_estimators": 20, "max_depth": 5}, **fields}
        model = create_model(workspace=cast.acme, actor=Actor(user_id=None), **given)
        campaign = train(model, invoices_of_acme)
        assert campaign.status == "completed", campaign.error
        return model

    return make


@pytest.fixture
def late_payers(train_model: Callable[..., RegisteredModel]) -> RegisteredModel:
    return train_model()
