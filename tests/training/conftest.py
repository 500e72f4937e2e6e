"""A small real table, and campaigns on it."""

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from apps.training.models import TrainingCampaign
from apps.workspaces.models import Workspace
from tests.factories import make_campaign, make_dataset_version, make_model, make_workspace

COLUMNS = [
    {"name": "amount", "dtype": "number"},
    {"name": "days", "dtype": "integer"},
    {"name": "city", "dtype": "category"},
    {"name": "label", "dtype": "category"},
]


def write_table(path: Path, *, rows: int = 400, seed: int = 0, unlabelled: int = 0) -> str:
    """Write a separable table with missing values; return its checksum."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    amount, days = rng.normal(size=rows), rng.integers(0, 60, size=rows)
    city = [["Lyon", "Paris", None][i] for i in rng.integers(0, 3, size=rows)]
    late = (amount + days / 30 + rng.normal(scale=0.3, size=rows)) > 1
    labels = [None if i < unlabelled else "late" if is_late else "paid" for i, is_late in enumerate(late)]
    amounts = [None if i % 17 == 0 else float(v) for i, v in enumerate(amount)]
    table = pa.table({
        "amount": pa.array(amounts, pa.float64()), "days": pa.array(days.tolist(), pa.int64()),
        "city": pa.array(city, pa.string()), "label": pa.array(labels),
    })  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def campaign_on_table(tmp_path: Path) -> Any:
    """Return a maker of campaigns that can really be trained, all in one workspace unless told otherwise."""
    with override_settings(DATASETS_DIR=str(tmp_path / "datasets"), ML_MODELS_DIR=str(tmp_path / "models")):
        import os

        before = {name: os.environ.get(name) for name in ("DATASETS_DIR", "ML_MODELS_DIR")}
        os.environ["DATASETS_DIR"], os.environ["ML_MODELS_DIR"] = settings.DATASETS_DIR, settings.ML_MODELS_DIR
        yield _maker()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _maker() -> Callable[..., TrainingCampaign]:
    home: list[Workspace] = []

    def make(
        *,
        algorithm: str = "random_forest",
        parameters: dict[str, Any] | None = None,
        workspace: Workspace | None = None,
        **fields: Any,
    ) -> TrainingCampaign:
        if workspace is None:
            home[:] = home or [make_workspace()]
            workspace = home[0]
        name = f"{uuid.uuid4()}.parquet"
        digest = write_table(Path(settings.DATASETS_DIR) / name, unlabelled=fields.pop("unlabelled", 0))
        version = make_dataset_version(workspace, name=name, table_path=name, table_sha256=digest, rows=400, columns=COLUMNS)
        model = fields.pop("model", None) or make_model(workspace, algorithm=algorithm)
        given = {"n_estimators": 30, "max_depth": 6} if parameters is None else parameters
        return make_campaign(model, dataset_version=version, parameters=given, stage="queued", **fields)

    return make
