"""The sketch of current rows: chunks and halves come to the same as all rows at once."""

import json

import numpy as np
import pytest

from apps.algorithms.schema import ColumnKind
from apps.monitoring.detectors.counts import MOST_STRANGERS, ColumnCounts
from tests.monitoring.columns import of
from tests.monitoring.test_reference import ROWS, hostile


def plain(counts: ColumnCounts) -> dict[str, object]:
    told = counts.as_json()
    return {name: pytest.approx(value) if isinstance(value, float) else value for name, value in told.items()}


@pytest.mark.parametrize("name", hostile())
def test_chunks_and_halves_count_as_the_whole(name):
    kind, values = hostile()[name]
    reference = of(kind, values[: ROWS // 2])
    none = ColumnCounts.none_of(reference)

    whole = none.add(values)
    chunks = none
    for start in range(0, ROWS, 701):
        chunks = chunks.add(values[start : start + 701])
    merged = none.add(values[1_000:]).merge(none).merge(none.add(values[:1_000]))

    turned = none.add(values[:2_000]).merge(none.add(values[2_000:]))
    for other in (chunks, merged, turned):
        assert other.as_json() == plain(whole)
    assert whole.rows == ROWS
    again = ColumnCounts.from_json(json.loads(json.dumps(whole.as_json(), allow_nan=False)), reference)
    assert again.as_json() == whole.as_json()


@pytest.mark.parametrize("name", hostile())
def test_the_reference_own_rows_fill_its_bins_as_it_counted_them(name):
    reference = of(*hostile()[name])

    then, now = ColumnCounts.none_of(reference).add(hostile()[name][1]).sides()

    assert now.tolist() == then.tolist()


def test_strangers_are_named_up_to_a_bound_whoever_counted_them():
    chance = np.random.default_rng(0)
    none = ColumnCounts.none_of(of(ColumnKind.CATEGORY, ["a", "b"] * 50))
    levels = [f"n{at}" for at in chance.integers(0, 3_000, 4_000)]

    whole, merged = none.add(levels), none.add(levels[3_000:]).merge(none.add(levels[:3_000]))

    assert whole.new == 4_000
    assert len(whole.strangers) == MOST_STRANGERS
    assert merged.strangers == whole.strangers
    assert all(levels.count(level) == rows for level, rows in whole.strangers.items())


def test_rows_beyond_either_end_and_the_mean_are_counted():
    counts = ColumnCounts.none_of(of(ColumnKind.NUMBER, np.arange(101.0))).add(np.array([-1.0, 50.0, 120.0, 130.0, np.nan]))

    assert (counts.below, counts.above, counts.missing, counts.rows) == (1, 2, 1, 5)
    assert counts.shift == pytest.approx((np.mean([-1, 50, 120, 130]) - 50) / np.arange(101.0).std())
