"""Versions of every algorithm, trained once a run of the tests and filed as often as they are needed."""

import shutil
import tempfile
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.algorithms import catalog
from apps.algorithms.schema import Task
from apps.registry import actions
from apps.registry.manifest import VersionFacts
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import Workspace
from tests.contracts.series import weekly_series
from tests.contracts.tables import mixed_table, silent
from tests.factories import make_dataset_version, make_model

TASKS = {
    "random_forest": Task.CLASSIFICATION,
    "xgboost": Task.REGRESSION,
    "gradient_boosting": Task.CLASSIFICATION,
    "svm": Task.CLASSIFICATION,
    "dbscan": Task.CLUSTERING,
    "isolation_forest": Task.ANOMALY,
    "prophet": Task.FORECAST,
    "lstm": Task.FORECAST,
}
OF_TABLES = [slug for slug, task in TASKS.items() if task != Task.FORECAST]
# What tells two versions apart where the seed changes nothing.
TOLD_APART = {
    "dbscan": [{"min_samples": 5}, {"min_samples": 6}],
    "prophet": [{"changepoint_prior_scale": 0.05}, {"changepoint_prior_scale": 0.5}],
}
OF_THE_DATA = {"beside", "tails", "bend_times"}  # arrays that two versions of the same data share
NEXT_ROW = {"day": "2026-05-05", "shop": "shop 0", "sales": 120.0}  # the first after those that were learned from


@dataclass(frozen=True)
class Trained:
    """Files as a training leaves them before they are filed, what it tells of them, and rows to answer."""

    folder: Path
    facts: dict[str, Any]
    rows: list[dict[str, Any]]


@cache
def trained(slug: str, seed: int) -> Trained:
    """Train once; seeds give different models of the same data."""
    task = TASKS[slug]
    kind = catalog.get(slug)
    told_apart = TOLD_APART[slug][seed] if slug in TOLD_APART else {}
    service = kind(task=task, parameters={**kind.fast_parameters, **told_apart}, seed=seed)
    split = service.split(weekly_series() if task == Task.FORECAST else mixed_table(task), test_share=0.2)
    service.fit(split.train, silent)
    folder = Path(tempfile.mkdtemp(prefix="mlplatform-test-trained-")) / "staging"
    for part, write in (("native", service.save), ("predictor", service.predictor)):
        (folder / part).mkdir(parents=True)
        write(folder / part)
    evaluation = service.evaluate(split.test)
    facts = {
        "algorithm": slug,
        "parameters": service.parameters,
        "seed": seed,
        "schema": service.schema,
        "metrics": dict(evaluation.metrics),
        "main_metric": evaluation.main,
        "greater_is_better": evaluation.greater_is_better,
        "baseline": service.baseline(split.test),
        "importance": service.importance(split.test),
    }
    return Trained(folder, facts, [NEXT_ROW] if task == Task.FORECAST else split.test.records(8))


def model_of(workspace: Workspace, slug: str) -> RegisteredModel:
    """Register a model that the versions of `file_trained` fit."""
    task = TASKS[slug]
    target = {Task.ANOMALY: "", Task.FORECAST: "sales"}.get(task, "y")
    return make_model(workspace, algorithm=slug, task=task, target=target)


def file_trained(model: RegisteredModel, *, seed: int = 0) -> ModelVersion:
    """File a version by the real registry."""
    made = trained(model.algorithm, seed)
    staging = Path(settings.ML_MODELS_DIR) / str(model.workspace_id) / str(model.pk) / f".staging-{uuid.uuid4()}"
    shutil.copytree(made.folder, staging)
    data = make_dataset_version(model.workspace, name=f"data {uuid.uuid4()}")
    facts = VersionFacts(dataset_version=data, **made.facts)
    prepared = actions.prepare_version(model=model, campaign_id=uuid.uuid4(), staging=staging, facts=facts)
    with transaction.atomic():
        return actions.register_version(prepared, actor=SYSTEM)


def array_of(folder: Path) -> str:
    """Return the name of an array that a version's light predictor maps, and that another version has otherwise."""
    arrays = [path for path in folder.glob("predictor/*.npy") if path.stem not in OF_THE_DATA]
    return min(path.relative_to(folder).as_posix() for path in arrays)
