"""Which settings a search tries next, and that it finds the good ones."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from apps.algorithms import catalog
from apps.algorithms.choice import choice_of
from apps.algorithms.engine.search import Chosen, Search, Tried
from apps.algorithms.hyperparameters import Range
from apps.algorithms.schema import Task

XGBOOST, FOREST, SVM = (catalog.get(slug) for slug in ("xgboost", "random_forest", "svm"))


def a_search(
    *services: Any, held: dict[str, Any] | None = None, given: dict[str, Any] | None = None, seed: int = 3
) -> Search:
    return Search(services, given=given or {}, held=held or {}, seed=seed)


def play(search: Search, trials: int, score: Callable[[Chosen], float], *, greater: bool = True) -> list[Chosen]:
    played = []
    for _ in range(trials):
        chosen = search.next()
        if chosen is None:
            break
        search.report(chosen.ticket, score(chosen), step=0, greater_is_better=greater)
        search.tell(chosen.ticket, score(chosen))
        played.append(chosen)
    return played


def test_the_defaults_of_each_algorithm_come_first():
    search = a_search(FOREST, SVM, XGBOOST)

    first = [search.next() for _ in range(3)]

    assert [one.algorithm for one in first] == ["random_forest", "svm", "xgboost"]
    for one in first:
        assert one.parameters == catalog.get(one.algorithm).clean_parameters({})


@pytest.mark.parametrize("service", [s for s in catalog.entries() if s.is_searchable()], ids=lambda s: s.slug)
def test_what_is_chosen_lies_where_the_service_says_and_is_accepted_by_it(service):
    for chosen in play(a_search(service), 40, lambda _: 0.5)[1:]:
        for parameter in service.hyperparameters:
            value = chosen.parameters[parameter.name]
            if parameter.search is None:
                assert value == service.clean_parameters({})[parameter.name]
            elif isinstance(parameter.search, Range):
                assert parameter.search.low <= value <= parameter.search.high
            else:
                assert value in [list(v) if isinstance(v, tuple) else v for v in parameter.search]
        assert service.clean_parameters(chosen.parameters) == chosen.parameters


def test_held_settings_stay_and_given_ones_are_the_start_of_those_that_are_not_searched():
    search = a_search(XGBOOST, held={"max_depth": 3}, given={"n_estimators": 50, "max_depth": 3, "subsample": 0.6})

    played = play(search, 10, lambda _: 0.5)

    assert {one.parameters["max_depth"] for one in played} == {3}
    assert {one.parameters["n_estimators"] for one in played} == {50}
    assert all("max_depth" not in one.searched for one in played)


@pytest.mark.parametrize("greater", [True, False])
def test_it_comes_nearer_to_the_best_than_chance(greater):
    """The best is a learning rate of 0.02 and a depth of 8; the defaults are 0.05 and 5."""

    def distance(chosen: Chosen) -> float:
        values = chosen.parameters
        return abs(math.log(values["learning_rate"] / 0.02)) + abs(values["max_depth"] - 8) / 4

    played = play(a_search(XGBOOST), 60, lambda one: distance(one) * (-1 if greater else 1), greater=greater)
    late = sum(distance(one) for one in played[-20:]) / 20
    early = sum(distance(one) for one in played[1:11]) / 10

    assert late < 0.6 * early


def test_it_turns_to_the_better_algorithm():
    played = play(a_search(FOREST, SVM, XGBOOST), 60, lambda one: {"svm": 0.9}.get(one.algorithm, 0.6))

    assert sum(one.algorithm == "svm" for one in played[-30:]) > 15


def test_a_trial_that_is_poor_from_its_first_fold_on_is_stopped():
    search = a_search(XGBOOST)
    for _ in range(8):
        chosen = search.next()
        for step in range(3):
            assert not search.report(chosen.ticket, 0.9, step=step, greater_is_better=True)
        search.tell(chosen.ticket, 0.9)

    poor = search.next()

    assert search.report(poor.ticket, 0.6, step=0, greater_is_better=True)


def test_nothing_is_tried_twice_and_a_small_space_comes_to_its_end():
    search = a_search(FOREST, held={"min_samples_leaf": 2})

    played = play(search, 50, lambda _: 0.5)

    assert sorted(one.parameters["max_features"] for one in played) == ["all", "auto", "sqrt", "third"]
    assert search.next() is None


def test_with_everything_held_there_is_one_trial():
    held = {p.name: p.default for p in XGBOOST.hyperparameters}

    assert len(play(a_search(XGBOOST, held=held), 5, lambda _: 0.5)) == 1


def test_what_was_tried_before_is_known_and_not_tried_again():
    before = play(
        a_search(FOREST, XGBOOST),
        12,
        lambda one: one.parameters.get("min_samples_leaf", 0),
    )
    search = a_search(FOREST, XGBOOST, seed=9)

    search.remember([Tried(one.algorithm, one.searched, (0.5,), is_complete=True) for one in before], greater_is_better=True)
    after = play(search, 12, lambda _: 0.5)

    known = [(one.algorithm, one.searched) for one in before]
    assert not [one for one in after if (one.algorithm, one.searched) in known]


def test_a_failed_trial_teaches_nothing_and_stops_nothing():
    search = a_search(XGBOOST)
    search.tell(search.next().ticket, None)

    assert play(search, 3, lambda _: 0.5)


def test_same_seed_same_settings():
    first, second = (play(a_search(FOREST, SVM, XGBOOST), 15, lambda one: len(one.algorithm)) for _ in range(2))

    assert [one.parameters for one in first] == [one.parameters for one in second]


class TestChoice:
    def test_the_automatic_choice_is_of_those_fit_for_the_task(self):
        slugs = {
            task: {s.slug for s in choice_of("auto", task).services} for task in ("classification", "regression", "forecast")
        }

        assert slugs["classification"] == {"gradient_boosting", "random_forest", "svm", "xgboost"}
        assert slugs["regression"] == {"gradient_boosting", "random_forest", "xgboost"}
        assert slugs["forecast"] == {"lstm", "prophet"}

    @pytest.mark.parametrize("task", ["anomaly", "clustering"])
    def test_where_there_are_no_answers_there_is_nothing_to_choose_by(self, task):
        with pytest.raises(Exception, match="does not do"):
            choice_of("auto", task)

    def test_it_takes_the_settings_that_all_have(self):
        names = {task: {p.name for p in choice_of("auto", task).hyperparameters} for task in ("classification", "forecast")}

        assert names["classification"] == set()
        assert {"horizon", "frequency"} <= names["forecast"]
        assert "epochs" not in names["forecast"]

    def test_one_algorithm_is_a_choice_of_itself(self):
        choice = choice_of("random_forest", "regression")

        assert (choice.title, choice.services, choice.is_automatic) == (FOREST.title, (FOREST,), False)
        assert choice.hyperparameters == FOREST.hyperparameters

    @pytest.mark.parametrize(("slug", "is_searchable"), [("dbscan", False), ("isolation_forest", False), ("prophet", True)])
    def test_what_has_no_answers_cannot_be_searched(self, slug, is_searchable):
        assert catalog.get(slug).is_searchable() is is_searchable


def test_the_schema_says_where_a_search_looks():
    properties = XGBOOST.parameters_schema()["properties"]

    assert properties["learning_rate"]["x-search"] == {"low": 0.01, "high": 0.2, "log": True}
    assert FOREST.parameters_schema()["properties"]["max_features"]["x-search"] == {"values": ["sqrt", "third", "all"]}
    assert "x-search" not in properties["n_estimators"]
    assert Task.CLASSIFICATION in XGBOOST.tasks
