"""What services and predictors answer: frozen values, no framework types."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from apps.algorithms.schema import TableSchema, Task


class Progress(Protocol):
    """What a service calls while it fits; may raise `Cancelled`, which the service lets through."""

    def __call__(
        self, fraction: float, stage: str, *, step: int | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Report `fraction` (0..1, never falling) of the fit; `metrics` at `step` draw the live curve."""


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Return a `Progress` whose fractions fill the part of the whole from `start` to `end`."""

    def told(fraction: float, stage: str, *, step: int | None = None, metrics: Mapping[str, float] | None = None) -> None:
        progress(start + fraction * (end - start), stage, step=step, metrics=metrics)

    return told


def is_finite(told: Any) -> bool:
    """Say whether plain JSON holds neither NaN nor infinity."""
    if isinstance(told, Mapping):
        return all(map(is_finite, told.values()))
    if isinstance(told, list | tuple):
        return all(map(is_finite, told))
    return not isinstance(told, float) or math.isfinite(told)


class Cancelled(Exception):
    """Raised by a `Progress` callable when the user asked to stop."""


@dataclass(frozen=True, slots=True)
class Importance:
    """Global importance, most important first: `features` is a tuple of (name, importance >= 0, std over `rows` rows)."""

    method: str
    features: tuple[tuple[str, float, float], ...]
    rows: int = 0
    warnings: tuple[str, ...] = ()

    def finite(self) -> "Importance":
        """Return it without the columns whose importance is not a number; a warning says of how many."""
        ranked = tuple(feature for feature in self.features if is_finite(feature[1:]))
        if not (lost := len(self.features) - len(ranked)):
            return self
        text = f"The importance of {lost} columns is not a number; they are not ranked."
        return replace(self, features=ranked, warnings=(*self.warnings, text))

    def as_json(self) -> dict[str, Any]:
        """Return the API's shape."""
        features = [{"name": n, "importance": i, "std": s} for n, i, s in self.features]
        return {"method": self.method, "rows": self.rows, "features": features}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics on rows the model never saw; `main` names the metric to compare versions by.

    `curves` holds what a page draws (calibration, confusion), as plain JSON. `judged` is what the model answered row by row
    (`engine.judged.Judged`), to `rows` (`TrainingTable`): what a report is made from; neither is stored.
    """

    metrics: Mapping[str, float]
    main: str
    greater_is_better: bool
    curves: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    judged: Any = field(default=None, repr=False, compare=False)
    rows: Any = field(default=None, repr=False, compare=False)

    @property
    def compared_by(self) -> tuple[str, bool]:
        """The metric that settings are compared by, and whether more of it is better.

        Of probabilities it is the log loss: it tells two settings apart on fewer rows than a ranking does, whose best of many
        is the luckiest.
        """
        return ("log_loss", False) if "log_loss" in self.metrics else (self.main, self.greater_is_better)

    def finite(self) -> "Evaluation":
        """Return it without the metrics and curves that hold what is not a number; each is named in a warning."""
        metrics = {name: value for name, value in self.metrics.items() if is_finite(value)}
        curves = {name: curve for name, curve in self.curves.items() if is_finite(curve)}
        lost = [name for name in (*self.metrics, *self.curves) if name not in metrics and name not in curves]
        warnings = [f"The measure {name} is not a number and is left out." for name in lost]
        return replace(self, metrics=metrics, curves=curves, warnings=(*self.warnings, *warnings))


@dataclass(frozen=True, slots=True)
class Baseline:
    """A simpler answer to the same question, scored on the same rows; `judged` is what it answered row by row."""

    name: str
    metrics: Mapping[str, float]
    judged: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """One answer a row, in order: `values` as the API gives them, `details` one dict a row.

    classification: label, `probabilities` by label, `set` of those that `level` of the rows really of that
    label would not contradict, the most probable one not always among them;
    regression: float, `interval` [low, high] and `level`; anomaly: -1 or 1, `score` and `tail_probability`;
    clustering: the cluster, -1 for noise, `distance` to it and its `reach`; forecast: float, `timestamp`, `series` where there
    are several, `interval` and `level`. `warnings` (list of text) appears where a category was never seen in training, or a
    number or date lies outside what was. `asked` says what each answer is of where it is of no posted row: a step ahead.
    """

    values: list[Any]
    details: list[dict[str, Any]]
    asked: list[dict[str, Any]] | None = None


class Quantity(StrEnum):
    """What the contributions of a row add up to, besides the base."""

    VALUE = "value"
    PROBABILITY = "probability"
    LOG_ODDS = "log_odds"
    SCORE = "score"
    MINUS_PATH_LENGTH = "minus_path_length"
    SQUARED_DISTANCE = "squared_distance"


_WORDS = {
    Quantity.VALUE: "{of}",
    Quantity.PROBABILITY: "probability of {of}",
    Quantity.LOG_ODDS: "log-odds of {of}",
    Quantity.SCORE: "score of {of}",
    Quantity.SQUARED_DISTANCE: "squared distance to the nearest dense row (higher: further from its group)",
    Quantity.MINUS_PATH_LENGTH: "minus the mean path length (higher: more unusual)",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Additive contributions of one row: `base` plus their sum is the model's raw output.

    `quantity` says what that is, `of` the class or the target it is of; with more than two classes it is the one predicted.
    """

    base: float
    contributions: dict[str, float]
    quantity: Quantity
    of: str | None
    method: str

    @property
    def output(self) -> str:
        """Return the API's words for the quantity."""
        return _WORDS[self.quantity].format(of=self.of)


class Predictor(Protocol):
    """The light serving form of a version: numpy only, safe to share between threads."""

    @property
    def schema(self) -> TableSchema:
        """The input it takes."""

    @property
    def task(self) -> Task:
        """What it answers."""

    @property
    def size_bytes(self) -> int:
        """Bytes of its arrays."""

    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Answer one value a row; raise `core.errors.InvalidInput` naming `/data/<row>/<column>` for each fault."""

    def explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        """Attribute each row's answer to its columns."""


class Forecaster(Predictor, Protocol):
    """A predictor that answers what comes next; `predict(rows)` answers after these rows as far as it was measured."""

    @property
    def furthest(self) -> int:
        """How many steps ahead it can look."""

    def forecast(
        self, *, horizon: int | None = None, rows: Sequence[Any] = (), series: Sequence[str] | None = None
    ) -> Answers:
        """Answer the steps after the last known one of each series; posted rows extend what is known."""

    def explain(
        self, rows: Sequence[Any] = (), *, horizon: int | None = None, series: Sequence[str] | None = None
    ) -> list[Explanation]:
        """Say what each of these answers adds up from."""


class StoredPredictor(Predictor, Protocol):
    """A predictor that reads itself from files; `kind` is what its `predictor.json` says."""

    kind: ClassVar[str]

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Read the files of `folder`; `facts` are those of `predictor.json`."""
