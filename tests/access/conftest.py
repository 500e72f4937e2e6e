"""One world a module, in a transaction that ends with it; what a test writes is taken back after the test."""

from collections.abc import Iterator

import pytest
import pytest_django
from django.db import transaction
from django.test import override_settings

from apps.predictions.recorder import recorder
from apps.workspaces.recent_keys import recent_keys
from tests.access.asking import Asking
from tests.access.world import World, make_world


@pytest.fixture(scope="module")
def _world(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    places = {"DATASETS_DIR": str(folder / "datasets"), "ML_MODELS_DIR": str(folder / "models")}
    with django_db_blocker.unblock(), override_settings(**places, UPLOAD_WAIT_SECONDS=0.0), transaction.atomic():
        yield make_world()
        recorder.flush()
        transaction.set_rollback(True)


@pytest.fixture
def world(_world: World, db: None) -> World:
    """Return the world as it was built: what a test does to it is taken back (`db` is a savepoint here)."""
    recent_keys.forget_all()
    return _world


@pytest.fixture(scope="module")
def _asking(_world: World) -> Asking:
    return Asking(_world)


@pytest.fixture
def ask(world: World, _asking: Asking) -> Asking:
    """Return the asker of all callers."""
    return _asking
