"""Stores of its own for each test, and predictors that are loaded anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.predictions.cache import champions, predictors
from apps.predictions.recorder import recorder
from apps.workspaces.api.authentication import recent_keys
from tests.training.conftest import campaign_on_table

__all__ = ["campaign_on_table"]


@pytest.fixture
def store(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Return the folder of the models; data sets have one beside it."""
    settings.ML_MODELS_DIR, settings.DATASETS_DIR = tmp_path / "models", tmp_path / "datasets"
    forget()
    yield tmp_path / "models"
    recorder.flush()
    forget()


def forget() -> None:
    """Have this process load its predictors again, as one that has just been started."""
    predictors.clear()
    champions._known.clear()
    recent_keys.forget_all()
