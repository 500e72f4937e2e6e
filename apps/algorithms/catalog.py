"""The catalogue: every service found in the services package, and in packages that a deployment adds."""

import importlib
import inspect
import os
import pkgutil
from functools import lru_cache

from apps.algorithms.base import BaseMLService
from apps.algorithms.results import StoredPredictor
from apps.core.errors import InvalidInput, Problem

SERVICES = "apps.algorithms.services"
EXTRA_PACKAGES = "MLPLATFORM_ALGORITHM_PACKAGES"


def entries() -> tuple[type[BaseMLService], ...]:
    """Return all services, by title; importing them loads no ML library."""
    return _entries((SERVICES, *filter(None, os.environ.get(EXTRA_PACKAGES, "").split(","))))


def predictor_kinds() -> dict[str, type[StoredPredictor]]:
    """Return the light predictors that the services write, by their kind."""
    return {kind.kind: kind for service in entries() for kind in service.predictors}


@lru_cache(maxsize=8)
def _entries(packages: tuple[str, ...]) -> tuple[type[BaseMLService], ...]:
    found: dict[str, type[BaseMLService]] = {}
    for name in packages:
        package = importlib.import_module(name)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{name}.{info.name}")
            for _, member in inspect.getmembers(module, inspect.isclass):
                if (
                    issubclass(member, BaseMLService)
                    and member.__module__ == module.__name__
                    and not inspect.isabstract(member)
                ):
                    found[member.slug] = member
    return tuple(sorted(found.values(), key=lambda service: service.title))


def get(slug: str) -> type[BaseMLService]:
    """Return the service with this slug, or raise `InvalidInput` naming those there are."""
    for service in entries():
        if service.slug == slug:
            return service
    known = ", ".join(service.slug for service in entries())
    advice = f"Choose one of: {known}; or auto, which compares those that fit."
    raise InvalidInput(f"There is no algorithm {slug!r}.", [Problem("/algorithm", "unknown_algorithm", advice)])
