"""How forecasts are measured: figures by hand, scales that are never zero, margins that hold what they promise."""

import numpy as np
import pytest

from apps.algorithms.conformal import conformal_factors
from apps.algorithms.engine.bootstrap import interval_of, resampling
from apps.algorithms.engine.forecasts import (
    Origins,
    drift_forecast,
    found_season,
    naive_forecast,
    naive_scales,
)
from apps.algorithms.engine.judged_series import JudgedSeries
from apps.algorithms.engine.report import report_of
from apps.algorithms.results import Baseline, Evaluation, Importance
from apps.algorithms.series import OneSeries


def one(values, begins: int = 0) -> OneSeries:
    return OneSeries("", 0, np.array(values, dtype=np.float64), np.zeros((len(values), 0)), begins)


def test_origins_lie_within_the_part_kept_apart_and_see_nothing_of_what_they_forecast():
    series = [one(range(40), begins=30), one(range(100, 125), begins=15)]

    origins = Origins.within(series, horizon=4, most=3)

    assert origins.back.tolist() == [[10, 10], [7, 7], [4, 4]]
    before = origins.histories(series, 1)
    assert [len(own.values) for own in before] == [33, 18]
    assert origins.observed(series)[1].tolist() == [[33, 34, 35, 36], [118, 119, 120, 121]]


def test_figures_by_hand():
    observed = np.array([[[10.0, 20.0], [np.nan, 4.0]]])
    middle = np.array([[[12.0, 20.0], [1.0, 2.0]]])
    forecasts = np.stack([middle - 1, middle, middle + 1], axis=-1)

    found = JudgedSeries.of(observed, forecasts, np.array([2.0, 4.0])).metrics

    assert found["mase"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["smape"] == pytest.approx(((200 * 2 / 22 + 0) / 2 + 200 * 2 / 6) / 2)
    assert found["mae"] == pytest.approx(4 / 3)
    assert found["within_tolerance"] == pytest.approx(1 / 3)
    assert found["interval_coverage"] == pytest.approx(1 / 3)
    assert found["interval_width"] == 2.0


def test_naive_forecasts_go_over_gaps():
    values = np.array([1.0, 2.0, 3.0, 4.0, np.nan, 6.0])

    assert naive_forecast(values, 3, 4).tolist() == [4.0, 2.0, 6.0, 4.0]
    assert naive_forecast(values, 1, 2).tolist() == [6.0, 6.0]
    assert drift_forecast(values, 2).tolist() == [7.0, 8.0]


def test_scales_are_never_zero():
    weekly = np.tile(np.arange(7.0), 10)

    assert naive_scales([one(weekly)], 7)[0] == pytest.approx(
        np.abs(np.diff(weekly)).mean()
    )  # a perfect season: steps instead
    assert naive_scales([one([5.0] * 20)], 7)[0] == 5.0
    assert naive_scales([one([0.0] * 20)], 7)[0] == 1.0


@pytest.mark.parametrize(("season", "found"), [(12, 12), (5, 5), (1, 1)])
def test_the_season_of_series_without_a_calendar_is_found(season, found):
    chance = np.random.default_rng(0)
    wave = chance.normal(size=season) * 5
    series = [
        one(np.tile(wave, 200 // season + 1)[:200] + chance.normal(size=200) + 0.05 * np.arange(200)) for _ in range(5)
    ]

    assert found_season(series) == found


def around(middle: np.ndarray, width: float) -> np.ndarray:
    return np.stack([middle - width, middle, middle + width], axis=-1)


def test_bounds_hold_nine_in_ten_of_what_comes_however_wide_they_were_before():
    chance = np.random.default_rng(2)
    spread, nothing, scales = np.sqrt(np.arange(1, 11)), np.zeros((8, 40, 10)), np.full(40, 2.0)

    for width in (0.0, 0.5, 20.0):
        factors = np.array(conformal_factors(chance.normal(size=(8, 40, 10)) * spread, around(nothing, width), scales))
        reach = factors * max(width, 0.2)
        later = np.abs(chance.normal(size=(200, 40, 10)) * spread) <= reach

        assert later.mean() == pytest.approx(0.90, abs=0.02)
        assert later.mean(axis=(0, 1)) == pytest.approx(np.full(10, 0.90), abs=0.05)


def test_too_few_errors_give_no_bounds_and_few_are_taken_with_their_neighbours():
    chance = np.random.default_rng(3)

    assert conformal_factors(chance.normal(size=(1, 1, 12)), np.zeros((1, 1, 12, 3)), np.ones(1)) == ()
    factors = conformal_factors(chance.normal(size=(4, 1, 12)), around(np.zeros((4, 1, 12)), 1.0), np.ones(1))
    assert len(set(factors)) == 1  # all of them together
    assert 1.0 < factors[0] < 3.0


class TestHowSureTheMeasuresAre:
    """Series are resampled whole: errors of neighbouring steps go together."""

    def judged(self, *, series: int = 40, seed: int = 0, better: float = 1.0) -> JudgedSeries:
        rng = np.random.default_rng(seed)
        observed = rng.normal(100, 10, (3, series, 12))
        missed = rng.normal(0, 5, (3, series, 12)) * rng.uniform(0.5, 2.0, (1, series, 1)) / better
        middle = observed + missed
        return JudgedSeries.of(observed, np.stack([middle - 8, middle, middle + 8], axis=-1), np.full(series, 5.0))

    def test_weights_of_one_are_the_metrics_and_weights_leave_series_out(self):
        judged = self.judged()
        half = np.zeros((1, 40))
        half[:, :20] = 1.0

        kept = judged.take(np.arange(20)).metrics

        assert judged.metrics.keys() == judged.measures.keys()
        for name, measure in judged.measures.items():
            assert measure(half)[0] == pytest.approx(kept[name])

    def test_its_interval_holds_the_truth_nine_times_in_ten_or_more(self):
        truth = np.mean([self.judged(seed=seed).metrics["mase"] for seed in range(200, 300)])
        held = 0
        for seed in range(100):
            judged = self.judged(seed=seed)
            told = interval_of(judged.metrics["mase"], resampling(40, seed=seed).measured(judged.measures)["mase"])
            held += told[0] <= truth <= told[1]

        assert held >= 88

    def test_a_report_says_how_far_it_is_ahead_of_the_naive_forecast(self):
        ours, theirs = self.judged(better=2.0), self.judged()
        evaluation = Evaluation(ours.metrics, "mase", greater_is_better=False, judged=ours)

        report = report_of(evaluation, Baseline("drift", theirs.metrics, judged=theirs), None, Importance("", ()), seed=0)

        (beside,) = report.baselines
        assert beside["difference"]["better"] == "yes"
        assert report.intervals["unit"] == "series"
        assert report.intervals["metrics"].keys() >= {"mase", "smape", "interval_coverage"}

    def test_few_series_have_no_interval(self):
        judged = self.judged(series=3)
        evaluation = Evaluation(judged.metrics, "mase", greater_is_better=False, judged=judged)

        assert not report_of(evaluation, Baseline("drift", judged.metrics), None, Importance("", ()), seed=0).intervals
