"""A model that the real service trained and the real registry filed."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings

from apps.algorithms import catalog
from apps.algorithms.schema import Task
from apps.predictions.cache import predictors
from apps.predictions.recorder import recorder
from apps.registry import actions
from apps.registry.manifest import VersionFacts
from apps.registry.models import ModelVersion
from apps.workspaces.access import SYSTEM
from apps.workspaces.recent_keys import recent_keys
from tests.contracts.tables import mixed_table, silent
from tests.factories import make_dataset_version, make_model


def train_version(model: Any, *, seed: int = 0) -> tuple[ModelVersion, list[dict[str, Any]]]:
    """Train and file a version; return it with rows that it did not learn from."""
    service = catalog.get("random_forest")(
        task=Task.CLASSIFICATION, parameters={"n_estimators": 20, "max_depth": 5}, seed=seed
    )
    split = mixed_table(Task.CLASSIFICATION).split(task=Task.CLASSIFICATION, test_share=0.2, seed=0)
    service.fit(split.train, silent)
    staging = Path(settings.ML_MODELS_DIR) / str(model.workspace_id) / str(model.pk) / f".staging-{seed}"
    for part, write in (("native", service.save), ("predictor", service.predictor)):
        (staging / part).mkdir(parents=True)
        write(staging / part)
    evaluation = service.evaluate(split.test)
    facts = VersionFacts(
        dataset_version=make_dataset_version(model.workspace, name=f"data {uuid.uuid4()}"),
        algorithm="random_forest",
        parameters=service.parameters,
        seed=seed,
        schema=service.schema,
        metrics=dict(evaluation.metrics),
        main_metric=evaluation.main,
        greater_is_better=True,
        baseline=service.baseline(split.test),
        importance=service.importance(split.test),
    )
    prepared = actions.prepare_version(model=model, campaign_id=uuid.uuid4(), staging=staging, facts=facts)
    with transaction.atomic():
        version = actions.register_version(prepared, actor=SYSTEM)
    return version, split.test.records(30)


@pytest.fixture
def trained(cast, tmp_path: Path):
    """Return a model of `acme` with one live version, and rows for it."""
    predictors.clear()
    recent_keys.forget_all()
    with override_settings(ML_MODELS_DIR=tmp_path):
        model = make_model(cast.acme, target="y")
        _version, rows = train_version(model)
        yield model, rows
        recorder.flush()
