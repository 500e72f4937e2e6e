"""Every service of the catalogue and one from outside, with each of its tasks; fitted once a case."""

from pathlib import Path
from typing import Any

import pytest

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService
from apps.algorithms.predictors import load_predictor
from apps.algorithms.schema import Task
from tests.contracts.tables import mixed_table, silent

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = "tests.contracts.outside"
SERVICES = catalog._entries((catalog.SERVICES, OUTSIDE))
OF_TABLES = [service for service in SERVICES if service.input_kind == "table"]
CASES = [(service, task) for service in OF_TABLES for task in service.tasks]
each_case = pytest.mark.parametrize(("service", "task"), CASES, ids=[f"{s.slug}-{t}" for s, t in CASES])
each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.slug)
_fitted: dict[tuple[str, str], tuple[BaseMLService, Any]] = {}


def fitted(service: type[BaseMLService], task: Task) -> tuple[BaseMLService, Any]:
    """Fit a service once for all tests of its file; return it with the split it learned from."""
    key = (service.slug, str(task))
    if key not in _fitted:
        split = mixed_table(task).split(task=task, test_share=0.25, seed=3)
        model = service(task=task, parameters=dict(service.fast_parameters), seed=5)
        model.fit(split.train, silent)
        _fitted[key] = model, split
    return _fitted[key]


def light_of(model: BaseMLService, folder: Path) -> Any:
    """Write a model's light form into a new folder and load it again."""
    folder.mkdir()
    model.predictor(folder)
    return load_predictor(folder)
