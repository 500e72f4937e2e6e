"""Conformal sets of classes: they hold the true class as often as they say, for rare classes too."""

from dataclasses import replace

import numpy as np
import pytest

from apps.algorithms import catalog
from apps.algorithms.conformal import conformal_sets
from apps.algorithms.engine.held_back import held_back
from apps.algorithms.predictors import load_predictor
from apps.algorithms.predictors.finish import PredictionSets
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from tests.contracts.tables import silent


def known_chances(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return chances of three classes, one of them rare, and classes drawn by them."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=(rows, 3)) * 1.5 + np.array([1.0, 0.5, -2.5])
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = (chances.cumsum(axis=1) < chance.random(rows)[:, None]).sum(axis=1)
    return chances, truth


def test_sets_cover_every_class_as_often_as_they_say():
    sets = conformal_sets(*known_chances(4_000, seed=0))
    assert sets is not None
    chances, truth = known_chances(20_000, seed=1)

    held = np.array([code in members for code, members in zip(truth, sets.members(chances), strict=True)])

    assert sets.level == 0.9
    assert 0.88 <= held.mean() <= 0.93
    for code in range(3):
        assert held[truth == code].mean() >= 0.86, code


def test_a_set_is_never_empty_and_two_classes_are_done_as_many_are():
    sets = PredictionSets(0.9, (0.95, 0.95))
    chances = np.array([[0.5, 0.5], [0.96, 0.04], [0.2, 0.8]])

    assert sets.members(chances) == [[0], [0], [1]]
    assert PredictionSets(0.9, (0.3, 0.3)).members(np.array([[0.6, 0.4]])) == [[0, 1]]
    three = np.column_stack([chances, np.zeros(3)])
    assert PredictionSets(0.9, (0.95, 0.95, 0.5)).members(three) == [[0], [0], [1]]


def test_the_sets_of_a_rare_class_cost_the_usual_one_no_more_than_was_asked():
    """Of a class of nine rows in ten the most probable class would be right too often, were it always in."""
    chance = np.random.default_rng(0)
    rare = 1 / (1 + np.exp(2.5 - 0.7 * chance.normal(size=40_000)))
    chances, truth = np.column_stack([1 - rare, rare]), (rare > chance.random(40_000)).astype(np.int64)
    half = np.arange(40_000) % 2 == 0
    sets = conformal_sets(chances[half], truth[half])
    assert sets is not None

    members = sets.members(chances[~half])

    held = np.array([code in told for code, told in zip(truth[~half], members, strict=True)])
    for code in (0, 1):
        assert held[truth[~half] == code].mean() == pytest.approx(0.9, abs=0.02), code
    assert [1] in members  # what is so rarely seen of the usual class is not called usual, though it is the most probable


def test_an_answer_that_is_not_in_its_own_set_says_so_beside_its_other_warnings(tmp_path):
    x = np.random.default_rng(0).normal(size=200)
    answers = np.where(x > 0, "yes", "no").astype(object)
    table = TrainingTable((Column("x", ColumnKind.NUMBER),), {"x": x}, 200, answers, "late", ColumnKind.TEXT)
    service = catalog.get("random_forest")(task=Task.CLASSIFICATION, parameters={"n_estimators": 10}, seed=0)
    service.fit(table, silent)
    service.predictor(tmp_path)
    predictor = load_predictor(tmp_path)
    assert isinstance(predictor, TablePredictor)
    without_no = replace(predictor, sets=PredictionSets(0.9, (1.1, 0.0)))
    with_both = replace(predictor, sets=PredictionSets(0.9, (0.0, 0.0)))

    usual, strange = without_no.predict([{"x": -1.0}, {"x": -1e9}]).details

    assert usual["set"] == strange["set"] == ["yes"]
    (told,) = usual["warnings"]
    assert told.startswith("The most probable class, no, is not in the set")
    assert strange["warnings"][0] == told
    assert len(strange["warnings"]) == 2
    (inside,) = with_both.predict([{"x": -1.0}]).details
    assert inside["set"] == ["no", "yes"]
    assert "warnings" not in inside


def test_of_few_rows_nothing_is_promised():
    assert conformal_sets(*known_chances(19, seed=0)) is None


@pytest.mark.slow
@pytest.mark.parametrize("slug", ["random_forest", "gradient_boosting", "xgboost", "svm"])
def test_sets_of_a_fitted_model_cover_rows_it_never_saw(slug):
    chance = np.random.default_rng(0)
    x = chance.normal(size=(6_000, 4))
    late = 1 / (1 + np.exp(-(1.5 * x[:, 0] - x[:, 1] * x[:, 2]))) > chance.random(6_000)
    names = ["x0", "x1", "x2", "x3"]
    columns = {name: x[:, i] for i, name in enumerate(names)}
    kinds = tuple(Column(name, ColumnKind.NUMBER) for name in names)
    table = TrainingTable(kinds, columns, 6_000, late.astype(object), "late", ColumnKind.BOOLEAN)
    split = table.split(task=Task.CLASSIFICATION, test_share=0.5, seed=0)
    service = catalog.get(slug)(task=Task.CLASSIFICATION, parameters={}, seed=0, threads=2)
    service.fit(split.train, silent)

    told = service.evaluate(split.test).metrics

    assert 0.88 <= told["set_coverage"] <= 0.92
    assert told["set_size"] < 1.6


def test_rare_classes_are_covered_beside_easy_ones_and_ties_are_no_miss():
    chance = np.random.default_rng(0)
    easy, hard = 10, 300
    truth = np.concatenate([np.repeat(np.arange(easy), 200), np.repeat(np.arange(easy, easy + hard), 5)])
    scores = chance.normal(size=(len(truth), easy + hard))
    scores[np.arange(len(truth)), truth] += np.where(truth < easy, 9.0, 2.5)
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    half = np.arange(len(truth)) % 2 == 0
    sets = conformal_sets(chances[half], truth[half])
    assert sets is not None

    held = np.array([c in members for c, members in zip(truth[~half], sets.members(chances[~half]), strict=True)])

    assert held[truth[~half] >= easy].mean() >= 0.86
    few_values = np.round(np.random.default_rng(1).uniform(0.5, 1.0, 500), 1)
    tied = np.column_stack([1 - few_values, few_values])
    told = conformal_sets(tied, np.ones(500, dtype=np.int64))
    assert told is not None
    served = tied.astype(np.float32).astype(np.float64)
    assert np.mean([1 in members for members in told.members(served)]) >= 0.9


def test_a_class_of_hardly_any_rows_is_in_every_set():
    chances, truth = known_chances(300, seed=3)
    truth = np.where(truth == 2, 0, truth)
    truth[:3] = 2

    sets = conformal_sets(chances, truth)

    assert sets is not None
    assert all(2 in members for members in sets.members(chances))


@pytest.mark.parametrize("folds", [True, False])
def test_every_class_is_among_the_rows_to_fit_on(folds):
    target = np.concatenate([np.zeros(4_000, dtype=int), np.repeat(np.arange(1, 101), 2)])

    parts = list(held_back(target, stratified=True, folds=folds, seed=0))

    assert len(parts) == (5 if folds else 1)
    for left, right in parts:
        assert set(target[left]) == set(target)
        assert not set(left) & set(right)
    assert len(set(np.concatenate([np.concatenate(part) for part in parts]))) == len(target)
