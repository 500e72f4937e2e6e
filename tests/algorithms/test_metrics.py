"""Scores of two classes are those of the class to be found."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from apps.algorithms import catalog
from apps.algorithms.engine import metrics
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from tests.contracts.tables import silent


def test_average_precision_and_curves_are_of_the_positive_class():
    chance = np.random.default_rng(0)
    truth = (chance.random(500) > 0.05).astype(np.int64)
    of_second = np.clip(0.5 + 0.3 * truth + 0.2 * chance.normal(size=500), 0.01, 0.99)
    chances = np.column_stack([1 - of_second, of_second])

    rare = metrics.classification_metrics(truth, chances, positive=0)
    curves = metrics.classification_curves(truth, chances, ["fraud", "normal"], positive=0)

    assert rare["average_precision"] == pytest.approx(average_precision_score(truth == 0, chances[:, 0]))
    assert rare["average_precision"] < metrics.classification_metrics(truth, chances)["average_precision"]
    assert rare["roc_auc"] == pytest.approx(roc_auc_score(truth, of_second))
    assert curves["positive"] == "fraud"
    assert sum(b["observed"] * b["rows"] for b in curves["calibration"]) == pytest.approx((truth == 0).sum())


@pytest.mark.parametrize(("labels", "found"), [(("fraud", "normal"), "fraud"), (("fraud", "clean"), "fraud")])
def test_the_rarer_class_is_to_be_found_whatever_the_alphabet_says(labels, found):
    chance = np.random.default_rng(1)
    x = chance.normal(size=400)
    rare = x + 0.5 * chance.normal(size=400) > 1.5
    target = np.array([labels[0] if is_rare else labels[1] for is_rare in rare], dtype=object)
    number = Column("x", ColumnKind.NUMBER)
    table = TrainingTable((number,), {"x": x}, 400, target, "y", ColumnKind.CATEGORY)
    service = catalog.get("random_forest")(task=Task.CLASSIFICATION, parameters={"n_estimators": 10})
    service.fit(table, silent)

    evaluation, baseline = service.evaluate(table), service.baseline(table)

    assert evaluation.curves["positive"] == found
    assert baseline.metrics["average_precision"] == pytest.approx(rare.mean())
