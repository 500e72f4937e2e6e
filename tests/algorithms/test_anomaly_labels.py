"""Labels of anomalies: which one is the usual one, rows without one, and what the trivial answer learned."""

from typing import Any

import numpy as np
import pytest

from apps.algorithms import catalog
from apps.algorithms.engine.anomaly_labels import counts_of, read_labels
from apps.algorithms.engine.report import report_of
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from tests.contracts.tables import silent

NAN = float("nan")
KINDS = {
    "numbers": (ColumnKind.NUMBER, 0.0, 1.0, NAN),
    "integers": (ColumnKind.INTEGER, 0, 1, None),
    "texts": (ColumnKind.CATEGORY, "no", "yes", None),
}


def read(labels, learned=None):
    """Return how many rows are anomalies, of how many, and what is said; None where it cannot be told."""
    truth = read_labels(labels, counts_of(labels if learned is None else learned))
    return truth and (int(truth.anomalies.sum()), len(truth.rows), truth.warnings)


@pytest.mark.parametrize(
    ("labels", "anomalies", "said"),
    [
        (["no"] * 95 + ["yes"] * 5, 5, ""),
        ([0] * 95 + [1] * 5, 5, ""),
        ([0.0] * 95 + [1.0] * 5, 5, ""),
        ([False] * 95 + [True] * 5, 5, ""),
        ([1] * 95 + [-1] * 5, 5, ""),
        (["normal"] * 10 + ["dos"] * 50 + ["probe"] * 40, 90, ""),
        (["no"] * 50 + ["yes"] * 50, 50, ""),
        (["ok"] * 95 + ["Fraud"] * 5, 5, "'Fraud'"),
        (["good"] * 95 + ["no"] * 5, 5, "'no'"),
        ([1] * 95 + [0] * 5, 5, "'0'"),
        ([2] * 95 + [1] * 5, 5, "'1'"),
        ([-1] * 95 + [1] * 5, 5, "'1'"),
    ],
)
def test_the_rarer_of_two_labels_is_the_anomaly(labels, anomalies, said):
    found, rows, warnings = read(labels)

    assert (found, rows) == (anomalies, 100)
    told = f"Rows labelled {said} are taken for the anomalies: of the two labels it is the rarer."
    assert warnings == ((told,) if said else ())


@pytest.mark.parametrize("labels", [["a", "b"] * 20, ["a", "b", "c", "c"], [None, None], []])
def test_where_no_label_is_the_usual_one_nothing_is_measured_by_them(labels):
    assert read(labels) is None


def test_which_label_is_rarer_is_said_by_the_rows_that_were_learned_from():
    assert read(["ok"] * 10 + ["fraud"] * 20, learned=["ok"] * 100 + ["fraud"])[0] == 20
    assert read(["ok"] * 10 + ["fraud"] * 20, learned=["ok"] * 100)[0] == 20


@pytest.mark.parametrize("missing", [None, NAN])
def test_a_row_without_a_label_is_neither(missing):
    assert read(["no", missing, "yes", "no", missing])[:2] == (1, 3)


def table(kind: str, *, unlabelled: Any = (), far: int = 40) -> TrainingTable:
    """Return a thousand rows, the last `far` of them far away and labelled so."""
    chance = np.random.default_rng(0)
    column, usual, odd, missing = KINDS[kind]
    labels = np.array([usual] * (1000 - far) + [odd] * far, dtype=np.float64 if kind == "numbers" else object)
    labels[list(unlabelled)] = missing
    x = np.concatenate([chance.normal(size=1000 - far), chance.normal(size=far) + 6])
    other = Column("b", ColumnKind.NUMBER)
    columns = {"a": x, "b": chance.normal(size=1000)}
    return TrainingTable((Column("a", ColumnKind.NUMBER), other), columns, 1000, labels, "y", column)


def fitted(data):
    service = catalog.get("isolation_forest")(task=Task.ANOMALY, parameters={"n_estimators": 50}, threads=1)
    service.fit(data, silent)
    return service


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_a_label_are_left_out_of_what_labels_measure(kind):
    full, partly = table(kind), table(kind, unlabelled=range(0, 1000, 2))
    service = fitted(full)
    labelled = partly.take(np.arange(1, 1000, 2))

    found, alone = service.evaluate(partly), service.evaluate(labelled)

    assert found.metrics["alert_rate"] == service.evaluate(full).metrics["alert_rate"]
    assert {**found.metrics, "alert_rate": 0} == pytest.approx({**alone.metrics, "alert_rate": 0})
    assert found.metrics["roc_auc"] > 0.95
    assert found.rows.rows == found.judged.rows == 500
    baseline = service.baseline(partly)
    assert baseline.metrics["roc_auc"] == service.baseline(labelled).metrics["roc_auc"]
    report = report_of(found, baseline, None, service.importance(partly), seed=0)
    assert "roc_auc" in report.intervals["metrics"]
    assert "alert_rate" not in report.intervals["metrics"]


def test_the_trivial_answer_is_learned_from_the_rows_that_the_model_was():
    """Of a part of which half are anomalies the middle lies between these and the usual rows."""
    service = fitted(table("texts"))
    part = table("texts").take(np.arange(920, 1000))

    found = service.baseline(part)

    assert found.metrics["roc_auc"] > 0.99
    assert found.metrics["recall_of_alerts"] > 0.2
    assert service.baseline(part.take(np.arange(40))).metrics["alert_rate"] == 0
