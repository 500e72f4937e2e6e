"""What every light form is: a kind that `predictor.json` names, the input it takes, and arrays beside it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from apps.algorithms.predictors import FORMAT
from apps.algorithms.results import Answers, Explanation
from apps.algorithms.schema import TableSchema, Task


@dataclass(frozen=True, kw_only=True)
class LightForm(ABC):
    """Answers for one version; safe to share between threads.

    `kind` names the form in `predictor.json`; a service names the class, so that what it wrote is read again.
    """

    kind: ClassVar[str]
    method: ClassVar[str]  # of its explanations

    task: Task
    schema: TableSchema

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """Bytes of its arrays."""

    @abstractmethod
    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Answer rows; raise `InvalidInput` naming each fault."""

    @abstractmethod
    def explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        """Say what each answer adds up from."""

    def save(self, folder: Path) -> None:
        """Write `predictor.json` and the arrays beside it."""
        facts = {"format": FORMAT, "kind": self.kind, "task": self.task, "schema": self.schema.as_json()}
        (folder / "predictor.json").write_text(json.dumps({**facts, **self._facts(), **self._save_arrays(folder)}))

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Read what `save` wrote; `facts` are those of `predictor.json`."""
        task, schema = Task(facts["task"]), TableSchema.from_json(facts["schema"])
        return cls(task=task, schema=schema, **cls._fields(folder, facts), **cls._load_arrays(folder, facts))

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """Return what `_fields` must know, as plain JSON."""

    @classmethod
    @abstractmethod
    def _fields(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that all forms of the family have, from `_facts`."""

    @abstractmethod
    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        """Write the arrays that a subclass adds; return what `_load_arrays` must know besides."""

    @classmethod
    @abstractmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that a subclass adds, from what `_save_arrays` wrote."""
