"""Rows that go together otherwise are told apart, by the columns that they differ in; rows that do not differ are not."""

import numpy as np
import pytest

from apps.monitoring.engine.domain_classifier import THRESHOLD, separation

NAMES = ["a", "b", "c"]


def test_columns_that_no_longer_go_together_are_found_though_none_moved_alone():
    chance = np.random.default_rng(0)
    then = chance.multivariate_normal([0, 0, 0], [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], 900)
    now = chance.normal(size=(600, 3))

    found = separation(then, now, NAMES)

    assert found.finding.is_large
    assert found.finding.p_value < 1e-6
    assert {name for name, _ in found.columns} == {"a", "b"}
    assert "mainly by" in found.finding.sentence


def test_rows_of_one_source_are_not_told_apart_and_p_values_are_not_too_small():
    chances = []
    for seed in range(20):
        chance = np.random.default_rng(seed)
        found = separation(chance.normal(size=(200, 3)), chance.normal(size=(150, 3)), NAMES, seed=seed).finding
        chances.append(found.p_value)
        assert found.effect < THRESHOLD + 0.05

    assert sum(one <= 0.05 for one in chances) <= 3
    assert min(chances) > 1e-3


@pytest.mark.parametrize("value", [np.nan, np.inf, 5.0, 1.7e308])
def test_columns_that_say_nothing_and_few_rows_are_no_fault(value):
    same = np.full((80, 3), value)

    assert separation(same, same, NAMES).finding.p_value == 1.0
    few = separation(same, same[:59], NAMES).finding
    assert not few.is_known
    assert few.sentence.startswith("Not enough data: 59 rows")
