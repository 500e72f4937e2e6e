"""Stores of its own for each test, predictors that are loaded anew, processes that die, and disks that fill up."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from apps.core.instance import adopt, stores
from apps.predictions.cache import champions, predictors
from apps.predictions.recorder import recorder
from apps.workspaces.recent_keys import recent_keys
from tests.hostile.disks import NoDisk, SmallDisk
from tests.journeys.running import ROOT
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


def adopt_stores() -> None:
    """Mark both stores as this database's, as the first `migrate` does."""
    for place in stores():
        adopt(place)


def forget() -> None:
    """Have this process load its predictors again, as one that has just been started."""
    predictors.clear()
    champions._known.clear()
    recent_keys.forget_all()


class Forks:
    """The process of `tests.hostile.dying`, on the database of this test."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.hostile.dying", str(connection.settings_dict["NAME"])]
        few_threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        environment = {**os.environ, **few_threads, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def do(self, what: str, **job: Any) -> dict[str, Any]:
        """Have a job done in a child; return its exit code and what it told."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        places = {"models": str(django_settings.ML_MODELS_DIR), "datasets": str(django_settings.DATASETS_DIR)}
        self.process.stdin.write(json.dumps({"do": what, **places, **job}) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told


@pytest.fixture(scope="session")
def forks(django_db_setup: None) -> Iterator[Forks]:
    if sys.platform != "linux":
        pytest.skip("a process with ML libraries is forked, and its memory read from /proc")
    found = Forks()
    yield found
    found.process.kill()
    found.process.wait()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Return a disk of 8 MiB; skipped where nothing may be mounted."""
    try:
        disk = SmallDisk(tmp_path / "disk")
    except NoDisk as error:
        pytest.skip(f"no disk can be mounted: {error}")
    yield disk
    disk.remove()
