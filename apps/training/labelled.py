"""Rows that were answered and that people have labelled since; an app above knows them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.algorithms.schema import Task
from apps.registry.models import ModelVersion, RegisteredModel

TASKS = (Task.CLASSIFICATION, Task.REGRESSION)


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row as it was posted, under the id of its answer, what is true of it, and when it was answered."""

    key: str
    row: dict[str, Any]
    label: Any
    at: datetime


Source = Callable[[RegisteredModel, datetime], list[LabelledRow]]
_sources: list[Source] = []


def learn_from(source: Source) -> None:
    """Have an app above tell the labelled rows of a model as they were known at a time, always in the same order."""
    _sources.append(source)


def can_learn_from_labels(model: RegisteredModel) -> bool:
    """Say whether rows with labels are what a model learns from."""
    return model.task in TASKS and bool(model.target)


def learned_labels_until(version: ModelVersion) -> datetime | None:
    """Return up to when a version has learned from labelled rows; None where it has from none."""
    until = version.evaluation.get("split", {}).get("feedback_until")
    return datetime.fromisoformat(until) if until else None


def labelled_rows(model: RegisteredModel, *, until: datetime) -> list[LabelledRow]:
    """Return a model's labelled rows as they were known at a time; none of a task without such labels."""
    return [row for source in _sources for row in source(model, until)] if can_learn_from_labels(model) else []
