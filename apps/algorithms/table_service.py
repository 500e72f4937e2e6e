"""What services over tables share: labels, the encoder, evaluation, the light form. A service adds its fit."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from apps.algorithms.base import Wanted
from apps.algorithms.encoded import Encoded
from apps.algorithms.light_service import LightService
from apps.algorithms.predictors import load_predictor
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.rows import columns_of_rows
from apps.algorithms.predictors.table import TablePredictor, with_warnings
from apps.algorithms.reference import Reference, answers_as_columns
from apps.algorithms.results import Answers, Baseline, Evaluation, Importance, Progress
from apps.algorithms.schema import Column, TableSchema
from apps.algorithms.targets import Target, check_target
from apps.core.errors import InvalidInput

if TYPE_CHECKING:
    from apps.algorithms.engine.judges import Judge
    from apps.algorithms.engine.linear_baseline import LinearBaseline
    from apps.algorithms.tables import Split, TrainingTable

LEAST_ROWS = 10
MOST_EXPLAINED = 1_000
_ROWS_AT_ONCE = 10
_COMPARED_ROWS = 500
_NAMED = 5


class TableService(LightService):
    """A service over encoded tables. Where the light predictor is the whole model, `_learn` is all that a service adds."""

    learns_again_up_to: ClassVar[float] = 50_000  # of more a quarter more tells little, and takes as long as the first fit
    light_form: ClassVar[type[TablePredictor]]
    light: TablePredictor
    trivial: dict[str, Any]
    linear: "LinearBaseline | None" = None  # of this fit: it judges the model and is not saved with it

    @abstractmethod
    def _learn(self, data: Encoded, progress: Progress) -> TablePredictor:
        """Fit the encoded training rows and return the light predictor; keep the library's own model, if there is one."""

    def _native_raw(self, matrix: Matrix) -> Doubles:
        """Return what `TablePredictor.raw` returns, computed by the library's own model."""
        return self.light.raw(matrix)

    def _explainer(self) -> tuple[TablePredictor, int, str]:
        """Return who explains how many rows for the importance, and what is to be said of it."""
        return self.light, MOST_EXPLAINED, ""

    def read(self, path: Path, *, columns: list[Column], wanted: Wanted) -> "TrainingTable":
        """Read the columns needed."""
        from apps.algorithms.tables import TrainingTable

        return TrainingTable.from_parquet(
            path,
            columns=columns,
            target=wanted.target or None,
            features=list(wanted.features),
            group=wanted.group,
            time=wanted.time,
            subject=wanted.subject,
        )

    def split(self, data: "TrainingTable", *, test_share: float) -> "Split":
        """Keep rows apart: the latest, whole groups, or at random (stratified by class)."""
        return data.split(task=self.task, test_share=test_share, seed=self.seed)

    def without_frozen(self, data: "TrainingTable", *, share: float, salt: str) -> "tuple[TrainingTable, int]":
        """Leave out the frozen rows (`engine.frozen`)."""
        from apps.algorithms.engine.frozen import frozen_rows

        frozen = frozen_rows(data, task=self.task, share=share, salt=salt)
        count = int(frozen.sum())
        return (data.take(np.flatnonzero(~frozen)), count) if count else (data, 0)

    def sample(self, data: "TrainingTable", rows: int) -> "TrainingTable":
        """Return about so many rows: the latest, whole groups where they are many, or at random (by class)."""
        return data if data.rows <= rows else data.sample(rows, task=self.task, seed=self.seed)

    def folds(self, data: "TrainingTable", count: int) -> "list[Split]":
        """Return folds that keep each row apart once; in the order of time, each is measured on what follows it."""
        return self._known(data).folds(task=self.task, count=count, seed=self.seed)

    def difference(self, data: "TrainingTable", light: Path) -> float:
        """Return the largest difference of probabilities, scores or relative values over 500 rows."""
        rows = data.records(_COMPARED_ROWS)
        return largest_difference(self.predict(rows), load_predictor(light).predict(rows))

    def answered(self, data: "TrainingTable") -> Any:
        """Return the answers to these rows as columns."""
        self._check_fitted()
        answers = self.light.answers(self._matrix(data))
        return answers_as_columns(self.task, answers.values, answers.details)

    def profile(self, data: "TrainingTable", answers: Any) -> Reference:
        """Count the columns that the model reads."""
        from apps.algorithms.engine.reference import reference_of

        return reference_of(self.schema.columns, data.columns, data.rows, answers=answers)

    def _fit(self, data: "TrainingTable", progress: Progress) -> None:
        self._fit_table(data, progress, judges=True)

    def _fit_again(self, data: "TrainingTable", progress: Progress) -> None:
        before = set(self.light.schema.classes)
        self._fit_table(data, progress, judges=False)
        if new := [name for name in self.light.schema.classes if name not in before]:
            named = ", ".join(repr(name) for name in new[:_NAMED])
            text = f"Classes that stand only among the rows kept apart were learned, and never measured: {named}."
            self.warnings = (*self.warnings, text)

    def _fit_table(self, data: "TrainingTable", progress: Progress, *, judges: bool) -> None:
        table = self._known(data)
        self._fit_known(table, progress, judges=judges)
        if dropped := data.rows - table.rows:
            text = f"{dropped} rows without a value of {data.target_name!r} were left out."
            self.warnings = (*self.warnings, text)

    def _known(self, table: "TrainingTable") -> "TrainingTable":
        return table.without_missing_target() if self.needs_target else table

    def _check(self, data: "TrainingTable") -> None:
        table = self._known(data)
        if self.needs_target and table.target is None:
            raise InvalidInput(f"{self.title} needs a target: name the column to predict.")
        if table.rows < LEAST_ROWS:
            raise InvalidInput(
                f"There are {table.rows} rows to learn from; at least {LEAST_ROWS} are needed. Upload more data."
            )
        if not table.features:
            raise InvalidInput("No feature column is left to learn from. Choose at least one column besides the target.")
        if self.needs_target and table.target is not None and table.target_kind is not None:
            check_target(self.task, Target.of_values(str(table.target_name), table.target_kind, table.target))

    def _fit_known(self, table: "TrainingTable", progress: Progress, *, judges: bool) -> None:
        from apps.algorithms.engine.encoding import fit_encoder
        from apps.algorithms.engine.held_back import ties_of
        from apps.algorithms.engine.linear_baseline import fit_linear_baseline

        progress(0.0, "preparing")
        target, classes = self._judge.target(table)
        fitted = fit_encoder(table, task=self.task, target=target, seed=self.seed)
        self.warnings = fitted.warnings
        if not fitted.encoder.encodings:
            raise InvalidInput(_nothing_left(fitted.warnings))
        progress(0.02, "fitting")
        read = {encoding.column for encoding in fitted.encoder.encodings}
        schema = TableSchema(
            columns=tuple(column for column in table.features if column.name in read),
            target=table.target_name,
            target_kind=table.target_kind,
            classes=classes,
            unused=(*(column for column in table.features if column.name not in read), *table.idle),
        )
        encoded = Encoded(fitted.matrix, target, len(classes), self.task, schema, fitted.encoder, ties_of(table))
        self.trivial = self._judge.remember(table, encoded, self.parameters)
        self.light = self._learn(encoded, progress)
        if target is not None and judges:
            self.linear = fit_linear_baseline(fitted.matrix, target, classes=len(classes))
        progress(1.0, "fitting")

    def _evaluate(self, data: "TrainingTable") -> Evaluation:
        known = self._known(data)
        if known.rows == 0:
            missing = (
                f"None of the rows kept apart has a value of {data.target_name!r}" if data.rows else "No row is kept apart"
            )
            raise InvalidInput(
                f"{missing}, so the model cannot be measured. Choose another way to keep rows apart, or upload more rows."
            )
        return self._judge.evaluate(self.light, self.trivial, known)

    def _baseline(self, data: "TrainingTable") -> Baseline:
        return self._judge.baseline(self.light, self.trivial, self._known(data))

    def _linear_baseline(self, data: "TrainingTable") -> Baseline | None:
        if self.linear is None:
            return None
        return self._judge.linear_baseline(self.light, self.trivial, self._known(data), self.linear)

    def _importance(self, table: "TrainingTable") -> Importance:
        explainer, rows, how = self._explainer()
        sample = table.take(np.unique(np.linspace(0, table.rows - 1, min(rows, table.rows)).astype(np.int64)))
        matrix = self._matrix(sample)
        with ThreadPoolExecutor(self.threads) as pool:  # the tree kernel holds no interpreter lock
            parts = pool.map(explainer.explain_encoded, np.array_split(matrix, max(1, len(matrix) // _ROWS_AT_ONCE)))
            explained = [one for part in parts for one in part]
        names = [column.name for column in self.schema.columns]
        sizes = np.abs(np.array([[e.contributions[name] for name in names] for e in explained]))
        mean, spread = sizes.mean(axis=0), sizes.std(axis=0)
        order = np.argsort(-mean, kind="stable")
        return Importance(
            method=f"mean absolute contribution ({explainer.method}{how}, {len(explained)} rows)",
            features=tuple((names[i], float(mean[i]), float(spread[i])) for i in order),
            rows=len(explained),
        )

    def _predict(self, rows: list[dict[str, Any]]) -> Answers:
        matrix, warnings = self.light.encoder.encode(columns_of_rows(self.schema, rows), len(rows))
        return with_warnings(self.light.answers_of_raw(self._native_raw(matrix)), warnings)

    def _remembered(self) -> dict[str, Any]:
        return {"trivial": self.trivial}

    def _remember(self, facts: Mapping[str, Any]) -> None:
        self.trivial = facts["trivial"]

    @property
    def _judge(self) -> "Judge":
        from apps.algorithms.engine.judges import JUDGES

        return JUDGES[self.task]

    def _matrix(self, table: "TrainingTable") -> Matrix:
        return self.light.encoder.encode(table.columns, table.rows)[0]


def largest_difference(native: Answers, light: Answers) -> float:
    """Return the largest difference of probabilities, scores, distances (1 for another group) or relative values."""
    worst = 0.0
    for one, other, a, b in zip(native.values, light.values, native.details, light.details, strict=True):
        if "probabilities" in a:
            worst = max(worst, *(abs(a["probabilities"][k] - b["probabilities"][k]) for k in a["probabilities"]))
        elif "distance" in a:
            worst = max(worst, abs(a["distance"] - b["distance"]), float(one != other))
        elif "score" in a:
            worst = max(worst, abs(a["score"] - b["score"]))
        else:
            worst = max(worst, abs(one - other) / max(1.0, abs(one)))
    return worst


def _nothing_left(warnings: Sequence[str]) -> str:
    if len(warnings) == 1:
        return f"No column is left to learn from: {warnings[0]}"
    return f"None of the {len(warnings)} columns can be learned from. The first: {warnings[0]}"
