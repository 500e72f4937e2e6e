"""A model that the real service trained and the real registry filed, and the keys and batches of its users."""

import uuid
from pathlib import Path

import pytest
from django.test import override_settings

from apps.predictions.cache import predictors
from apps.predictions.recorder import recorder
from apps.workspaces.access import SYSTEM
from apps.workspaces.api.authentication import recent_keys
from tests.contracts.tables import mixed_table, silent
from tests.factories import make_dataset_version, make_model


@pytest.fixture
def trained(cast, tmp_path: Path):
    """Return a model of `acme` with one live version, made by the real service and the real registry."""
    from django.db import transaction

    from apps.algorithms import catalog
    from apps.algorithms.schema import Task
    from apps.registry import actions
    from apps.registry.manifest import VersionFacts

    predictors.clear()
    recent_keys.forget_all()
    with override_settings(ML_MODELS_DIR=tmp_path):
        model = make_model(cast.acme, target="y")
        service = catalog.get("random_forest")(task=Task.CLASSIFICATION, parameters={"n_estimators": 20, "max_depth": 5})
        split = mixed_table(Task.CLASSIFICATION).split(task=Task.CLASSIFICATION, test_share=0.2, seed=0)
        service.fit(split.train, silent)
        staging = tmp_path / str(cast.acme.pk) / str(model.pk) / ".staging-test"
        for part, write in (("native", service.save), ("predictor", service.predictor)):
            (staging / part).mkdir(parents=True)
            write(staging / part)
        evaluation = service.evaluate(split.test)
        facts = VersionFacts(
            dataset_version=make_dataset_version(cast.acme),
            algorithm="random_forest",
            parameters=service.parameters,
            seed=0,
            schema=service.schema,
            metrics=dict(evaluation.metrics),
            main_metric=evaluation.main,
            greater_is_better=True,
            baseline=service.baseline(split.test),
            importance=service.importance(split.test),
        )
        prepared = actions.prepare_version(model=model, campaign_id=uuid.uuid4(), staging=staging, facts=facts)
        with transaction.atomic():
            actions.register_version(prepared, actor=SYSTEM)
        yield model, split.test.records(30)
        recorder.flush()
