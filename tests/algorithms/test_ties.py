"""Rows that hang together, by group or by time: what is held back within a fit is as far away as rows to come will be."""

import numpy as np
import pytest

from apps.algorithms import catalog
from apps.algorithms.engine.held_back import Ties, held_back
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable

FOREST = {"n_estimators": 60}
SERVICES = [("random_forest", FOREST), ("gradient_boosting", {}), ("xgboost", {})]
X, G = Column("x", ColumnKind.NUMBER), Column("g", ColumnKind.NUMBER)


def table(groups: int, *, seed: int, timed: bool = False, classes: bool = False) -> TrainingTable:
    """Return twenty rows a group, or a day, which share a shock that tells nothing of other groups."""
    chance = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), 20)
    shock = chance.normal(size=groups)[of]
    x, mark = chance.normal(size=len(of)), chance.normal(size=groups)[of]
    amount = x + 2 * shock + 0.5 * chance.normal(size=len(of))
    return TrainingTable(
        features=(X, G),
        columns={"x": x, "g": mark},
        rows=len(of),
        target=np.where(amount > 0, "yes", "no").astype(object) if classes else amount,
        target_name="y",
        target_kind=ColumnKind.CATEGORY if classes else ColumnKind.NUMBER,
        groups=None if timed else np.array([f"g{one}" for one in of], dtype=object),
        times=86_400.0 * of if timed else None,
    )


def fitted(slug, parameters, data, task):
    service = catalog.get(slug)(task=task, parameters=parameters, seed=0, threads=1)
    service.fit(data, lambda *_args, **_more: None)
    return service


def covered(service, fresh: TrainingTable) -> float:
    """Return the share of rows of groups, or days, never seen whose truth lies in their bounds or set."""
    details = service.predict(fresh.records(fresh.rows)).details
    if "set" in details[0]:
        return float(np.mean([truth in one["set"] for truth, one in zip(fresh.target, details, strict=True)]))
    bounds = np.array([one["interval"] for one in details])
    return float(((bounds[:, 0] <= fresh.target) & (fresh.target <= bounds[:, 1])).mean())


@pytest.mark.parametrize("timed", [False, True], ids=["groups", "days"])
@pytest.mark.parametrize(("slug", "parameters"), SERVICES)
def test_bounds_hold_on_groups_and_days_that_were_never_seen(slug, parameters, timed):
    service = fitted(slug, parameters, table(120, seed=1, timed=timed), Task.REGRESSION)

    assert 0.8 < covered(service, table(400, seed=2, timed=timed)) < 0.97


@pytest.mark.parametrize(("slug", "parameters"), [*SERVICES, ("svm", {})])
def test_sets_hold_on_groups_that_were_never_seen(slug, parameters):
    service = fitted(slug, parameters, table(120, seed=1, classes=True), Task.CLASSIFICATION)

    assert covered(service, table(400, seed=2, classes=True)) > 0.84


def parts_of(ties, *, target=None, folds=True):
    rows = len(ties.times if ties.groups is None else ties.groups)
    target = np.zeros(rows) if target is None else target
    return list(held_back(target, stratified=target.dtype == np.int64, folds=folds, seed=0, ties=ties))


@pytest.mark.parametrize("folds", [True, False])
def test_a_group_is_never_on_both_sides(folds):
    groups = np.random.default_rng(0).integers(0, 30, 500)

    parts = parts_of(Ties(groups=groups), folds=folds)

    assert all(not np.intersect1d(groups[left], groups[right]).size for left, right in parts)
    held = np.concatenate([right for _, right in parts])
    assert len(np.unique(held)) == len(held)
    assert len(held) == 500 if folds else 10 < len(held) < 200


def test_the_latest_are_held_back_and_equal_times_stay_together():
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(10.0), 10))

    ((left, right),) = parts_of(Ties(times=times))

    assert (times[left].max(), times[right].min(), len(right)) == (7.0, 8.0, 20)


def test_rows_to_fit_on_hold_every_class():
    groups, target = np.repeat(np.arange(10), 10), np.repeat(np.arange(10), 10) // 9

    for left, right in parts_of(Ties(groups=groups), target=target.astype(np.int64)):
        assert set(target[right]) <= set(target[left])


@pytest.mark.parametrize(
    "ties", [Ties(groups=np.zeros(60, dtype=np.int64)), Ties(times=np.zeros(60))], ids=["group", "time"]
)
def test_of_one_group_or_one_time_rows_are_held_back_as_if_they_stood_alone(ties):
    assert sum(len(right) for _, right in parts_of(ties)) == 60


def test_anomalies_are_found_in_one_column():
    chance = np.random.default_rng(0)
    data = TrainingTable(features=(X,), columns={"x": chance.normal(size=300)}, rows=300)

    service = fitted("isolation_forest", {"n_estimators": 30}, data, Task.ANOMALY)

    usual, far = service.predict([{"x": 0.0}, {"x": 9.0}]).details
    assert far["score"] > usual["score"]
