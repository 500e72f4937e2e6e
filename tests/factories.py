"""Rows for tests, with sensible defaults; each returns the saved object."""

import os
import secrets
import uuid
from collections import Counter
from typing import Any

from django.contrib.auth.models import User

from apps.datasets.models import Dataset, DatasetVersion
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.models import Membership, Workspace


def make_user(name: str | None = None, **fields: Any) -> User:
    """Make a user whose password is "correct horse"."""
    return User.objects.create_user(username=name or f"user-{secrets.token_hex(4)}", password="correct horse", **fields)


def make_workspace(name: str = "Acme") -> Workspace:
    return Workspace.objects.create(name=name, slug=f"acme-{secrets.token_hex(4)}")


def make_member(workspace: Workspace, role: str, name: str | None = None) -> User:
    """Make a user who holds `role` in `workspace`."""
    user = make_user(name)
    Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


def make_dataset_version(workspace: Workspace, **fields: Any) -> DatasetVersion:
    """Make a ready version of a new dataset, without a file behind it."""
    dataset = Dataset.objects.create(workspace=workspace, name=fields.pop("name", "sales"))
    defaults: dict[str, Any] = {
        "number": 1,
        "status": DatasetVersion.Status.READY,
        "original_name": "sales.csv",
        "upload_path": "none.csv",
        "upload_bytes": 10,
        "upload_sha256": secrets.token_hex(32),
        "table_path": "none.parquet",
        "table_sha256": secrets.token_hex(32),
        "content_hash": secrets.token_hex(32),
        "rows": 100,
        "columns": [{"name": "x", "dtype": "number"}, {"name": "label", "dtype": "category"}],
    }
    return DatasetVersion.objects.create(dataset=dataset, **{**defaults, **fields})


def make_model(workspace: Workspace, **fields: Any) -> RegisteredModel:
    defaults: dict[str, Any] = {
        "name": f"model {secrets.token_hex(4)}",
        "algorithm": "random_forest",
        "task": "classification",
        "target": "label",
    }
    return RegisteredModel.objects.create(workspace=workspace, **{"pk": _own_id(), **defaults, **fields})


_made: Counter[str] = Counter()


def _own_id() -> uuid.UUID:
    """Return the same id for the same model of the same test each time: which rows are frozen for the gate hangs on it."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    _made[test] += 1
    return uuid.uuid5(uuid.UUID(int=0), f"{test} {_made[test]}")


def make_campaign(model: RegisteredModel, **fields: Any) -> TrainingCampaign:
    if "dataset_version" not in fields:
        fields["dataset_version"] = make_dataset_version(model.workspace, name=f"data {uuid.uuid4()}")
    return TrainingCampaign.objects.create(model=model, **fields)
