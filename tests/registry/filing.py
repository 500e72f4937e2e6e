"""Ways to file a version as a training does."""

import uuid
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.algorithms.results import Baseline, Importance
from apps.algorithms.schema import Column, ColumnKind, TableSchema
from apps.registry import actions
from apps.registry.files import PreparedVersion
from apps.registry.manifest import VersionFacts
from apps.registry.models import ModelVersion
from apps.workspaces.access import SYSTEM
from tests.factories import make_dataset_version

STAGING = ".staging-"


def facts_of(model: Any, **fields: Any) -> VersionFacts:
    """Return what a training of this model would tell."""
    defaults: dict[str, Any] = {
        "dataset_version": make_dataset_version(model.workspace, name=str(uuid.uuid4())),
        "algorithm": model.algorithm,
        "parameters": {},
        "seed": 0,
        "schema": TableSchema((Column("x", ColumnKind.NUMBER),), "label", ColumnKind.CATEGORY, ("a", "b")),
        "metrics": {"roc_auc": 0.9},
        "main_metric": "roc_auc",
        "greater_is_better": True,
        "baseline": Baseline("guess", {"roc_auc": 0.5}),
        "importance": Importance("test", (("x", 1.0, 0.0),)),
    }
    return VersionFacts(**{**defaults, **fields})


def staged(model: Any, root: Path) -> Path:
    """Make a folder with one predictor file, as a training leaves it."""
    staging = root / str(model.workspace_id) / str(model.pk) / f"{STAGING}{uuid.uuid4()}"
    (staging / "predictor").mkdir(parents=True)
    (staging / "predictor" / "nodes.npy").write_bytes(uuid.uuid4().bytes * 20)
    return staging


def prepare(model: Any, root: Path, **fields: Any) -> PreparedVersion:
    """Prepare a version with a few small files."""
    facts = facts_of(model, **fields)
    return actions.prepare_version(model=model, campaign_id=uuid.uuid4(), staging=staged(model, root), facts=facts)


def file_version(model: Any, root: Path, **fields: Any) -> ModelVersion:
    """File a version with a few small files."""
    prepared = prepare(model, root, **fields)
    with transaction.atomic():
        return actions.register_version(prepared, actor=SYSTEM)
