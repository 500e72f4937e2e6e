"""The catalogue knows the services from outside too."""

import pytest

from apps.algorithms import catalog
from tests.contracts.cases import OUTSIDE


@pytest.fixture(autouse=True)
def _the_package_from_outside(monkeypatch):
    monkeypatch.setenv(catalog.EXTRA_PACKAGES, OUTSIDE)
