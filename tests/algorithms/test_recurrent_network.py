"""Recurrent networks: the light form answers what TensorFlow does, one seed gives one network, and odd series are survived."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.algorithms.predictors.recurrent_network import RecurrentNetwork, quantiles
from apps.algorithms.predictors.windows import Cut, last_rows, prepare
from apps.algorithms.results import Cancelled
from tests.contracts.tables import silent

pytest.importorskip("tensorflow")

from apps.algorithms.engine.recurrent import Settings, fit_network, is_worth_having
from apps.algorithms.engine.recurrent_training import raw_outputs
from apps.algorithms.engine.recurrent_windows import SeriesSet, drawn

TINY = Settings(
    horizon=6, sequence_length=20, hidden_layers=(8, 5), head=8, epochs=2, batch=32, windows_an_epoch=256, refit=False
)


def waves(count: int = 4, rows: int = 120, season: int = 7, noise: float = 0.1, seed: int = 0) -> list[np.ndarray]:
    chance = np.random.default_rng(seed)
    turns = 2 * np.pi * np.arange(rows) / season
    return [10 + i + np.sin(turns + i) + noise * chance.normal(size=rows) for i in range(count)]


def fitted(values: list[np.ndarray], covariates: list[np.ndarray] | None = None, **changed: Any) -> RecurrentNetwork:
    season = changed.pop("season", 7)
    return fit_network(values, covariates, season=season, settings=replace(TINY, **changed), progress=silent)


def moved(network: RecurrentNetwork) -> RecurrentNetwork:
    """Give a network weights that answer something else than the base, however little it learned."""
    chance = np.random.default_rng(1)
    shape = network.weights.to_quantiles.shape
    return replace(network, weights=replace(network.weights, to_quantiles=chance.normal(size=shape).astype(np.float32)))


@pytest.fixture(scope="module")
def usual() -> RecurrentNetwork:
    return moved(fitted(waves(), epochs=1, learning_rate=0.02))


def in_order(answers: np.ndarray) -> bool:
    return bool(np.isfinite(answers).all() and (np.diff(answers, axis=2) >= 0).all())


def digest_of_a_fit() -> str:
    network = fitted(waves(), refit=True)
    parts = b"".join(array.tobytes() for array in network.weights.arrays().values())
    return hashlib.sha256(parts + repr((network.epochs, network.spread)).encode()).hexdigest()


def test_the_light_form_answers_what_tensorflow_does():
    values = waves()
    values[1][40:50] = np.nan
    known = [np.random.default_rng(i).normal(size=(126, 2)) for i in range(4)]
    network = moved(fitted(values, known, epochs=1))
    cut = network.cut
    windows = prepare(np.stack([last_rows(one, cut.context) for one in values]), _known(known, cut), cut)

    library = quantiles(raw_outputs(network.weights, windows.steps, windows.ahead, windows.about))

    assert network.outputs(windows) == pytest.approx(library, rel=1e-5, abs=1e-5)
    below, above = network.spread
    median = library[:, :, 1:2]
    widened = median + (library - median) * [below, 1.0, above]
    expected = windows.unit[:, None, None] * (windows.base[:, :, None] + windows.scale[:, None, None] * widened)
    assert network.forecast(values, known, 6) == pytest.approx(expected, rel=1e-5)


def _known(known: list[np.ndarray], cut: Cut) -> np.ndarray:
    return np.stack([one[-cut.context - cut.horizon :] for one in known])


def test_what_is_saved_answers_the_same_when_loaded(usual, tmp_path):
    network = usual

    facts = network.save(tmp_path)
    loaded = RecurrentNetwork.load(tmp_path, facts)

    assert (loaded.forecast(waves(), None, 6) == network.forecast(waves(), None, 6)).all()
    assert loaded.size_bytes == network.size_bytes == sum(array.nbytes for array in network.weights.arrays().values())
    assert (loaded.context, loaded.sequence_length) == (network.context, network.sequence_length)


@pytest.mark.slow
def test_one_seed_gives_one_network_to_the_bit_in_two_processes():
    code = "from tests.algorithms.test_recurrent_network import digest_of_a_fit as f; print(f())"

    told = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]

    assert told[0].stdout == told[1].stdout
    assert len(told[0].stdout.strip()) == 64


def test_one_seed_gives_one_network_and_another_seed_another(usual):
    same, other = fitted(waves(), epochs=1, learning_rate=0.02), fitted(waves(), epochs=0, seed=1)

    assert (same.weights.kernels[0] == usual.weights.kernels[0]).all()
    assert same.epochs == usual.epochs
    assert (other.weights.kernels[0] != usual.weights.kernels[0]).any()


def test_it_learns_a_wave_that_the_season_given_does_not_know():
    values = waves(6, rows=200, season=10)
    before, after = [one[:-6] for one in values], np.stack([one[-6:] for one in values])

    network = fitted(before, season=7, hidden_layers=(16,), epochs=8, learning_rate=0.01, batch=16)

    found = network.forecast(before, None, 6)
    naive = np.stack([one[-7:-1] for one in before])
    assert network.epochs > 0
    assert np.abs(found[:, :, 1] - after).mean() < 0.5 * np.abs(naive - after).mean()
    assert ((found[:, :, 0] <= after) & (after <= found[:, :, 2])).mean() > 0.6


def test_a_covariate_that_tells_all_is_used():
    chance = np.random.default_rng(0)
    known = [chance.choice([0.0, 1.0], size=(306, 1)) for _ in range(4)]
    truth = [50 + 20 * one[:, 0] + chance.normal(size=306) for one in known]
    before, after = [one[:300] for one in truth], np.stack([one[300:] for one in truth])

    network = fitted(before, known, season=1, hidden_layers=(8,), epochs=10, learning_rate=0.02, windows_an_epoch=1_024)

    found = network.forecast(before, known, 6)[:, :, 1]
    assert np.abs(found - after).mean() < 4.0  # a constant is 10 away


def test_odd_series_are_survived_and_answered_in_order():
    chance = np.random.default_rng(0)
    gaps = waves(1)[0]
    gaps[chance.choice(120, 60, replace=False)] = np.nan
    values = [
        *waves(3), gaps, np.full(120, 5.0), np.zeros(120), np.full(50, np.nan), np.array([3.0]), np.zeros(0), np.arange(8.0),
        np.tile([1e300, -1e300, 3e299], 40), chance.normal(size=120) * 1e-300, np.r_[np.zeros(119), 1e9], -waves(1)[0],
        np.r_[np.full(60, np.nan), waves(1, 60)[0]], np.r_[waves(1, 90)[0], np.full(30, np.nan)],
    ]  # fmt: skip

    found = moved(fitted(values, epochs=1)).forecast(values, None, 6)

    assert found.shape == (len(values), 6, 3)
    assert in_order(found)
    assert (found[4] == 5.0).all()
    assert (found[5] == 0.0).all()


@pytest.mark.parametrize("rows", [1, 2, 5, 7, 13, 20, 30])
def test_one_short_series_is_forecast_all_the_same(rows):
    values = [np.random.default_rng(0).normal(100, 5, rows)]

    network = fitted(values, epochs=int(rows == 20))

    found = network.forecast(values, None, 6)
    assert in_order(found)
    assert np.abs(found[:, :, 1] - 100).max() < 40
    assert network.sequence_length <= 20


def test_windows_are_shorter_where_series_are(usual):
    assert fitted(waves(2, rows=18), epochs=0).sequence_length == 12
    assert usual.sequence_length == 20


def test_without_gain_it_stays_the_base():
    walk = [np.cumsum(np.random.default_rng(i).normal(size=60)) + 50 for i in range(3)]

    network = fitted(walk, learning_rate=1e-9, epochs=2)

    windows = prepare(
        np.stack([last_rows(one, network.context) for one in walk]), np.zeros((3, network.context + 6, 0)), network.cut
    )
    assert network.epochs == 0
    assert network.forecast(walk, None, 6)[:, :, 1] == pytest.approx(windows.base * windows.unit[:, None])


def test_only_the_context_counts_and_more_series_change_nothing():
    values = waves(5)
    network = moved(fitted(values, context=30, epochs=0))

    found = network.forecast(values, None, 6)

    cut_off = [one[-network.context :] for one in values]
    assert network.forecast(cut_off, None, 6) == pytest.approx(found, rel=1e-12)
    assert network.forecast(values[2:3], None, 6)[0] == pytest.approx(found[2], rel=1e-6)
    assert network.forecast(values, None, 2) == pytest.approx(found[:, :2], rel=1e-12)
    assert network.forecast([], None, 6).shape == (0, 6, 3)


def test_forecasts_follow_the_unit_of_the_series(usual):
    values, network = waves(), usual

    found = network.forecast([one * 1e6 for one in values], None, 6)

    assert found == pytest.approx(1e6 * network.forecast(values, None, 6), rel=1e-6)


def test_progress_never_falls_and_draws_the_curve():
    told: list[tuple[float, Any, Any]] = []

    def progress(fraction, stage, *, step=None, metrics=None):
        told.append((fraction, step, metrics))

    network = fit_network(
        waves(), None, season=7, settings=replace(TINY, epochs=3, learning_rate=0.01, refit=True), progress=progress
    )

    fractions = [fraction for fraction, _, _ in told]
    steps = [step for _, step, _ in told if step is not None]
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] <= fractions[-1] <= 1.0
    assert steps == list(range(1, len(steps) + 1))
    assert all(set(metrics) == {"train_loss", "validation_loss"} for _, step, metrics in told if step)
    assert len(told) == 1 + len(steps) + network.epochs


def test_a_wish_to_stop_is_let_through():
    def progress(fraction, stage, *, step=None, metrics=None):
        if step == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_network(waves(), None, season=7, settings=TINY, progress=progress)


def test_what_is_learned_ends_before_what_is_held_back_begins():
    series = SeriesSet([*waves(3, rows=90), *waves(2, rows=25)], None, 7)
    cut = Cut(season=7, sequence_length=20, context=40, horizon=6)

    learned, periods, every = series.ends(cut)

    held = np.concatenate(periods)
    for number in range(5):
        ends = learned[learned[:, 0] == number, 1]
        assert ends.max(initial=0) + 6 <= held[held[:, 0] == number, 1].min()
    assert {tuple(end) for end in np.concatenate([learned, held])} <= {tuple(end) for end in every}


def test_windows_held_back_come_from_several_periods_however_many_series_there_are():
    many = SeriesSet(waves(300, rows=90), None, 7)
    cut = Cut(season=7, sequence_length=20, context=40, horizon=6)

    _, periods, _ = many.ends(cut)

    assert [len(period) for period in periods] == [300, 300, 300]
    assert [set((84 - period[:, 1]) // 6) for period in periods] == [{0}, {1}, {2}]


def test_windows_held_back_are_of_all_series_where_there_are_too_many():
    many = SeriesSet([np.arange(30.0)] * 5_000, None, 1)
    _, periods, _ = many.ends(Cut(season=1, sequence_length=6, context=12, horizon=4))

    series = np.concatenate(periods)[:, 0]

    assert len(series) == 4_096
    assert 2_300 < np.median(series) < 2_700


@pytest.mark.parametrize(("gains", "is_worth"), [
    ([0.03, 0.02, 0.04], True),
    ([0.12, -0.05, 0.0], False),  # won once, by chance perhaps
    ([0.015, 0.015, 0.015], False),
    ([0.038, 0.061], False),  # M3
    ([0.10, 0.12], True),
    ([0.133, 0.107, 0.019], True),  # NN5
    ([0.06], False),
    ([0.12], True),
])  # fmt: skip
def test_a_network_is_kept_where_it_wins_in_period_after_period(gains, is_worth):
    assert is_worth_having(np.array(gains)) is is_worth


def test_windows_are_drawn_from_every_series_alike():
    ends = np.concatenate([[[number, end] for end in range(count)] for number, count in enumerate((500, 5, 300))])

    some = drawn(ends, 105, np.random.default_rng(0))

    assert np.bincount(some[:, 0]).tolist() == [50, 5, 50]
    assert len(np.unique(some, axis=0)) == 105


def test_too_far_ahead_and_wrong_covariates_are_refused():
    network = fitted(waves(), [np.zeros((126, 2))] * 4, epochs=0)

    with pytest.raises(ValueError, match="1 to 6 rows"):
        network.forecast(waves(), [np.zeros((127, 2))] * 4, 7)
    with pytest.raises(ValueError, match="covariates have the shape"):
        network.forecast(waves(), [np.zeros((126, 1))] * 4, 6)
    with pytest.raises(ValueError, match="covariates have the shape"):
        network.forecast(waves(), [np.zeros((125, 2))] * 4, 6)
    with pytest.raises(ValueError, match="no series"):
        fitted([])
