"""The algorithm contract: what every service states as data, and the public methods that check before hooks work."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from apps.algorithms.hyperparameters import Hyperparameter, clean_parameters
from apps.algorithms.reference import Reference
from apps.algorithms.results import Answers, Baseline, Evaluation, Explanation, Importance, Progress, StoredPredictor
from apps.algorithms.schema import Column, TableSchema, Task
from apps.core.errors import InvalidInput, Unavailable

FACTS = "service.json"


class NotFitted(Exception):
    """A service was asked for what only a fitted one knows."""


@dataclass(frozen=True)
class Wanted:
    """Which columns of a data set a model names: each by its name, "" where it names none.

    `group` tells rows that belong together, or series, apart; `time` puts rows in order; no `features` are all, of a table.
    `subject` says whose data a row is: nothing is learned from it.
    """

    target: str = ""
    features: tuple[str, ...] = ()
    group: str = ""
    time: str = ""
    subject: str = ""


class Part(Protocol):
    """What is learned from, or kept apart."""

    @property
    def rows(self) -> int:
        """How many rows there are."""


class Split(Protocol):
    """The two parts of what was read, and how they were parted."""

    @property
    def train(self) -> Part:
        """What is learned from."""

    @property
    def test(self) -> Part:
        """What is kept apart."""

    @property
    def method(self) -> str:
        """How: "stratified", "random", "grouped", "time" or "rolling origins"."""

    @property
    def reason(self) -> str:
        """The same in words."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of it to who trains."""


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
    input_kind: ClassVar[str] = "table"  # or "series"
    learns_again_up_to: ClassVar[float] = 0  # rows of all; then, once it is measured, from those it was measured on too
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = ()
    fast_parameters: ClassVar[Mapping[str, Any]] = {}
    reference: ClassVar[str] = ""
    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = ()  # the light forms that it writes
    library: ClassVar[str] = ""  # the module whose version decides whether its native files can be read again

    def __init__(
        self,
        *,
        task: Task,
        parameters: Mapping[str, Any] | None = None,
        seed: int = 0,
        threads: int = 1,
        zone: str = "UTC",
    ) -> None:
        if task not in self.tasks:
            known = ", ".join(self.tasks)
            raise InvalidInput(f"{self.title} does not do {task}; it does: {known}.")
        self.task = task
        self.parameters = self.clean_parameters(parameters or {})
        self.seed = seed
        self.threads = threads
        self.zone = zone  # the local time of the place, by its IANA name
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

    @abstractmethod
    def read(self, path: Path, *, columns: list[Column], wanted: Wanted) -> Any:
        """Read what to learn from out of a canonical Parquet file, whose columns are `columns`."""

    @abstractmethod
    def split(self, data: Any, *, test_share: float) -> Split:
        """Part what was read into what is learned from and what is kept apart to measure with."""

    def without_frozen(self, data: Any, *, share: float, salt: str) -> tuple[Any, int]:
        """Leave out the rows that no version may learn from, for versions to be compared on; say how many there are.

        About `share` of the rows, chosen by what they hold and by the model's `salt`; none of series, or without a target.
        """
        return data, 0

    @classmethod
    def is_searchable(cls) -> bool:
        """Say whether a search can look for better settings: it needs answers to judge them by, and where to look."""
        return cls.needs_target and any(parameter.search is not None for parameter in cls.hyperparameters)

    def sample(self, data: Any, rows: int) -> Any:
        """Return about so many rows of what was read, chosen as `split` chooses; less is never made of a few series."""
        return data

    def folds(self, data: Any, count: int) -> Sequence[Split]:
        """Return up to `count` ways to part what was read, so that settings are compared on all of it."""
        return [self.split(data, test_share=1 / count)]

    @abstractmethod
    def difference(self, data: Any, light: Path) -> float:
        """Return the largest relative difference between native answers and those of the light form, over part of the data."""

    def fit(self, data: Any, progress: Progress) -> None:
        """Learn from data that was read, once it is found fit to learn from.

        Parameters
        ----------
        data : a part of what `read` returned. It is not changed.
        progress : called with a rising share of the work; what it raises (`Cancelled`) is let through.

        Raises
        ------
        InvalidInput : the data cannot be learned from; the detail says why and what to do.

        """
        self._check(data)
        self._fit(data, progress)
        self._is_fitted = True

    def fit_fold(self, data: Any, progress: Progress) -> None:
        """Learn from a part of what could be learned from: fewer rows, or classes of fewer, are no reason to refuse."""
        self._fit(data, progress)
        self._is_fitted = True

    @classmethod
    def cost_of_learning_again(cls, rows: int) -> float:
        """Return what learning again from so many rows takes, as a share of the first fit; 0 where it does not."""
        return 1.0 if rows <= cls.learns_again_up_to else 0.0

    def fit_again(self, data: Any, progress: Progress) -> None:
        """Learn from everything that was read, once a fit on a part of it is measured. Takes and raises what `fit` does."""
        self._check_fitted()
        self._fit_again(data, progress)

    def evaluate(self, data: Any) -> Evaluation:
        """Score the fitted model on a part it has not seen; rows without a target value are left out."""
        self._check_fitted()
        return self._evaluate(data).finite()

    def baseline(self, data: Any) -> Baseline:
        """Score the trivial answer, learned from the training part, on the same part as `evaluate`."""
        self._check_fitted()
        return self._baseline(data)

    def linear_baseline(self, data: Any) -> Baseline | None:
        """Score a plain linear model of the training part on the same part as `evaluate`; None where there is none."""
        self._check_fitted()
        return self._linear_baseline(data)

    def importance(self, data: Any) -> Importance:
        """Say how much each source column, or each part of a forecast, matters, most important first."""
        self._check_fitted()
        return self._importance(data).finite()

    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Answer rows by the native library, one value a row unless it is a forecast; raise `InvalidInput` naming each fault."""
        self._check_fitted()
        return self._predict(rows)

    def explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        """Attribute each answer to the columns, or to the parts of the forecast; raise `InvalidInput` naming each fault."""
        self._check_fitted()
        return self._explain(rows)

    def answered(self, data: Any) -> Any:
        """Return what the model answers to data it has not learned from, for `profile`; None where none is kept."""
        return None

    def profile(self, data: Any, answers: Any) -> Reference | None:
        """Count the data that the model learned from, and `answered`: what later rows are compared with. Series have none."""
        return None

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

    def _check(self, data: Any) -> None:  # noqa: B027  (a forecaster has checked when it parted the series)
        """Refuse what cannot be learned from."""

    @abstractmethod
    def _fit(self, data: Any, progress: Progress) -> None: ...

    def _fit_again(self, data: Any, progress: Progress) -> None:
        self._fit(data, progress)

    @abstractmethod
    def _evaluate(self, data: Any) -> Evaluation: ...

    @abstractmethod
    def _baseline(self, data: Any) -> Baseline: ...

    def _linear_baseline(self, data: Any) -> Baseline | None:
        return None

    @abstractmethod
    def _importance(self, data: Any) -> Importance: ...

    @abstractmethod
    def _predict(self, rows: list[dict[str, Any]]) -> Answers: ...

    @abstractmethod
    def _explain(self, rows: list[dict[str, Any]]) -> list[Explanation]: ...

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
