"""What is explained for the importance when the ensemble is too large for its rows."""

import numpy as np
import pytest

from apps.algorithms import catalog, tree_service
from apps.algorithms.results import Importance
from apps.algorithms.schema import Task
from apps.algorithms.tree_service import TreeService
from tests.contracts.tables import mixed_table, silent


def fitted(slug: str, task: Task, **parameters: int) -> TreeService:
    service = catalog.get(slug)(task=task, parameters=parameters, threads=2)
    assert isinstance(service, TreeService)
    service.fit(mixed_table(task), silent)
    return service


def with_room_for(rows: int, service: TreeService, monkeypatch: pytest.MonkeyPatch) -> Importance:
    trees = service.light.trees
    monkeypatch.setattr(tree_service, "_SHAP_WORK", rows * len(trees.nodes) * trees.deepest)
    return service.importance(mixed_table(service.task, rows=800, seed=7))


@pytest.mark.parametrize(
    ("slug", "task"),
    [("random_forest", Task.CLASSIFICATION), ("random_forest", Task.REGRESSION), ("isolation_forest", Task.ANOMALY)],
)
def test_a_forest_too_large_is_explained_on_a_hundred_rows_by_fewer_trees(slug, task, monkeypatch):
    service = fitted(slug, task, n_estimators=200)

    whole, part = (with_room_for(rows, service, monkeypatch) for rows in (100, 25))

    assert (whole.rows, part.rows) == (100, 100)
    assert whole.method == "mean absolute contribution (exact tree Shapley values, 100 rows)"
    assert part.method == "mean absolute contribution (exact tree Shapley values of 50 of 200 trees, 100 rows)"
    sizes = {name: size for name, size, _std in whole.features}
    largest = max(sizes.values())
    assert all(size == pytest.approx(sizes[name], abs=0.15 * largest) for name, size, _std in part.features)


def test_boosting_is_explained_whole_because_its_trees_correct_one_another(monkeypatch):
    service = fitted("xgboost", Task.REGRESSION, n_estimators=40)

    found = with_room_for(10, service, monkeypatch)

    assert found.rows == 100
    assert "trees" not in found.method


def test_a_small_ensemble_is_explained_on_as_many_rows_as_there_is_time_for(monkeypatch):
    service = fitted("xgboost", Task.REGRESSION, n_estimators=40)

    assert with_room_for(321, service, monkeypatch).rows == 321


@pytest.mark.parametrize("kernel", ["on", "off"])
def test_the_first_trees_are_an_ensemble_of_their_own(kernel, monkeypatch):
    monkeypatch.setenv("MLPLATFORM_KERNEL", kernel)
    service = fitted("random_forest", Task.CLASSIFICATION, n_estimators=30)
    row = service._matrix(mixed_table(Task.CLASSIFICATION))[:1]

    part = service.light.trees.first(10)

    each = sum(tree.tree_.node_count for tree in service.native.estimators_[:10])
    assert len(part.nodes) == each
    for output in range(3):
        total = part.expected(output=output) + part.attributions(row[0], output=output).sum()
        assert total == pytest.approx(part.sums(row)[0, output], abs=1e-5)
    np.testing.assert_allclose(part.sums(row) / 10, service.light.with_first_trees(10).raw(row))
