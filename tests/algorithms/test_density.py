"""Density clusters: what DBSCAN finds, a reach that suits the data, and the cluster of new rows."""

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_iris, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score

from apps.algorithms.engine import density
from apps.algorithms.engine.density import find_clusters, samples_for, suggested_reach, validity
from apps.algorithms.engine.judges import JUDGES
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.services.dbscan import DBSCANService
from apps.algorithms.tables import TrainingTable
from apps.core.errors import InvalidInput
from tests.contracts.tables import silent


def table_of(points: np.ndarray, labels: np.ndarray | None = None) -> TrainingTable:
    names = [f"x{i}" for i in range(points.shape[1])]
    columns = {name: points[:, i].astype(float) for i, name in enumerate(names)}
    target = None if labels is None else np.array([f"kind {label}" for label in labels], dtype=object)
    kinds = tuple(Column(name, ColumnKind.NUMBER) for name in names)
    return TrainingTable(kinds, columns, len(points), target, None if target is None else "kind", ColumnKind.CATEGORY)


def fitted(table: TrainingTable, **parameters: Any) -> DBSCANService:
    service = DBSCANService(task=Task.CLUSTERING, parameters=parameters, seed=0)
    service.fit(table, silent)
    return service


def test_clusters_are_the_library_s_the_largest_first():
    points, _ = make_moons(300, noise=0.06, random_state=0)
    points = np.concatenate([points, np.random.default_rng(0).normal([4, 4], 0.05, (40, 2)), [[9.0, 9.0]]])

    found = find_clusters(points, reach=0.2, min_samples=5)

    library = DBSCAN(eps=0.2, min_samples=5).fit(points)
    assert adjusted_rand_score(found.labels, library.labels_) == 1.0
    assert sorted(found.cores) == sorted(library.core_sample_indices_)
    sizes = np.bincount(found.labels[found.labels >= 0])
    assert list(sizes) == sorted(sizes, reverse=True)
    assert found.labels[-1] == -1
    assert found.noise_share == pytest.approx((library.labels_ < 0).mean())


@pytest.mark.parametrize(
    ("points", "labels", "least"),
    [
        (*make_moons(800, noise=0.07, random_state=0), 0.9),
        (*make_circles(600, noise=0.04, factor=0.5, random_state=0), 0.95),
        (*load_iris(return_X_y=True), 0.5),
    ],
    ids=["moons", "circles", "iris"],
)
def test_without_a_setting_it_finds_what_density_sets_apart(points, labels, least):
    service = fitted(table_of(points))

    told = service.evaluate(table_of(points, labels)).metrics

    means = KMeans(len(set(labels)), n_init=10, random_state=0).fit_predict(points / points.std(axis=0))
    assert told["adjusted_rand"] >= least
    assert told["adjusted_rand"] >= adjusted_rand_score(labels, means) - 0.1
    assert told["agreement"] >= 0.7


def test_where_there_are_no_groups_it_says_so():
    service = fitted(table_of(np.random.default_rng(0).normal(size=(500, 4))))

    assert service.light.labels.max() == 0
    assert any("one group only" in warning for warning in service.warnings)


def test_a_reach_too_short_is_refused_with_what_to_do():
    with pytest.raises(InvalidInput, match="Give a longer reach"):
        fitted(table_of(np.random.default_rng(0).normal(size=(50, 2))), eps=1e-5)


def test_new_rows_are_of_the_cluster_of_the_nearest_dense_row_or_of_none():
    points, _ = make_moons(400, noise=0.05, random_state=1)
    service = fitted(table_of(points), eps=0.2, min_samples=5)
    own = find_clusters(service.light.places(points.astype(np.float32)), reach=0.2, min_samples=5).labels

    answers = service.predict([*table_of(points).records(), {"x0": 50.0, "x1": 50.0}])

    core = np.isin(
        np.arange(400), find_clusters(service.light.places(points.astype(np.float32)), reach=0.2, min_samples=5).cores
    )
    assert np.array_equal(np.array(answers.values[:-1])[core], own[core])
    assert answers.values[-1] == -1
    assert answers.details[-1]["distance"] > answers.details[-1]["reach"] == 0.2


def test_rows_of_other_categories_lie_apart_however_rare_they_are():
    chance = np.random.default_rng(0)
    rows = 600
    kind = np.where(np.arange(rows) < 60, "rare", "common")
    columns = {"x": chance.normal(0, 1, rows), "y": chance.normal(0, 1, rows), "kind": kind.tolist()}
    kinds = (Column("x", ColumnKind.NUMBER), Column("y", ColumnKind.NUMBER), Column("kind", ColumnKind.CATEGORY))
    service = fitted(TrainingTable(kinds, columns, rows, None, None, None), eps=0.9, min_samples=5)

    found = service.light.clusters(service.light.raw(service._matrix(TrainingTable(kinds, columns, rows, None, None, None))))

    assert {int(cluster) for cluster in np.unique(found)} >= {0, 1}
    assert adjusted_rand_score(kind[found >= 0], found[found >= 0]) > 0.95


def test_validity_is_high_for_groups_apart_and_not_for_a_cut_through_one():
    chance = np.random.default_rng(0)
    apart = np.concatenate([chance.normal(0, 0.1, (50, 2)), chance.normal(5, 0.1, (50, 2))])
    labels = np.repeat([0, 1], 50)

    assert validity(apart, labels) > 0.8
    assert validity(chance.normal(size=(100, 2)), labels) < 0
    assert validity(apart, np.zeros(100, dtype=int)) == -1.0


def test_equal_rows_and_few_rows_have_a_reach():
    assert suggested_reach(np.zeros((30, 2)), min_samples=5, seed=0) > 0
    assert suggested_reach(np.random.default_rng(0).normal(size=(4, 2)), min_samples=5, seed=0) > 0
    assert samples_for(10, min_samples=5, learned=1_000) == 2


def test_more_rows_than_it_can_take_are_drawn_from_and_said(monkeypatch):
    monkeypatch.setattr(density, "MOST_ROWS", 200)

    service = fitted(table_of(make_moons(400, noise=0.05, random_state=1)[0]))

    assert "It learned from 200 rows" in " ".join(service.warnings)
    assert service.light.learned == 200


def test_labels_with_holes_do_not_judge():
    table = table_of(load_iris(return_X_y=True)[0], np.arange(150) % 3)
    assert table.target is not None
    table.target[3] = None

    assert "adjusted_rand" not in JUDGES[Task.CLUSTERING].evaluate(fitted(table).light, {}, table).metrics


def test_groups_are_as_stable_on_a_few_rows_kept_apart():
    points, labels = make_moons(900, noise=0.07, random_state=0)
    split = table_of(points, labels).split(task=Task.CLUSTERING, test_share=0.2, seed=0)

    told = fitted(split.train).evaluate(split.test).metrics

    assert told["agreement"] >= 0.9
