"""What light predictors over tables share: check, encode, answer, explain. A predictor adds its raw outputs and their parts."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.algorithms.predictors.answering import ANSWERING
from apps.algorithms.predictors.encoder import Encoder, Matrix
from apps.algorithms.predictors.finish import Doubles, Finish, Intervals, PredictionSets, Tail
from apps.algorithms.predictors.form import LightForm
from apps.algorithms.predictors.rows import Columns, columns_of_rows
from apps.algorithms.results import Answers, Explanation


@dataclass(frozen=True, kw_only=True)
class TablePredictor(LightForm):
    """Answers one value a row."""

    encoder: Encoder
    finish: Finish
    intervals: Intervals | None = None
    sets: PredictionSets | None = None
    tail: Tail | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of its arrays and of the encoder's texts."""
        return self._own_bytes + self.encoder.size_bytes

    @property
    @abstractmethod
    def _own_bytes(self) -> int:
        """Bytes of the arrays that a subclass adds."""

    @abstractmethod
    def raw(self, matrix: Matrix) -> Doubles:
        """Return the raw outputs of an encoded matrix (rows x outputs), which `finish.link` turns into answers."""

    @abstractmethod
    def parts(self, row: Matrix, *, output: int) -> Doubles:
        """Return what each encoded feature of one row adds to a raw output (features,)."""

    @abstractmethod
    def expected(self, *, output: int) -> float:
        """Return what the parts of a raw output are added to."""

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

    def _facts(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.as_json(),
            "finish": vars(self.finish),
            "intervals": vars(self.intervals) if self.intervals else None,
            "sets": vars(self.sets) if self.sets else None,
            "tail": vars(self.tail) if self.tail else None,
        }

    @classmethod
    def _fields(cls, _folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        interval, tail, sets = facts["intervals"], facts["tail"], facts.get("sets")
        return {
            "encoder": Encoder.from_json(facts["encoder"]),
            "finish": Finish(**{**facts["finish"], "base": tuple(facts["finish"]["base"])}),
            "intervals": Intervals(interval["level"], tuple(interval["edges"]), tuple(interval["widths"]))
            if interval
            else None,
            "sets": PredictionSets(sets["level"], tuple(sets["least"])) if sets else None,
            "tail": Tail(tail["threshold"], tuple(tail["quantiles"])) if tail else None,
        }


def with_warnings(answers: Answers, warnings: Mapping[int, list[str]]) -> Answers:
    """Return the answers with each row's warnings among its details."""
    for row, texts in warnings.items():
        answers.details[row].setdefault("warnings", []).extend(texts)
    return answers
