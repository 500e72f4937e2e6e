"""Children that are quickly led, and a campaign for them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.training import supervision
from apps.training.models import TrainingCampaign
from tests.factories import make_campaign, make_model, make_workspace


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[None]:
    """Look often, be patient for a moment only, and leave no child."""
    settings.ML_MODELS_DIR = tmp_path
    for name in ("_TICK_SECONDS", "_RENEW_SECONDS", "_LOOK_SECONDS"):
        monkeypatch.setattr(supervision, name, 0.02)
    monkeypatch.setattr(supervision, "_STOP_SECONDS", 0.5)
    monkeypatch.setattr(supervision, "_SHUTDOWN_PATIENCE", 0.05)
    yield
    supervision.shutting_down.clear()
    supervision.spares.dismiss()


@pytest.fixture
def campaign() -> TrainingCampaign:
    return make_campaign(make_model(make_workspace()))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Note the children that are started."""
    children: list[subprocess.Popen[bytes]] = []
    real = supervision.start_child

    def start() -> subprocess.Popen[bytes]:
        children.append(real())
        return children[-1]

    monkeypatch.setattr(supervision, "start_child", start)
    return children
