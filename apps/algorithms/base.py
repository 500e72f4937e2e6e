"""The algorithm contract: what every service states as data, and the public methods that check before hooks work."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from apps.algorithms.hyperparameters import Hyperparameter, clean_parameters
from apps.algorithms.predictors.rows import Columns, columns_of_rows
from apps.algorithms.results import Answers, Baseline, Evaluation, Explanation, Importance, Progress, StoredPredictor
from apps.algorithms.schema import TableSchema, Task
from apps.algorithms.targets import Target, check_target
from apps.core.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from apps.algorithms.tables import TrainingTable

FACTS = "service.json"
LEAST_ROWS = 10
LEAST_ROWS_IN_ALL = 12  # a fifth is kept apart


class NotFitted(Exception):
    """A service was asked for what only a fitted one knows."""


class BaseMLService(ABC):
    """One algorithm, unfitted or fitted.

    Subclasses state themselves as class data and fill the underscored hooks; the public methods check what they are
    given. Importing a service loads no ML library: those are imported inside the hooks.
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]]
    needs_target: ClassVar[bool] = True
    do_not_call_in_templates: ClassVar[bool] = True  # a template shows the class, it does not make one
    input_kind: ClassVar[str] = "table"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = ()
    fast_parameters: ClassVar[Mapping[str, Any]] = {}
    reference: ClassVar[str] = ""
    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = ()  # the light forms that it writes
    library: ClassVar[str] = ""  # the module whose version decides whether its native files can be read again

    def __init__(self, *, task: Task, parameters: Mapping[str, Any] | None = None, seed: int = 0, threads: int = 1) -> None:
        if task not in self.tasks:
            known = ", ".join(self.tasks)
            raise InvalidInput(f"{self.title} does not do {task}; it does: {known}.")
        self.task = task
        self.parameters = self.clean_parameters(parameters or {})
        self.seed = seed
        self.threads = threads
        self.warnings: tuple[str, ...] = ()
        self._is_fitted = False

    @classmethod
    def clean_parameters(cls, given: Mapping[str, Any], *, pointer: str = "/parameters") -> dict[str, Any]:
        """Return all hyperparameters, defaults filled in; raise `InvalidInput` with one problem a bad one."""
        return clean_parameters(cls.hyperparameters, given, pointer=pointer)

    @classmethod
    def parameters_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the hyperparameters."""
        properties = {parameter.name: parameter.as_schema() for parameter in cls.hyperparameters}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def fit(self, table: "TrainingTable", progress: Progress) -> None:
        """Learn from a table.

        Parameters
        ----------
        table : n rows of the features and, where the task has one, the target. It is not changed.
        progress : called with a rising share of the work; what it raises (`Cancelled`) is let through.

        Raises
        ------
        InvalidInput : the data cannot be learned from; the detail says why and what to do.

        """
        known = table.without_missing_target() if self.needs_target else table
        if self.needs_target and table.target is None:
            raise InvalidInput(f"{self.title} needs a target: name the column to predict.")
        if known.rows < LEAST_ROWS:
            raise InvalidInput(
                f"There are {known.rows} rows to learn from; at least {LEAST_ROWS} are needed. Upload more data."
            )
        if not table.features:
            raise InvalidInput("No feature column is left to learn from. Choose at least one column besides the target.")
        if self.needs_target and known.target is not None and known.target_kind is not None:
            check_target(self.task, Target.of_values(str(known.target_name), known.target_kind, known.target))
        self._fit(known, progress)
        self._is_fitted = True
        if dropped := table.rows - known.rows:
            text = f"{dropped} rows without a value of {table.target_name!r} were left out."
            self.warnings = (*self.warnings, text)

    def evaluate(self, table: "TrainingTable") -> Evaluation:
        """Score the fitted model on rows it has not seen; rows without a target value are left out."""
        self._check_fitted()
        known = table.without_missing_target() if self.needs_target else table
        if known.rows == 0:
            missing = (
                f"None of the rows kept apart has a value of {table.target_name!r}" if table.rows else "No row is kept apart"
            )
            raise InvalidInput(
                f"{missing}, so the model cannot be measured. Choose another way to keep rows apart, or upload more rows."
            )
        return self._evaluate(known).finite()

    def baseline(self, table: "TrainingTable") -> Baseline:
        """Score the trivial answer, learned from the training rows, on the same rows as `evaluate`."""
        self._check_fitted()
        return self._baseline(table.without_missing_target() if self.needs_target else table)

    def linear_baseline(self, table: "TrainingTable") -> Baseline | None:
        """Score a plain linear model of the training rows on the same rows as `evaluate`; None where there is none."""
        self._check_fitted()
        return self._linear_baseline(table.without_missing_target() if self.needs_target else table)

    def importance(self, table: "TrainingTable") -> Importance:
        """Say how much each source column matters, most important first."""
        self._check_fitted()
        told = self._importance(table)
        if lost := len(told.features) - len(told.finite().features):
            self.warnings = (*self.warnings, f"The importance of {lost} columns is not a number; they are not ranked.")
        return told.finite()

    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Answer one value a row by the native library; raise `InvalidInput` naming each fault."""
        self._check_fitted()
        return self._predict(columns_of_rows(self.schema, rows), len(rows))

    def explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        """Attribute each row's answer to its columns; raise `InvalidInput` naming each fault."""
        self._check_fitted()
        return self._explain(columns_of_rows(self.schema, rows), len(rows))

    def save(self, folder: Path) -> None:
        """Write the native files into an existing, empty folder."""
        self._check_fitted()
        _check_empty(folder)
        facts = {"slug": self.slug, "task": self.task, "parameters": self.parameters, "seed": self.seed}
        facts["library_version"] = self._library_version()
        (folder / FACTS).write_text(json.dumps({**facts, **self._save(folder)}))

    def predictor(self, folder: Path) -> None:
        """Write the light serving form, which one of `predictors` reads, into an existing, empty folder."""
        self._check_fitted()
        _check_empty(folder)
        self._predictor(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild a fitted service from `save`'s files, whose checksums the caller has verified.

        Another version of the library is a warning of the service; another major one is refused before it reads a file.
        """
        facts = json.loads((folder / FACTS).read_text())
        if facts.get("slug", cls.slug) != cls.slug:
            raise InvalidInput(f"The files are those of {facts['slug']}, not of {cls.slug}.")
        service = cls(task=Task(facts["task"]), parameters=facts["parameters"], seed=facts["seed"])
        service.warnings = cls._warnings_of_library(facts.get("library_version"))
        service._load(folder, facts)
        service._is_fitted = True
        return service

    @classmethod
    def _library_version(cls) -> str | None:
        return str(import_module(cls.library).__version__) if cls.library else None

    @classmethod
    def _warnings_of_library(cls, wrote: str | None) -> tuple[str, ...]:
        here = cls._library_version()
        if wrote is None or here is None or wrote == here:  # None: nothing was noted
            return ()
        if wrote.partition(".")[0] != here.partition(".")[0]:
            raise Unavailable(
                f"The files were written with {cls.library} {wrote}; here is {here}. "
                "Install that version to read them, or train again: the light predictor still answers."
            )
        text = (
            f"The files were written with {cls.library} {wrote}; here is {here}. "
            "Compare some answers before you rely on them."
        )
        return (text,)

    def _check_fitted(self) -> None:
        if not self._is_fitted:
            raise NotFitted(f"{self.title} was asked before it was fitted or loaded.")

    @property
    @abstractmethod
    def schema(self) -> TableSchema:
        """The input the fitted model takes."""

    @abstractmethod
    def _fit(self, table: "TrainingTable", progress: Progress) -> None: ...

    @abstractmethod
    def _evaluate(self, table: "TrainingTable") -> Evaluation: ...

    @abstractmethod
    def _baseline(self, table: "TrainingTable") -> Baseline: ...

    def _linear_baseline(self, table: "TrainingTable") -> Baseline | None:
        return None

    @abstractmethod
    def _importance(self, table: "TrainingTable") -> Importance: ...

    @abstractmethod
    def _predict(self, columns: Columns, rows: int) -> Answers: ...

    @abstractmethod
    def _explain(self, columns: Columns, rows: int) -> list[Explanation]: ...

    @abstractmethod
    def _save(self, folder: Path) -> dict[str, Any]:
        """Write the model; return what `_load` must know besides task, parameters and seed."""

    @abstractmethod
    def _load(self, folder: Path, facts: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def _predictor(self, folder: Path) -> None: ...


def _check_empty(folder: Path) -> None:
    if any(folder.iterdir()):
        raise FileExistsError(f"The folder {folder} holds files already.")
