"""A column then and now in few bins: shares that add up, ranges that are where the rows are, and no name of somebody alone."""

import numpy as np
import pytest

from apps.algorithms.schema import ColumnKind
from apps.monitoring.detectors.histograms import MOST_BINS, bins_of
from tests.monitoring.columns import compared

CHANCE = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("kind", "then", "now"),
    [
        (ColumnKind.NUMBER, CHANCE.normal(size=3_000), CHANCE.normal(2, 1, 800)),
        (ColumnKind.NUMBER, CHANCE.lognormal(0, 4, 3_000), np.full(50, 1e300)),
        (ColumnKind.NUMBER, np.full(100, 5.0), CHANCE.normal(size=60)),
        (ColumnKind.NUMBER, np.full(100, np.nan), CHANCE.normal(size=60)),
        (ColumnKind.NUMBER, np.array([-1.7e308, 1.7e308] * 50), np.zeros(40)),
        (ColumnKind.INTEGER, CHANCE.integers(0, 5, 500) * 1.0, CHANCE.integers(2, 9, 500) * 1.0),
        (ColumnKind.BOOLEAN, np.repeat([0.0, 1.0, np.nan], 100), np.repeat([0.0, 1.0], [90, 10])),
        (ColumnKind.CATEGORY, ["a", "b", None] * 50, ["b", "new"] * 40),
        (ColumnKind.CATEGORY, [f"level {at}" for at in range(1_000)], ["level 1"] * 40),
        (ColumnKind.TEXT, ["four", "sixsix", None] * 60, ["a much longer text"] * 50),
        (ColumnKind.DATE, CHANCE.random(100) * 1e9, np.full(40, np.nan)),
    ],
)
def test_shares_of_then_and_now_add_up_in_no_more_bins_than_a_reader_takes_in(kind, then, now):
    bins = bins_of(compared(then, now, kind))

    assert 0 < len(bins) <= MOST_BINS
    assert sum(one["then"] for one in bins) == pytest.approx(1, abs=1e-4)
    assert sum(one["now"] for one in bins) == pytest.approx(1, abs=1e-4)
    assert all(0 <= one[side] <= 1 for one in bins for side in ("then", "now"))


def test_ranges_are_as_full_as_the_rows_that_lie_in_them():
    then, now = np.random.default_rng(1).normal(size=(2, 5_000))
    now = now + 1

    ranges = [one for one in bins_of(compared(then, now)) if one["sort"] == "range"]

    assert (ranges[0]["low"], ranges[-1]["high"], len(ranges)) == (None, None, 20)
    for one in ranges:
        low, high = (-np.inf if one["low"] is None else one["low"]), (np.inf if one["high"] is None else one["high"])
        for side, values in (("then", then), ("now", now)):
            assert one[side] == pytest.approx(((values >= low) & (values < high)).mean(), abs=0.02)


def test_whole_numbers_have_a_bar_each_and_what_was_never_seen_joins_the_last():
    bins = bins_of(compared(np.repeat([0.0, 1.0, 2.0], 50), np.repeat([1.0, 7.0], 30), ColumnKind.INTEGER))

    assert [(one["low"], one["high"]) for one in bins] == [(None, 0.5), (0.5, 1.5), (1.5, None)]
    assert [one["now"] for one in bins] == [0, 0.5, 0.5]


def test_levels_are_named_where_some_rows_have_them_and_missing_values_are_told():
    then = ["Lyon"] * 60 + ["Brest"] * 36 + ["somebody alone"] + [None] * 3

    bins = bins_of(compared(then, ["Lyon"] * 20 + ["Oslo"] * 20, ColumnKind.CATEGORY))

    told = {one.get("level", one["sort"]): (one["then"], one["now"]) for one in bins}
    assert told == {"Lyon": (0.6, 0.5), "Brest": (0.36, 0.0), "other": (0.01, 0.5), "missing": (0.03, 0.0)}


def test_a_column_that_held_one_value_shows_it_and_the_others():
    bins = bins_of(compared(np.full(50, 5.0), np.array([5.0] * 10 + [6.0] * 30)))

    assert [(one.get("level", one["sort"]), one["then"], one["now"]) for one in bins] == [("5", 1, 0.25), ("other", 0, 0.75)]
