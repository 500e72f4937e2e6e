"""Live scores of growing forests against those that the library computes at the end."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor

from apps.algorithms import catalog
from apps.algorithms.engine import growth
from apps.algorithms.engine.growth import OutOfBag, PathLengths, rank_correlation
from apps.algorithms.schema import Task
from apps.algorithms.services.isolation_forest import expected_path
from tests.contracts.tables import mixed_table


def made(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(4)
    matrix = chance.normal(size=(rows, 4)).astype(np.float32)
    matrix[::9, 1] = np.nan
    return matrix, matrix[:, 0] * 2 + chance.normal(size=rows)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_running_score_is_that_of_the_library(classes):
    matrix, amounts = made()
    target = np.digitize(amounts, [-1, 1]) if classes else amounts
    kind = RandomForestClassifier if classes else RandomForestRegressor
    forest = kind(n_estimators=60, oob_score=True, random_state=3).fit(matrix, target)
    out_of_bag = OutOfBag(matrix, target, classes=classes)

    for start in (0, 20, 40):
        out_of_bag.add(forest.estimators_[start : start + 20])

    assert out_of_bag.score() == pytest.approx(forest.oob_score_, abs=1e-9)
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        np.testing.assert_array_equal(out_of_bag.drawn_by(tree), drawn)


def test_a_large_table_is_scored_on_some_of_its_rows(monkeypatch):
    monkeypatch.setattr(growth, "MOST_ROWS", 50)
    heard = []
    service = catalog.get("random_forest")(task=Task.REGRESSION, parameters={"n_estimators": 40})

    service.fit(mixed_table(Task.REGRESSION), lambda fraction, stage, *, step=None, metrics=None: heard.append(metrics))

    scores = [metrics["out_of_bag_score"] for metrics in heard if metrics]
    assert len(scores) == 8
    assert all(0 < score < 1 for score in scores)
    assert service.predict(mixed_table(Task.REGRESSION).records(1)).details[0]["interval"]


def test_path_lengths_order_rows_as_the_library_s_scores_do():
    matrix, _ = made()
    forest = IsolationForest(n_estimators=50, random_state=1).fit(matrix)
    lengths = PathLengths(matrix, expected_path)

    first = lengths.add(zip(forest.estimators_[:5], forest.estimators_features_[:5], strict=True))
    second = lengths.add(zip(forest.estimators_[5:], forest.estimators_features_[5:], strict=True))

    assert first == 0.0
    assert 0 < second < 1
    assert rank_correlation(lengths._sums, forest.score_samples(matrix)) == pytest.approx(1.0)


def test_a_forest_grown_in_portions_is_the_one_grown_at_once():
    table = mixed_table(Task.ANOMALY)
    service = catalog.get("isolation_forest")(task=Task.ANOMALY, parameters={"n_estimators": 50}, seed=5)
    service.fit(table, lambda *_args, **_more: None)
    matrix = service._matrix(table)

    at_once = IsolationForest(n_estimators=50, max_samples=256, random_state=5).fit(matrix)

    np.testing.assert_array_equal(service.native.score_samples(matrix), at_once.score_samples(matrix))


def test_a_correlation_of_what_orders_nothing():
    flat, rising = np.ones(4), np.arange(4.0)

    assert (rank_correlation(flat, flat), rank_correlation(flat, rising)) == (1.0, 0.0)
    assert rank_correlation(rising, -rising) == pytest.approx(-1.0)
