"""Made-up evaluations whose truth is known."""

from typing import Any

import numpy as np

from apps.algorithms.engine import metrics
from apps.algorithms.engine.judged_classes import JudgedClasses
from apps.algorithms.results import Baseline, Evaluation, Importance
from apps.algorithms.schema import Column, ColumnKind
from apps.algorithms.tables import TrainingTable

APART = 1.2  # how far the scores of two classes lie apart, in their standard deviations
SHARE = 0.3  # of the class to be found


def two_classes(rows: int, chance: np.random.Generator, apart: Any = APART) -> JudgedClasses:
    """Draw rows of two classes in fixed numbers, with the chances that suit their scores."""
    truth = (chance.permutation(rows) < rows * SHARE).astype(np.int64)
    score = apart * truth + chance.normal(size=rows)
    second = 1 / (1 + np.exp(-(APART * score - APART**2 / 2 + np.log(SHARE / (1 - SHARE)))))
    return JudgedClasses(truth, np.column_stack([1 - second, second]), positive=1)


def plain_columns(rows: int, chance: np.random.Generator, columns: int = 10) -> tuple[tuple[Column, ...], dict[str, Any]]:
    """Draw columns that have nothing to do with anything: numbers, and categories of six values."""
    kinds = [ColumnKind.NUMBER, ColumnKind.CATEGORY]
    named = tuple(Column(f"c{i}", kinds[i % 2]) for i in range(columns))
    shares = [0.3, 0.25, 0.2, 0.1, 0.1, 0.05]
    values = {
        column.name: chance.normal(size=rows)
        if column.kind == ColumnKind.NUMBER
        else chance.choice(list("abcdef"), rows, p=shares).tolist()
        for column in named
    }
    return named, values


def evaluated(judged: JudgedClasses, table: TrainingTable) -> tuple[Evaluation, Baseline]:
    """Return what a judge says of these answers, and of the trivial ones."""
    found = metrics.classification_metrics(judged.truth, judged.chances, positive=judged.positive)
    main = "roc_auc" if "roc_auc" in found else "accuracy"
    classes = judged.chances.shape[1]
    shares = np.bincount(judged.truth, minlength=classes) / judged.rows
    trivial = JudgedClasses(judged.truth, np.tile(shares, (judged.rows, 1)), judged.positive)
    scores = metrics.classification_metrics(trivial.truth, trivial.chances, positive=trivial.positive)
    evaluation = Evaluation(found, main, greater_is_better=True, judged=judged, rows=table)
    return evaluation, Baseline("always the share of each class", scores, judged=trivial)


def of_columns(table: TrainingTable) -> Importance:
    return Importance("made up", tuple((column.name, 1.0, 0.0) for column in table.features), table.rows)
