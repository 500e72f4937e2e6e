"""Changes in streams are found where they are, and seldom where there are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.monitoring.engine.stream import Watch, changes_in, limit_for

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "drift"


@pytest.mark.parametrize("size", [0.7, 1.5])
@pytest.mark.parametrize("scale", [1e-6, 1e9])
def test_a_mean_that_moves_is_found_where_it_moved(size, scale):
    values = np.random.default_rng(1).normal(size=1_200)
    values[800:] += size

    (change,) = changes_in(scale * values)

    assert abs(change.at - 800) <= 15
    assert 800 < change.found_at <= 900
    assert change.after - change.before == pytest.approx(size * scale, rel=0.6)
    assert f"at observation {change.at}" in change.sentence


def test_errors_that_come_oftener_and_then_seldomer_are_both_found():
    chance = np.random.default_rng(2)
    errors = chance.random(4_500) < np.repeat([0.1, 0.3, 0.05], 1_500)

    found = changes_in(errors, are_errors=True)

    assert [round(change.at, -2) for change in found] == [1_500, 3_000]


@pytest.mark.parametrize("kind", ["errors", "rare errors", "normal", "cauchy", "counts", "constant"])
def test_nothing_is_found_where_nothing_changes(kind):
    """One false alarm in 100,000 is asked for; 3,000 of each are looked at."""
    chance = np.random.default_rng(3)
    values = {
        "errors": lambda: (chance.random(3_000) < 0.1) * 1.0,
        "rare errors": lambda: (chance.random(3_000) < 0.003) * 1.0,
        "normal": lambda: chance.normal(size=3_000),
        "cauchy": lambda: chance.standard_cauchy(3_000),
        "counts": lambda: chance.poisson(2, 3_000) * 1.0,
        "constant": lambda: np.full(3_000, 7.0),
    }[kind]()

    assert changes_in(values, are_errors="errors" in kind) == ()


def test_a_stricter_watch_waits_for_more():
    assert limit_for(1_000) < limit_for(100_000) < limit_for(10_000_000)
    values = np.concatenate([np.zeros(300), np.ones(300)]) + np.random.default_rng(4).normal(size=600)

    soon, late = (changes_in(values, every=every)[0].found_at for every in (1_000, 1_000_000))

    assert soon < late


def test_memory_does_not_grow_and_values_that_are_none_are_passed_over():
    watch = Watch(are_errors=False)

    for at, value in enumerate(np.random.default_rng(5).normal(size=4_000)):
        assert watch.add(float("nan") if at % 50 == 0 else value) is None

    assert watch._lines.shape == (3, 800)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the public tables do not lie beside the project")
def test_seas_three_changes_show_in_a_models_errors_and_not_in_its_inputs():
    from benchmarks.drift import errors_of_sea

    frame = pd.read_csv(DATA / "sea_abrupt.csv.gz")

    found = errors_of_sea(frame)

    assert len(found) == 3
    assert all(abs(one.at - at) <= 100 for one, at in zip(found, (5_000, 10_000, 15_000), strict=True))
    assert all(one.found_at - one.at < 1_000 for one in found)
    assert [changes_in(frame[name]) for name in ("x1", "x2", "x3")] == [(), (), ()]
