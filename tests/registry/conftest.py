"""Versions with a few small files, filed by the real registry."""

from pathlib import Path

import pytest
from django.test import override_settings

from tests.factories import make_model, make_workspace


@pytest.fixture
def store(tmp_path: Path):
    with override_settings(ML_MODELS_DIR=tmp_path):
        yield tmp_path


@pytest.fixture
def model(db: None):
    return make_model(make_workspace())
