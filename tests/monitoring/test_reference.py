"""The profile that is stored with a version: its bins, its levels, and that it comes back from JSON as it was."""

import json

import numpy as np
import pytest

from apps.algorithms.engine.reference import reference_of
from apps.algorithms.reference import CELLS, MOST_LEVELS, Reference, answered
from apps.algorithms.schema import Column, ColumnKind
from tests.monitoring.columns import of

ROWS = 3_000


def hostile() -> dict[str, tuple[ColumnKind, object]]:
    chance = np.random.default_rng(0)
    return {
        "plain": (ColumnKind.NUMBER, chance.normal(size=ROWS)),
        "empty": (ColumnKind.NUMBER, np.full(ROWS, np.nan)),
        "constant": (ColumnKind.NUMBER, np.full(ROWS, 5.0)),
        "huge": (ColumnKind.NUMBER, np.where(chance.random(ROWS) < 0.5, -1.7e308, 1.7e308)),
        "tiny": (ColumnKind.NUMBER, chance.normal(size=ROWS) * 1e-308),
        "endless": (ColumnKind.NUMBER, np.where(chance.random(ROWS) < 0.5, np.inf, 1.0)),
        "date": (ColumnKind.DATE, chance.integers(0, 20_000, ROWS) * 86_400.0),
        "flag": (ColumnKind.BOOLEAN, np.where(chance.random(ROWS) < 0.1, np.nan, chance.integers(0, 2, ROWS))),
        "level": (ColumnKind.CATEGORY, [None if at % 7 == 0 else f"l{at % 5}" for at in range(ROWS)]),
        "many": (ColumnKind.CATEGORY, [f"l{at % 900}" for at in range(ROWS)]),
        "odd": (ColumnKind.CATEGORY, ["", "\ud800", "é" * 5_000] * (ROWS // 3)),
        "text": (ColumnKind.TEXT, [None if at % 3 == 0 else "x" * at for at in range(ROWS)]),
        "none": (ColumnKind.TEXT, [None] * ROWS),
    }


@pytest.mark.parametrize("rows", [0, 1, 29, ROWS])
def test_any_table_comes_back_from_json_as_it_was(rows):
    given = hostile()
    columns = tuple(Column(name, kind) for name, (kind, _) in given.items())
    values = {name: own[:rows] for name, (_, own) in given.items()}
    made = reference_of(columns, values, rows, answers=answered(["yes", "no"] * 20, [0.9, 0.6] * 20))

    again = Reference.from_json(json.loads(json.dumps(made.as_json(), allow_nan=False)))

    assert again == made
    assert [one.name for one in again.answers] == ["answer", "probability of the answer"]
    for column in made.columns:
        assert column.known == (sum(column.levels.values()) + column.others if column.has_levels else sum(column.counts))


def test_bins_hold_a_hundredth_of_the_rows_each_and_a_common_value_has_one_of_its_own():
    chance = np.random.default_rng(0)
    numbers = np.where(chance.random(ROWS) < 0.4, 0.0, chance.normal(10.0, 1.0, ROWS))

    column = of(ColumnKind.NUMBER, numbers)

    at = column.edges.index(0.0)
    assert column.edges[at + 1] == np.nextafter(0.0, 1.0)
    assert column.counts[at + 1] == (numbers == 0).sum()
    assert max(counts for place, counts in enumerate(column.counts) if place != at + 1) <= 2 * ROWS / 100
    assert len(column.edges) <= 200
    assert (column.mean, column.std) == (pytest.approx(numbers.mean()), pytest.approx(numbers.std()))


def test_beyond_the_commonest_levels_the_rest_is_counted_by_checksum():
    few, many = of(ColumnKind.CATEGORY, ["a"] * 50 + ["b"] * 3 + ["c"] + [None]), hostile()["many"]

    assert (dict(few.levels), few.others, few.counts) == ({"a": 50, "b": 3, "c": 1}, 0, ())
    assert (few.singles, few.pairs, few.missing) == (1, 0, 1)
    column = of(*many)
    assert len(column.levels) == MOST_LEVELS
    assert column.others + sum(column.levels.values()) == sum(column.counts) == ROWS
    assert len(column.counts) == CELLS


def test_answers_are_columns_of_their_own():
    (number,), values = answered([1.5, 2])
    labels, named = answered([True, False, None], np.array([0.9, 0.6, 0.7]))

    assert number.kind == ColumnKind.NUMBER
    assert values["answer"].tolist() == [1.5, 2.0]
    assert [column.kind for column in labels] == [ColumnKind.CATEGORY, ColumnKind.NUMBER]
    assert named["answer"] == ["true", "false", None]
