"""What light predictors over tables share: check, encode, answer, explain. A predictor adds its raw outputs and their parts."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from apps.algorithms.predictors.answering import ANSWERING
from apps.algorithms.predictors.encoder import Encoder, Matrix
from apps.algorithms.predictors.finish import Doubles, Finish, Intervals, PredictionSets, Tail
from apps.algorithms.predictors.rows import Columns, columns_of_rows
from apps.algorithms.results import Answers, Explanation
from apps.algorithms.schema import TableSchema, Task

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class TablePredictor(ABC):
    """Answer rows of one version; safe to share between threads.

    `kind` names the form in `predictor.json`; a service names the class, so that what it wrote is read again.
    """

    kind: ClassVar[str]
    method: ClassVar[str]  # of its explanations

    task: Task
    schema: TableSchema
    encoder: Encoder
    finish: Finish
    intervals: Intervals | None = None
    sets: PredictionSets | None = None
    tail: Tail | None = None

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """Bytes of its arrays."""

    @abstractmethod
    def raw(self, matrix: Matrix) -> Doubles:
        """Return the raw outputs of an encoded matrix (rows x outputs), which `finish.link` turns into answers."""

    @abstractmethod
    def parts(self, row: Matrix, *, output: int) -> Doubles:
        """Return what each encoded feature of one row adds to a raw output (features,)."""

    @abstractmethod
    def expected(self, *, output: int) -> float:
        """Return what the parts of a raw output are added to."""

    @abstractmethod
    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        """Write the arrays; return what `_load_arrays` must know besides."""

    @classmethod
    @abstractmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that a subclass adds, from what `_save_arrays` wrote."""

    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Answer one value a row; raise `InvalidInput` naming each fault."""
        return self.predict_columns(columns_of_rows(self.schema, rows), len(rows))

    def predict_columns(self, columns: Columns, rows: int) -> Answers:
        """Answer checked columns."""
        matrix, warnings = self.encoder.encode(columns, rows)
        return with_warnings(self.answers(matrix), warnings)

    def answers(self, matrix: Matrix) -> Answers:
        """Answer an encoded matrix."""
        return self.answers_of_raw(self.raw(matrix))

    def answers_of_raw(self, raw: Doubles) -> Answers:
        """Answer raw outputs, whoever computed them."""
        return ANSWERING[self.task].answers(self, raw)

    def explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        """Attribute each row's raw output to its columns; a column's encoded features are added up."""
        matrix, _ = self.encoder.encode(columns_of_rows(self.schema, rows), len(rows))
        return self.explain_encoded(matrix)

    def explain_encoded(self, matrix: Matrix) -> list[Explanation]:
        """Attribute the raw output of each row of an encoded matrix."""
        return [self._explanation(row, raw) for row, raw in zip(matrix, self.raw(matrix), strict=True)]

    def _explanation(self, row: Matrix, raw: Doubles) -> Explanation:
        output, sign, quantity, of = ANSWERING[self.task].explained(self, raw)
        parts = self.parts(row, output=output) * sign
        contributions = dict.fromkeys((column.name for column in self.schema.columns), 0.0)
        for source, part in zip(self.encoder.sources, parts.tolist(), strict=True):
            contributions[source] += part
        base = self.expected(output=output) * sign
        if self.finish.link == "probability" and sign < 0:
            base += 1.0
        return Explanation(base=base, contributions=contributions, quantity=quantity, of=of, method=self.method)

    def save(self, folder: Path) -> None:
        """Write `predictor.json` and the arrays beside it."""
        facts = {
            "format": FORMAT,
            "kind": self.kind,
            "task": self.task,
            "schema": self.schema.as_json(),
            "encoder": self.encoder.as_json(),
            "finish": vars(self.finish),
            "intervals": vars(self.intervals) if self.intervals else None,
            "sets": vars(self.sets) if self.sets else None,
            "tail": vars(self.tail) if self.tail else None,
        }
        (folder / "predictor.json").write_text(json.dumps({**facts, **self._save_arrays(folder)}))

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Read what `save` wrote; `facts` are those of `predictor.json`."""
        interval, tail, sets = facts["intervals"], facts["tail"], facts.get("sets")
        return cls(
            task=Task(facts["task"]),
            schema=TableSchema.from_json(facts["schema"]),
            encoder=Encoder.from_json(facts["encoder"]),
            finish=Finish(**{**facts["finish"], "base": tuple(facts["finish"]["base"])}),
            intervals=Intervals(interval["level"], tuple(interval["edges"]), tuple(interval["widths"]))
            if interval
            else None,
            sets=PredictionSets(sets["level"], tuple(sets["least"])) if sets else None,
            tail=Tail(tail["threshold"], tuple(tail["quantiles"])) if tail else None,
            **cls._load_arrays(folder, facts),
        )


def with_warnings(answers: Answers, warnings: Mapping[int, list[str]]) -> Answers:
    """Return the answers with each row's warnings among its details."""
    for row, texts in warnings.items():
        answers.details[row]["warnings"] = texts
    return answers
