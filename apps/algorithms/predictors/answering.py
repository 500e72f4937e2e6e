"""How raw outputs become the answers of each task, and which of them is explained."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from apps.algorithms.predictors.finish import Doubles, probabilities
from apps.algorithms.results import Answers, Quantity
from apps.algorithms.schema import Task

if TYPE_CHECKING:
    from apps.algorithms.predictors.density import DensityPredictor
    from apps.algorithms.predictors.table import TablePredictor


_NOT_IN_ITS_SET = "The most probable class, {}, is not in the set: such a row is rare among those that really are of it."


class Answering(ABC):
    """Words the raw outputs (rows x outputs) of a `TablePredictor`; has no state of its own."""

    @abstractmethod
    def answers(self, of: "TablePredictor", raw: Doubles) -> Answers:
        """Return one answer a row."""

    @abstractmethod
    def explained(self, of: "TablePredictor", raw: Doubles) -> tuple[int, float, Quantity, str | None]:
        """Return of one row the output that is explained, its sign, what it measures and of what."""


class _Classes(Answering):
    def answers(self, of: "TablePredictor", raw: Doubles) -> Answers:
        chances = probabilities(of.finish.link, raw)
        classes, names = of.schema.classes, of.schema.class_names
        best = chances.argmax(axis=1).tolist()
        details: list[dict[str, Any]] = [{"probabilities": dict(zip(names, row, strict=True))} for row in chances.tolist()]
        if of.sets is not None:
            for detail, answer, members in zip(details, best, of.sets.members(chances), strict=True):
                detail["set"] = [classes[i] for i in members]
                detail["level"] = of.sets.level
                if answer not in members:
                    detail["warnings"] = [_NOT_IN_ITS_SET.format(names[answer])]
        return Answers([classes[i] for i in best], details)

    def explained(self, of: "TablePredictor", raw: Doubles) -> tuple[int, float, Quantity, str | None]:
        best = int(probabilities(of.finish.link, raw[None, :])[0].argmax())
        name, alone = of.schema.class_names[best], len(raw) == 1
        sums = Quantity.LOG_ODDS if alone else Quantity.SCORE
        quantity = Quantity.PROBABILITY if of.finish.link == "probability" else sums
        return (0, 1.0 if best == 1 else -1.0, quantity, name) if alone else (best, 1.0, quantity, name)


class _Amounts(Answering):
    def answers(self, of: "TablePredictor", raw: Doubles) -> Answers:
        values = raw[:, 0]
        if of.intervals is None:
            return Answers(values.tolist(), [{} for _ in values])
        level, bounds = of.intervals.level, of.intervals.around(values).tolist()
        return Answers(values.tolist(), [{"interval": bound, "level": level} for bound in bounds])

    def explained(self, of: "TablePredictor", raw: Doubles) -> tuple[int, float, Quantity, str | None]:
        return 0, 1.0, Quantity.VALUE, of.schema.target


class _Anomalies(Answering):
    def answers(self, of: "TablePredictor", raw: Doubles) -> Answers:
        assert of.tail is not None
        scores = np.exp2(-raw[:, 0] / of.finish.path_norm)
        verdicts = np.where(scores > of.tail.threshold, -1, 1).tolist()
        pairs = zip(scores.tolist(), of.tail.probability(scores).tolist(), strict=True)
        return Answers(verdicts, [{"score": score, "tail_probability": chance} for score, chance in pairs])

    def explained(self, of: "TablePredictor", raw: Doubles) -> tuple[int, float, Quantity, str | None]:
        return 0, -1.0, Quantity.MINUS_PATH_LENGTH, None


class _Clusters(Answering):
    def answers(self, of: "TablePredictor", raw: Doubles) -> Answers:
        dense = cast("DensityPredictor", of)
        details = [{"distance": distance, "reach": dense.reach} for distance in np.sqrt(raw[:, 0]).tolist()]
        return Answers(dense.clusters(raw).tolist(), details)

    def explained(self, of: "TablePredictor", raw: Doubles) -> tuple[int, float, Quantity, str | None]:
        return 0, 1.0, Quantity.SQUARED_DISTANCE, None


ANSWERING: dict[Task, Answering] = {
    Task.CLASSIFICATION: _Classes(),
    Task.REGRESSION: _Amounts(),
    Task.ANOMALY: _Anomalies(),
    Task.CLUSTERING: _Clusters(),
}
