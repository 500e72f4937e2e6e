"""A part of the rows in which a model does worse is found; chance is rarely taken for one."""

import numpy as np
import pytest

from apps.algorithms.engine.judged import SliceMeasure
from apps.algorithms.engine.slices import find_slices
from apps.algorithms.schema import Column, ColumnKind
from tests.algorithms.evaluated import APART, plain_columns

ROWS = 1_500
_SEEDS = 60


def measure_of(kind: str, chance: np.random.Generator, bad: np.ndarray) -> SliceMeasure:
    """Draw answers that are worse where `bad`."""
    if kind == "roc_auc":
        truth = chance.random(ROWS) < 0.3
        return SliceMeasure("roc_auc", True, np.where(bad, 0.0, APART) * truth + chance.normal(size=ROWS), truth)
    if kind == "accuracy":
        return SliceMeasure("accuracy", True, (chance.random(ROWS) < np.where(bad, 0.6, 0.85)).astype(float))
    errors = chance.standard_t(6, size=ROWS) * np.where(bad, 2.0, 1.0)
    return SliceMeasure("rmse", False, errors**2, is_root=True)


@pytest.mark.parametrize("kind", ["roc_auc", "accuracy", "rmse"])
def test_an_implanted_slice_is_found_and_its_numbers_are_those_of_its_rows(kind):
    found = 0
    for seed in range(20):
        chance = np.random.default_rng(seed)
        columns, values = plain_columns(ROWS, chance)
        bad = np.array(values["c1"]) == "c"
        measure = measure_of(kind, chance, bad)

        slices = find_slices(measure, columns, values)

        one = next(one for one in slices if (one.column.name, one.value) == ("c1", "c"))
        found += one.verdict == "worse"
        np.testing.assert_array_equal(one.rows, np.flatnonzero(bad))
        assert one.score == pytest.approx(float(measure.take(one.rows)(np.ones((1, bad.sum())))[0]))
        assert (one.elsewhere > one.score) == measure.greater_is_better

    assert found >= 19


@pytest.mark.parametrize("kind", ["roc_auc", "accuracy", "rmse"])
def test_clean_data_raise_few_alarms(kind):
    """At most 5 reports of 100 may name a slice that is none; measured are 0 to 2."""
    alarms = 0
    for seed in range(_SEEDS):
        chance = np.random.default_rng(seed)
        columns, values = plain_columns(ROWS, chance)
        slices = find_slices(measure_of(kind, chance, np.zeros(ROWS, dtype=bool)), columns, values)
        assert len(slices) >= 40
        alarms += any(one.verdict for one in slices)

    assert alarms <= 0.05 * _SEEDS + 1


def test_groups_that_fare_alike_are_no_slice():
    """Sites differ from one another; a category that is each site's own then differs by chance alone."""
    alarms = dict.fromkeys((True, False), 0)
    for seed in range(40):
        chance = np.random.default_rng(seed)
        groups = chance.integers(0, 40, ROWS)
        errors = chance.normal(size=40)[groups] + 0.3 * chance.normal(size=ROWS)
        region = np.array(list("abcd"))[chance.integers(0, 4, 40)][groups].tolist()
        measure = SliceMeasure("rmse", False, errors**2, is_root=True)
        for known in (True, False):
            columns = (Column("region", ColumnKind.CATEGORY),)
            found = find_slices(measure, columns, {"region": region}, groups=groups if known else None)
            alarms[known] += any(one.verdict for one in found)

    assert alarms[True] <= 8
    assert alarms[False] >= 25


def test_a_telling_column_is_compared_within_its_values():
    """Mixed, the values of a column that tells much rank well; none of them ranks worse than another."""
    chance = np.random.default_rng(0)
    level = chance.integers(0, 4, 4_000)
    truth = chance.random(4_000) < np.array([0.1, 0.3, 0.6, 0.9])[level]
    scores = level + 0.4 * truth + 0.4 * chance.normal(size=4_000)
    measure = SliceMeasure("roc_auc", True, scores, truth)

    found = find_slices(measure, (Column("level", ColumnKind.CATEGORY),), {"level": [str(one) for one in level]})

    assert len(found) == 4
    assert all(one.score < float(measure(np.ones((1, 4_000)))[0]) - 0.05 for one in found)
    assert {one.verdict for one in found} == {""}


def test_numbers_are_cut_into_quarters_of_the_rows_and_dates_of_their_range():
    chance = np.random.default_rng(0)
    day = 86_400.0
    dates = np.concatenate([np.arange(300.0), np.full(100, 399.0)]) * day
    numbers = np.concatenate([np.arange(350.0), np.full(50, np.nan)])
    flags = np.where(np.arange(400) % 3 == 0, 1.0, 0.0)
    kinds = {"n": ColumnKind.NUMBER, "d": ColumnKind.DATE, "f": ColumnKind.BOOLEAN, "t": ColumnKind.TEXT}
    values = {"n": numbers, "d": dates, "f": flags, "t": ["x"] * 400}
    measure = SliceMeasure("accuracy", True, (chance.random(400) < 0.8).astype(float))

    found = find_slices(measure, tuple(Column(name, kind) for name, kind in kinds.items()), values)

    told = {
        name: [(one.value, one.low, one.high, len(one.rows)) for one in found if one.column.name == name] for name in kinds
    }
    assert told["n"][0] == (None, 0.0, 87.0, 88)
    assert told["n"][-1] == (None, None, None, 50)
    assert [one.is_missing for one in found if one.column.name == "n"] == [False] * 4 + [True]
    assert told["d"][0] == (None, "1970-01-01", "1970-04-10", 100)
    assert sorted(told["f"]) == [(False, None, None, 266), (True, None, None, 134)]
    assert told["t"] == []


@pytest.mark.parametrize("values", [np.full(100, np.nan), np.ones(100), np.arange(100.0)], ids=["empty", "constant", "few"])
@pytest.mark.parametrize("truth", [None, np.zeros(100, dtype=bool), np.arange(100) < 3], ids=["mean", "one class", "rare"])
def test_columns_and_rows_that_say_nothing_are_left_out(values, truth):
    measure = SliceMeasure("any", True, np.ones(100), truth)
    columns = (Column("n", ColumnKind.NUMBER), Column("c", ColumnKind.CATEGORY), Column("g", ColumnKind.CATEGORY))

    found = find_slices(measure, columns, {"n": values, "c": [None] * 100, "g": [str(i) for i in range(100)]})

    assert found == []
