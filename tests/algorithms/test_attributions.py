"""Tree attributions against the definition, and against XGBoost's own."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import xgboost

from apps.algorithms import catalog
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from tests.contracts.tables import binary_table, silent

PLAYERS = 4


def number_table(rows: int = 150) -> TrainingTable:
    chance = np.random.default_rng(2)
    x = chance.normal(size=(rows, PLAYERS))
    x[chance.random(x.shape) < 0.1] = np.nan
    target = np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) + np.nan_to_num(x[:, 2])
    columns = {f"x{i}": x[:, i] for i in range(PLAYERS)}
    features = tuple(Column(name, ColumnKind.NUMBER) for name in columns)
    return TrainingTable(features, columns, rows, target, "y", ColumnKind.NUMBER)


def expectation(trees, row, known: set[int]) -> float:
    """Return the ensemble's sum when only the features in `known` are known, by the path-dependent definition."""

    def value(node: int) -> float:
        feature, left = int(trees.nodes["feature"][node]), int(trees.nodes["left"][node])
        if feature < 0:
            return float(trees.values[left, 0])
        if feature in known:
            missing = np.isnan(row[feature])
            right = trees.nodes["default_left"][node] == 0 if missing else not row[feature] <= trees.nodes["threshold"][node]
            return value(left + int(right))
        weights = trees.covers[left], trees.covers[left + 1]
        return (value(left) * weights[0] + value(left + 1) * weights[1]) / sum(weights)

    return sum(value(int(root)) for root in trees.roots)


@pytest.mark.parametrize("kernel", ["on", "off"])
@pytest.mark.parametrize(
    ("slug", "size"),
    [("random_forest", {"max_depth": 4}), ("gradient_boosting", {"max_leaf_nodes": 8}), ("xgboost", {"max_depth": 4})],
)
def test_attributions_are_the_shapley_values_of_the_definition(slug, size, kernel, monkeypatch):
    monkeypatch.setenv("MLPLATFORM_KERNEL", kernel)
    table = number_table()
    service = catalog.get(slug)(task=Task.REGRESSION, parameters={"n_estimators": 10, **size})
    service.fit(table, silent)
    trees = service.light.trees

    for row in service._matrix(table)[:3]:
        found = trees.attributions(row, output=0)
        for player in range(PLAYERS):
            others = [p for p in range(PLAYERS) if p != player]
            exact = 0.0
            for count in range(PLAYERS):
                share = factorial(count) * factorial(PLAYERS - count - 1) / factorial(PLAYERS)
                for group in combinations(others, count):
                    gain = expectation(trees, row, {*group, player}) - expectation(trees, row, set(group))
                    exact += share * gain
            assert found[player] == pytest.approx(exact, abs=1e-5)
        assert trees.expected(output=0) + found.sum() == pytest.approx(trees.sums(row[None, :])[0, 0], abs=1e-5)


def test_attributions_equal_those_of_xgboost():
    table = binary_table()
    service = catalog.get("xgboost")(task=Task.CLASSIFICATION, parameters={"n_estimators": 60})
    service.fit(table, silent)
    matrix = service._matrix(table)[:20]

    theirs = service.native.predict(xgboost.DMatrix(matrix), pred_contribs=True)

    ours = np.array([service.light.trees.attributions(row, output=0) for row in matrix])
    np.testing.assert_allclose(ours, theirs[:, :-1], atol=2e-5)
