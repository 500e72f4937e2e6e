"""A model of anomalies that the real service trained, and what it answered: some rows usual, some not."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings

from apps.algorithms import catalog
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from apps.predictions import actions as predictions
from apps.predictions.cache import predictors
from apps.predictions.recorder import recorder
from apps.registry import actions as registry
from apps.registry.manifest import VersionFacts
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.access import SYSTEM
from apps.workspaces.recent_keys import recent_keys
from tests.contracts.tables import silent
from tests.factories import make_dataset_version, make_model

ALERT_SHARE = 0.02
_PARAMETERS = {"n_estimators": 20, "alert_share": ALERT_SHARE}


@dataclass(frozen=True)
class Forest:
    """A trained service with its files."""

    service: Any
    folder: Path
    metrics: Any
    baseline: Any
    importance: Any


def usual(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows that no model alerts on: near the middle."""
    chance = np.random.default_rng(seed)
    amounts = chance.uniform(-0.5, 0.5, size=(count, 2))
    return [{"amount": float(a), "days": float(d), "town": "Lyon"} for a, d in amounts]


def unusual(count: int, *, amount: float = 9.0, town: str = "Lyon") -> list[dict[str, Any]]:
    """Return rows that every model alerts on, each a little further out than the one before."""
    return [{"amount": amount + 0.1 * i, "days": -8.0, "town": town} for i in range(count)]


def _table() -> TrainingTable:
    chance = np.random.default_rng(1)
    columns: dict[str, Any] = {"amount": chance.normal(size=500), "days": chance.normal(size=500)}
    columns["town"] = [str(one) for one in chance.choice(["Lyon", "Nice"], 500)]
    kinds = {"amount": ColumnKind.NUMBER, "days": ColumnKind.NUMBER, "town": ColumnKind.CATEGORY}
    return TrainingTable(tuple(Column(*one) for one in kinds.items()), columns, 500, None, None, None)


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Forest:
    """Train one isolation forest for all tests."""
    service = catalog.get("isolation_forest")(task=Task.ANOMALY, parameters=_PARAMETERS, seed=0)
    split = _table().split(task=Task.ANOMALY, test_share=0.2, seed=0)
    service.fit(split.train, silent)
    folder = tmp_path_factory.mktemp("forest")
    for part, write in (("native", service.save), ("predictor", service.predictor)):
        (folder / part).mkdir()
        write(folder / part)
    told = (service.evaluate(split.test), service.baseline(split.test), service.importance(split.test))
    return Forest(service, folder, *told)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[None]:
    """Point the stores at folders of this test."""
    predictors.clear()
    recent_keys.forget_all()
    with override_settings(ML_MODELS_DIR=str(tmp_path / "models")):
        yield
        recorder.flush()


def file_version(model: RegisteredModel, forest: Forest) -> ModelVersion:
    """File the forest as the model's next version, as a training does."""
    staging = Path(settings.ML_MODELS_DIR) / str(model.workspace_id) / str(model.pk) / f".staging-{uuid.uuid4().hex}"
    shutil.copytree(forest.folder, staging)
    service = forest.service
    facts = VersionFacts(
        dataset_version=make_dataset_version(model.workspace, name=f"data {uuid.uuid4()}"),
        algorithm="isolation_forest",
        parameters=service.parameters,
        seed=0,
        schema=service.schema,
        metrics=dict(forest.metrics.metrics),
        main_metric=forest.metrics.main,
        greater_is_better=True,
        baseline=forest.baseline,
        importance=forest.importance,
    )
    prepared = registry.prepare_version(model=model, campaign_id=uuid.uuid4(), staging=staging, facts=facts)
    with transaction.atomic():
        return registry.register_version(prepared, actor=SYSTEM)


@pytest.fixture
def make_watched(cast: Any, stores: None, forest: Forest) -> Callable[..., RegisteredModel]:
    """Return a maker of models of anomalies that answer."""

    def make(workspace: Any = None, **fields: Any) -> RegisteredModel:
        given = {"task": "anomaly", "algorithm": "isolation_forest", "target": "", **fields}
        model = make_model(workspace or cast.acme, **given)
        file_version(model, forest)
        return model

    return make


@pytest.fixture
def watched(make_watched: Callable[..., RegisteredModel]) -> RegisteredModel:
    return make_watched(name="Payments")


def ask(model: RegisteredModel, rows: list[dict[str, Any]]) -> list[str]:
    """Have the model answer these rows and the log written; return the ids of those it calls unusual."""
    done = predictions.predict(model_id=model.pk, rows=rows, actor=SYSTEM)
    recorder.flush()
    return [pk for pk, answer in zip(done.prediction_ids, done.predictions, strict=True) if answer == -1]
