"""The light predictor of tree services over tables: check, encode, walk, finish."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from apps.algorithms.predictors.encoder import Encoder, Matrix
from apps.algorithms.predictors.rows import columns_of_rows
from apps.algorithms.predictors.trees import Doubles, FlatTrees
from apps.algorithms.results import Answers, Explanation, Quantity
from apps.algorithms.schema import TableSchema, Task

TREE_SHAP = "exact tree Shapley values"


@dataclass(frozen=True)
class Finish:
    """From the trees' sums to the task's raw output: `scale * sum + base`, then `link`.

    `link` is "probability" (sums are class probabilities; of the second class alone when there are two), "sigmoid",
    "softmax", "identity" or "isolation" (mean path length, scored against `path_norm`).
    """

    link: str
    base: tuple[float, ...]
    scale: float = 1.0
    path_norm: float = 1.0


@dataclass(frozen=True)
class Intervals:
    """Conformal half-widths by bins of the predicted value: `edges` has one number fewer than `widths`."""

    level: float
    edges: tuple[float, ...]
    widths: tuple[float, ...]

    def around(self, values: Doubles) -> Doubles:
        """Return low and high for each value (n x 2)."""
        width = np.asarray(self.widths)[np.searchsorted(np.asarray(self.edges), values)]
        return np.column_stack([values - width, values + width])


@dataclass(frozen=True)
class Tail:
    """The score above which a row is an anomaly, and the quantiles of the training scores (ascending)."""

    threshold: float
    quantiles: tuple[float, ...]

    def probability(self, scores: Doubles) -> Doubles:
        """Return the share of training rows that score at least as high, never below half a quantile's step."""
        known = np.asarray(self.quantiles)
        above = len(known) - np.searchsorted(known, scores, side="left")
        return np.maximum(above, 0.5) / len(known)


@dataclass(frozen=True)
class TreePredictor:
    """Answer rows of one version; safe to share between threads."""

    task: Task
    schema: TableSchema
    encoder: Encoder
    trees: FlatTrees
    finish: Finish
    intervals: Intervals | None = None
    tail: Tail | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of the mapped arrays."""
        return self.trees.size_bytes

    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Answer one value a row; raise `InvalidInput` naming each fault."""
        matrix, warnings = self.encoder.encode(columns_of_rows(self.schema, rows), len(rows))
        answers = self.answers(matrix)
        for row, texts in warnings.items():
            answers.details[row]["warnings"] = texts
        return answers

    def raw(self, matrix: Matrix) -> Doubles:
        """Return `scale * sums + base` (rows x outputs)."""
        raw: Doubles = self.trees.sums(matrix) * self.finish.scale + np.asarray(self.finish.base)
        return raw

    def answers(self, matrix: Matrix) -> Answers:
        """Answer an encoded matrix."""
        return self.answers_of_raw(self.raw(matrix))

    def answers_of_raw(self, raw: Doubles) -> Answers:
        """Answer raw outputs, whoever computed them."""
        if self.task == Task.CLASSIFICATION:
            return self._labels(probabilities(self.finish.link, raw))
        if self.task == Task.ANOMALY:
            return self._anomalies(np.exp2(-raw[:, 0] / self.finish.path_norm))
        return self._values(raw[:, 0])

    def _labels(self, probability: Doubles) -> Answers:
        classes = self.schema.classes
        names = [str(label) for label in classes]
        best = probability.argmax(axis=1).tolist()
        details = [{"probabilities": dict(zip(names, row, strict=True))} for row in probability.tolist()]
        return Answers([classes[i] for i in best], details)

    def _values(self, values: Doubles) -> Answers:
        if self.intervals is None:
            return Answers(values.tolist(), [{} for _ in values])
        level, bounds = self.intervals.level, self.intervals.around(values).tolist()
        return Answers(values.tolist(), [{"interval": bound, "level": level} for bound in bounds])

    def _anomalies(self, scores: Doubles) -> Answers:
        assert self.tail is not None
        verdicts = np.where(scores > self.tail.threshold, -1, 1).tolist()
        chances = self.tail.probability(scores).tolist()
        pairs = zip(scores.tolist(), chances, strict=True)
        return Answers(verdicts, [{"score": score, "tail_probability": chance} for score, chance in pairs])

    def explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        """Attribute each row's raw output to its columns; a column's encoded features are added up."""
        matrix, _ = self.encoder.encode(columns_of_rows(self.schema, rows), len(rows))
        return self.explain_encoded(matrix)

    def explain_encoded(self, matrix: Matrix) -> list[Explanation]:
        """Attribute the raw output of each row of an encoded matrix."""
        return [self._explanation(row, raw) for row, raw in zip(matrix, self.raw(matrix), strict=True)]

    def with_first_trees(self, count: int) -> "TreePredictor":
        """Return the same forest of its first `count` trees; one whose trees add up is returned whole."""
        known = len(self.trees.roots)
        if count >= known or not math.isclose(self.finish.scale * known, 1.0):
            return self
        return replace(self, trees=self.trees.first(count), finish=replace(self.finish, scale=1.0 / count))

    def _explanation(self, row: Matrix, raw: Doubles) -> Explanation:
        output, sign, quantity, of = self._explained_output(raw)
        parts = self.trees.attributions(row, output=output) * self.finish.scale * sign
        contributions = dict.fromkeys((column.name for column in self.schema.columns), 0.0)
        for source, part in zip(self.encoder.sources, parts.tolist(), strict=True):
            contributions[source] += part
        base = (self._expected[output] * self.finish.scale + self.finish.base[output]) * sign
        if self.finish.link == "probability" and sign < 0:
            base += 1.0
        return Explanation(base=base, contributions=contributions, quantity=quantity, of=of, method=TREE_SHAP)

    def _explained_output(self, raw: Doubles) -> tuple[int, float, Quantity, Any]:
        if self.task == Task.ANOMALY:
            return 0, -1.0, Quantity.MINUS_PATH_LENGTH, None
        if self.task == Task.REGRESSION:
            return 0, 1.0, Quantity.VALUE, self.schema.target
        best = int(probabilities(self.finish.link, raw[None, :])[0].argmax())
        of, alone = self.schema.classes[best], len(raw) == 1
        sums = Quantity.LOG_ODDS if alone else Quantity.SCORE
        quantity = Quantity.PROBABILITY if self.finish.link == "probability" else sums
        return (0, 1.0 if best == 1 else -1.0, quantity, of) if alone else (best, 1.0, quantity, of)

    @cached_property
    def _expected(self) -> list[float]:
        return [self.trees.expected(output=output) for output in range(self.trees.outputs)]

    def facts(self) -> dict[str, Any]:
        """Return what `predictor.json` keeps beside the arrays."""
        return {
            "format": 1,
            "kind": "trees",
            "task": self.task,
            "schema": self.schema.as_json(),
            "encoder": self.encoder.as_json(),
            "outputs": self.trees.outputs,
            "deepest": self.trees.deepest,
            "finish": vars(self.finish),
            "intervals": vars(self.intervals) if self.intervals else None,
            "tail": vars(self.tail) if self.tail else None,
        }

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> "TreePredictor":
        """Read what `facts` and `FlatTrees.save` wrote."""
        interval, tail = facts["intervals"], facts["tail"]
        return cls(
            task=Task(facts["task"]),
            schema=TableSchema.from_json(facts["schema"]),
            encoder=Encoder.from_json(facts["encoder"]),
            trees=FlatTrees.load(folder, outputs=facts["outputs"], deepest=facts["deepest"]),
            finish=Finish(**{**facts["finish"], "base": tuple(facts["finish"]["base"])}),
            intervals=Intervals(interval["level"], tuple(interval["edges"]), tuple(interval["widths"]))
            if interval
            else None,
            tail=Tail(tail["threshold"], tuple(tail["quantiles"])) if tail else None,
        )


def probabilities(link: str, raw: Doubles) -> Doubles:
    """Return class probabilities (rows x classes) of raw outputs."""
    chances: Doubles
    if link == "softmax":
        chances = np.exp(raw - raw.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
    elif raw.shape[1] > 1:
        chances = raw / raw.sum(axis=1, keepdims=True)
    else:
        second = raw[:, 0]
        if link == "sigmoid":
            second = 0.5 * (1.0 + np.tanh(second / 2))
        chances = np.column_stack([1.0 - second, second])
    return chances
