"""Fixtures that every folder of tests shares."""

import os
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from apps.predictions.recorder import recorder
from tests.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """Return a maker of API clients, signed in by session when given a user."""

    def client_for(user: User | None = None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_login(user)
        return client

    return client_for


@pytest.fixture(autouse=True, scope="session")
def _write_the_prediction_log_only_when_told() -> None:
    """Keep the log's thread from writing into a test's transaction; tests call `recorder.flush()`."""
    recorder._pid = os.getpid()
