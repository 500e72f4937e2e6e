"""What a model's algorithm may be: one of the catalogue, or the automatic choice among those fit for its task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService
from apps.algorithms.hyperparameters import Hyperparameter, clean_parameters
from apps.algorithms.schema import Task
from apps.core.errors import InvalidInput, Problem

AUTO = "auto"
_TITLE = "Automatic choice"
_SUMMARY = "Tries the algorithms fit for the task, searches their settings, and keeps the best by cross-validation."


@dataclass(frozen=True)
class Choice:
    """One algorithm, or several to be compared; what is said of it holds for each of them."""

    slug: str
    title: str
    summary: str
    services: tuple[type[BaseMLService], ...]

    do_not_call_in_templates = True

    @property
    def is_automatic(self) -> bool:
        """Whether a search decides which algorithm it is."""
        return self.slug == AUTO

    @property
    def is_searchable(self) -> bool:
        """Whether a search can look for better settings."""
        return all(service.is_searchable() for service in self.services)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What it does."""
        return tuple(task for task in Task if any(task in service.tasks for service in self.services))

    @property
    def needs_target(self) -> bool:
        """Whether it needs a column to predict."""
        return all(service.needs_target for service in self.services)

    @property
    def input_kind(self) -> str:
        """What it learns from: "table" or "series"."""
        return self.services[0].input_kind

    @property
    def hyperparameters(self) -> tuple[Hyperparameter, ...]:
        """The settings that all of them have."""
        first, *others = self.services
        return tuple(one for one in first.hyperparameters if all(one in other.hyperparameters for other in others))

    def clean_parameters(self, given: Mapping[str, Any], *, pointer: str = "/parameters") -> dict[str, Any]:
        """Return these settings, defaults filled in; raise `InvalidInput` with one problem a bad one."""
        return clean_parameters(self.hyperparameters, given, pointer=pointer)


def choice_of(algorithm: str, task: str) -> Choice:
    """Return what a model's algorithm stands for; raise `InvalidInput` where there is none, or none that does the task."""
    if algorithm != AUTO:
        service = catalog.get(algorithm)
        found = Choice(service.slug, service.title, service.summary, (service,))
    else:
        fit = tuple(service for service in catalog.entries() if task in service.tasks and service.is_searchable())
        found = automatic() if not fit else Choice(AUTO, _TITLE, _SUMMARY, fit)
    if task not in found.tasks:
        known = ", ".join(found.tasks)
        raise InvalidInput(
            f"{found.title} does not do {task!r}.", [Problem("/task", "wrong_task", f"{found.title} does: {known}.")]
        )
    return found


def automatic() -> Choice:
    """Return the automatic choice for any task."""
    return Choice(AUTO, _TITLE, _SUMMARY, tuple(service for service in catalog.entries() if service.is_searchable()))


def title_of(algorithm: str) -> str:
    """Return what an algorithm is called."""
    return _TITLE if algorithm == AUTO else catalog.get(algorithm).title
