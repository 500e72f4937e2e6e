"""Intervals cover the truth as often as they say, cost little however many rows there are, and never raise."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import norm

from apps.algorithms.engine.bootstrap import MOST_ROWS, RESAMPLES, interval_of, resampling, time_blocks
from apps.algorithms.engine.weighted import mean_of
from tests.algorithms.evaluated import APART, SHARE, two_classes

_SETS = 300


@pytest.mark.slow
def test_intervals_cover_the_truth_in_about_95_of_100_sets():
    """Of 300 sets a share of 0.95 lies between 0.92 and 0.98 in 98 of 100 trials; the seeds are fixed."""
    rows = 200
    cut = APART / 2 - np.log(SHARE / (1 - SHARE)) / APART
    truths = {
        "accuracy": SHARE * norm.sf(cut - APART) + (1 - SHARE) * norm.cdf(cut),
        "roc_auc": norm.cdf(APART / np.sqrt(2)),
    }
    covered = dict.fromkeys(truths, 0)
    for seed in range(_SETS):
        judged = two_classes(rows, np.random.default_rng(seed))
        plan = resampling(rows, seed=1_000 + seed, strata=judged.strata)
        some, everyone = judged.take(plan.rows).measures, np.ones((1, rows))
        resampled = plan.measured({name: some[name] for name in truths})
        for name, truth in truths.items():
            low, high = interval_of(float(judged.measures[name](everyone)[0]), resampled[name], bounds=(0.0, 1.0))
            covered[name] += low <= truth <= high

    assert all(0.92 <= count / _SETS <= 0.98 for count in covered.values()), covered


def test_rows_that_stand_for_all_vary_as_all_would():
    judged = two_classes(40_000, np.random.default_rng(0))
    right = judged.best == judged.truth
    known = sum((right[own].var() * own.mean() for own in (judged.truth == 0, judged.truth == 1)), 0.0) / 40_000

    plan = resampling(40_000, seed=8, strata=judged.strata)
    found = plan.measured({"accuracy": judged.take(plan.rows).measures["accuracy"]})["accuracy"]

    assert len(plan.rows) <= MOST_ROWS
    assert found.std() == pytest.approx(np.sqrt(known), rel=0.12)  # of 400 resamples: three standard errors and a half


@pytest.mark.slow
def test_rows_of_a_group_are_drawn_together():
    """Rows that are alike within their group make a mean less sure than as many rows of their own."""
    covered, narrow = 0, 0
    for seed in range(_SETS // 2):
        chance = np.random.default_rng(seed)
        groups = chance.integers(0, 60, 1_200)
        values = chance.normal(size=60)[groups] + 0.3 * chance.normal(size=1_200)
        for of in (groups, None):
            plan = resampling(1_200, seed=1_000 + seed, groups=of)
            found = interval_of(float(values.mean()), plan.measured({"mean": mean_of(values[plan.rows])})["mean"])
            if of is None:
                narrow += found[0] <= 0.0 <= found[1]
            else:
                covered += found[0] <= 0.0 <= found[1]

    assert 0.88 <= covered / (_SETS // 2) <= 0.99
    assert narrow / (_SETS // 2) < 0.6


def test_blocks_of_time_cover_the_truth_where_neighbouring_rows_are_alike():
    days, of_a_day, held = np.repeat(np.arange(60.0), 20), 20, {"rows": 0, "blocks": 0}
    for seed in range(100):
        chance = np.random.default_rng(seed)
        errors = np.repeat(chance.normal(size=60), of_a_day) + chance.normal(size=len(days))
        for name, groups in (("rows", None), ("blocks", time_blocks(days))):
            plan = resampling(len(days), seed=seed, groups=groups)
            low, high = interval_of(errors.mean(), plan.measured({"mean": mean_of(errors[plan.rows])})["mean"])
            held[name] += low <= 0 <= high

    assert held["rows"] < 60
    assert held["blocks"] >= 88


def test_a_block_of_time_holds_all_rows_of_its_times_and_few_times_make_none():
    chance = np.random.default_rng(0)
    times = chance.integers(0, 400, 1_000).astype(np.float64)

    blocks = time_blocks(times)

    assert 60 < len(np.unique(blocks)) <= 100
    assert all(len(set(blocks[times == time])) == 1 for time in times)
    order = np.argsort(times, kind="stable")
    assert (np.diff(blocks[order]) >= 0).all()
    assert time_blocks(np.repeat([1.0, 2.0, 3.0, np.nan], 100)) is None


def test_every_resample_holds_every_class_in_its_number():
    strata = np.repeat([0, 1, 2], [90, 7, 1])

    counts = np.concatenate(list(resampling(98, seed=3, strata=strata).weights()))

    assert counts.shape == (RESAMPLES, 98)
    for code, rows in enumerate((90, 7, 1)):
        assert (counts[:, strata == code].sum(axis=1) == rows).all()


def test_of_many_rows_some_stand_for_all_a_rare_class_by_most_of_its_rows():
    strata = np.repeat([0, 1], [999_400, 600])

    plan = resampling(1_000_000, seed=3, strata=strata)
    weights = next(plan.weights())

    assert MOST_ROWS <= len(plan.rows) + 5 <= MOST_ROWS + 600
    assert (strata[plan.rows] == 1).sum() == 500
    assert (weights[:, strata[plan.rows] == 1].sum(axis=1) == 600).all()
    assert (weights.sum(axis=1) == 1_000_000).all()


def test_resamples_of_a_million_rows_need_little_memory():
    strata = np.random.default_rng(0).integers(0, 2, 1_000_000)
    values = np.random.default_rng(1).normal(size=1_000_000)

    tracemalloc.start()
    plan = resampling(1_000_000, seed=3, strata=strata)
    plan.measured({"mean": mean_of(values[plan.rows])})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 60_000_000  # seven arrays of a million numbers


def test_the_same_seed_gives_the_same_resamples():
    one, same, other = (resampling(50_000, seed=seed, strata=np.arange(50_000) % 2) for seed in (1, 1, 2))

    np.testing.assert_array_equal(next(one.weights()), next(same.weights()))
    np.testing.assert_array_equal(next(one.weights()), next(one.weights()))
    assert not np.array_equal(one.rows, other.rows)


def test_too_few_rows_or_groups_say_nothing():
    assert resampling(9, seed=0) is None
    assert resampling(1_000, seed=0, groups=np.arange(1_000) % 4) is None
    assert resampling(1_000, seed=0, groups=np.arange(1_000) % 5).groups == 5


def test_an_interval_is_left_out_where_too_many_resamples_are_no_number():
    known = np.linspace(0, 1, 90)

    assert interval_of(0.5, np.concatenate([known, np.full(10, np.nan)])) is not None
    assert interval_of(0.5, np.concatenate([known, np.full(11, np.nan)])) is None
    assert interval_of(np.nan, known) is None
    assert interval_of(0.5, np.full(10, np.nan)) is None


def test_an_interval_holds_the_number_and_keeps_to_its_bounds():
    chance = np.random.default_rng(0)

    low, high = interval_of(0.99, 0.99 + 0.05 * chance.normal(size=RESAMPLES), bounds=(0.0, 1.0))

    assert low < 0.99 < high == 1.0


def test_a_share_of_all_rows_is_no_certainty():
    """Of 50 rows, all right: the exact bound is the share that gives 50 of 50 in 2.5 cases of 100."""
    low, high = interval_of(1.0, np.ones(RESAMPLES), bounds=(0.0, 1.0), backed_by=50)

    assert high == 1.0
    assert low**50 == pytest.approx(0.025)
    assert interval_of(0.0, np.zeros(RESAMPLES), bounds=(0.0, 1.0), backed_by=50) == pytest.approx((0.0, 1 - low))
    assert interval_of(1.0, np.ones(RESAMPLES)) == (1.0, 1.0)
