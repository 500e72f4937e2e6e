"""A model whose version keeps a profile of what it learned from, and rows that it answers."""

from typing import Any

import numpy as np
import pytest

from apps.monitoring.models import DriftReport
from apps.predictions import actions as predictions
from apps.registry.models import RegisteredModel
from apps.training.actions import start_campaign
from apps.workspaces.access import SYSTEM
from tests.factories import make_model
from tests.forecasts.conftest import few_origins, stores, trained_campaign, upload  # noqa: F401  (fixtures)


def rows_of(count: int, *, seed: int, moved: float = 0.0) -> list[dict[str, Any]]:
    """Return rows of two numbers and a town; `moved` shifts the first number by so many standard deviations."""
    chance = np.random.default_rng(seed)
    numbers = chance.normal([moved, 0.0], size=(count, 2))
    towns = chance.choice(["Lyon", "Brest", "Nice"], count)
    return [{"a": float(a), "b": float(b), "town": str(town)} for (a, b), town in zip(numbers, towns, strict=True)]


def as_csv(rows: list[dict[str, Any]]) -> str:
    late = ["yes" if row["a"] + 0.3 * row["b"] > 0 else "no" for row in rows]
    lines = [f"{row['a']},{row['b']},{row['town']},{answer}" for row, answer in zip(rows, late, strict=True)]
    return "\n".join(["a,b,town,late", *lines]) + "\n"


@pytest.fixture
def watched(cast, stores) -> RegisteredModel:  # noqa: F811
    """Return a model with one live version, trained by the real engine."""
    version = upload(cast, as_csv(rows_of(1_500, seed=0)), name="clients.csv")
    model = make_model(
        cast.acme,
        target="late",
        algorithm="random_forest",
        parameters={"n_estimators": 20, "max_depth": 6},
        frozen_share=0.0,
    )
    campaign = trained_campaign(start_campaign(model=model, dataset_version=version, actor=SYSTEM).pk)
    assert campaign.status == "completed", campaign.error
    return model


def ask(model: RegisteredModel, rows: list[dict[str, Any]]) -> None:
    """Have the model answer these rows, a hundred at a time, and the log written."""
    for at in range(0, len(rows), 100):
        predictions.predict(model_id=model.pk, rows=rows[at : at + 100], actor=SYSTEM)
    predictions.recorder.flush()


def run_waiting() -> list[DriftReport]:
    """Run every check that waits, as the worker does; return all, the oldest first."""
    from apps.monitoring import tasks

    for report in DriftReport.objects.filter(status="pending"):
        tasks.run_check(str(report.pk))
    return list(DriftReport.objects.order_by("created_at"))
