"""Each detector against known values, against scipy where it has the same statistic, and on columns that say nothing."""

import json
import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from apps.algorithms.schema import ColumnKind
from apps.monitoring.detectors.chances import chance_of_beyond, chance_of_drawing, chance_of_strangers
from apps.monitoring.detectors.chi_square import chi_square
from apps.monitoring.detectors.finding import Finding
from apps.monitoring.detectors.jensen_shannon import jensen_shannon
from apps.monitoring.detectors.kolmogorov_smirnov import kolmogorov_smirnov
from apps.monitoring.detectors.missingness import missingness
from apps.monitoring.detectors.new_categories import new_categories
from apps.monitoring.detectors.out_of_range import out_of_range
from apps.monitoring.detectors.psi import population_stability
from apps.monitoring.detectors.wasserstein import wasserstein
from tests.monitoring.columns import compared
from tests.monitoring.test_reference import ROWS, hostile

DETECTORS = (
    population_stability,
    kolmogorov_smirnov,
    jensen_shannon,
    wasserstein,
    chi_square,
    missingness,
    new_categories,
    out_of_range,
)


def letters(**counts: int) -> list[str]:
    return [letter for letter, count in counts.items() for _ in range(count)]


@pytest.mark.parametrize("drawn", [0, 1, 29, 30, 500])
@pytest.mark.parametrize("name", hostile())
def test_a_hostile_column_gets_finite_findings_and_no_exception(name, drawn):
    kind, values = hostile()[name]
    strange = {ColumnKind.CATEGORY: ["never", None], ColumnKind.TEXT: ["", None]}.get(
        kind, np.array([np.nan, np.inf, -1.7e308])
    )
    for now in (values[:drawn], (strange * drawn)[:drawn] if isinstance(strange, list) else np.resize(strange, drawn)):
        for then in (values, values[:0], values[:40]):
            column = compared(then, now, kind)
            for detector in DETECTORS:
                found = detector(column)

                assert Finding.from_json(json.loads(json.dumps(found.as_json(), allow_nan=False))) == found
                assert found.sentence.endswith(".")
                assert found.p_value is None or 0 <= found.p_value <= 1
                if drawn < 30:
                    assert not found.is_known


def test_not_enough_rows_are_said_to_be_so():
    found = kolmogorov_smirnov(compared(np.arange(100.0), np.arange(29.0)))

    assert (found.statistic, found.effect, found.p_value) == (None, None, None)
    assert found.sentence.startswith("Not enough data: 29 of 29 rows")


def test_the_gap_is_scipys_where_each_value_has_a_bin():
    chance = np.random.default_rng(0)
    then, now = chance.poisson(4, 900).astype(float), chance.poisson(4.6, 400).astype(float)

    found = kolmogorov_smirnov(compared(then, now, ColumnKind.INTEGER))

    known = stats.ks_2samp(then, now)
    assert found.statistic == pytest.approx(known.statistic)
    assert found.p_value == pytest.approx(stats.kstwobign.sf(known.statistic * math.sqrt(900 * 400 / 1300)))


def test_the_gap_of_many_values_is_scipys_within_a_bin():
    chance = np.random.default_rng(0)
    then, now = chance.normal(size=5_000), chance.normal(0.3, 1.2, 800)

    found = kolmogorov_smirnov(compared(then, now))

    known = stats.ks_2samp(then, now).statistic
    assert known - 0.01 <= found.statistic <= known


def test_the_likelihood_ratio_is_scipys_and_rare_levels_are_put_together():
    then, now = letters(a=400, b=300, c=200, d=3), letters(a=90, b=70, c=38, d=1, e=1)

    found = chi_square(compared(then, now, ColumnKind.CATEGORY))

    table = [[400, 300, 203], [90, 70, 40]]
    known = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    assert found.statistic == pytest.approx(known.statistic, abs=1e-9)
    assert known.pvalue < found.p_value < known.pvalue + 0.01


def test_the_stability_index_is_that_of_its_formula_and_chance_is_taken_off():
    column = compared(letters(a=5_000, b=5_000), letters(a=6_000, b=4_000), ColumnKind.CATEGORY)

    found = population_stability(column)

    assert found.statistic == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8), rel=1e-3)
    assert found.effect == pytest.approx(found.statistic - 2 / 10_000)


@pytest.mark.parametrize("rows", [50, 200, 1_000])
def test_the_stability_index_of_rows_that_did_not_move_is_none_on_average(rows):
    chance = np.random.default_rng(1)
    then = chance.normal(size=2_000)

    apart = [population_stability(compared(then, chance.normal(size=rows))) for _ in range(40)]

    assert np.median([one.effect for one in apart]) < 0.03
    assert np.mean([one.is_large for one in apart]) <= 0.2


def test_a_bell_that_moved_half_its_width_has_the_known_distances():
    chance = np.random.default_rng(0)
    column = compared(chance.normal(size=20_000), chance.normal(0.5, 1.0, 20_000))

    assert population_stability(column).effect == pytest.approx(0.25, abs=0.03)
    assert wasserstein(column).effect == pytest.approx(0.5, abs=0.03)


def test_the_distances_are_scipys():
    chance = np.random.default_rng(2)
    then, now = chance.gamma(2, size=4_000), chance.gamma(3, size=3_000)
    column = compared(then, now)

    assert wasserstein(column).statistic == pytest.approx(stats.wasserstein_distance(then, now) / then.std(), rel=0.05)
    first, second = column.coarse_sides()
    assert jensen_shannon(column).statistic == pytest.approx(distance.jensenshannon(first, second, base=2))


def test_the_share_of_missing_values_is_tested_exactly():
    then, now = np.ones(2_000), np.ones(100)
    now[:2] = np.nan

    found = missingness(compared(then, now))

    known = stats.fisher_exact([[2_000, 0], [98, 2]], alternative="greater").pvalue
    assert found.p_value == pytest.approx(2 * known)
    assert found.effect == pytest.approx(0.02)
    assert not found.is_large


@pytest.mark.parametrize(
    ("k", "drawn", "marked", "total"), [(3, 20, 9, 80), (9, 20, 9, 80), (1, 5, 2, 900), (300, 900, 2_000, 9_000)]
)
def test_the_chance_of_drawing_is_the_hypergeometric_tail(k, drawn, marked, total):
    known = stats.hypergeom(total, marked, drawn).sf(k - 1)

    assert chance_of_drawing(k, drawn=drawn, marked=marked, total=total) == pytest.approx(known, rel=1e-6)


def test_the_chance_of_values_beyond_is_that_of_their_order():
    assert chance_of_beyond(1, drawn=50, total=150) == pytest.approx(50 / 150)
    assert chance_of_beyond(2, drawn=50, total=150) == pytest.approx(50 / 150 * 49 / 149)
    found = out_of_range(compared(np.arange(100.0), np.append(np.arange(48.0), [200.0, 300.0])))
    assert (found.effect, found.p_value) == (pytest.approx(0.04), pytest.approx(2 * 50 / 150 * 49 / 149))
    assert "0 to 99" in found.sentence


def test_rows_of_a_level_never_seen_are_counted_and_named():
    found = new_categories(compared(letters(a=900, b=100), letters(a=90, z=9, y=1), ColumnKind.CATEGORY))

    assert found.effect == pytest.approx(0.1)
    assert found.p_value == pytest.approx((100 / 1_100) ** 10)
    assert "'z', 'y'" in found.sentence


def test_new_levels_are_expected_where_levels_are_rare():
    """Of Zipf's levels some are new in every window: by chance, so p-values are no smaller than they may be."""
    chance = np.random.default_rng(0)
    weights = 1 / np.arange(1, 200) ** 1.3
    small = 0
    for _ in range(200):
        then, now = (chance.choice(199, rows, p=weights / weights.sum()).astype(str).tolist() for rows in (1_000, 500))
        small += new_categories(compared(then, now, ColumnKind.CATEGORY)).p_value <= 0.05

    assert 0 < small <= 0.05 * 200 + 10
    assert chance_of_strangers(40, rows=500, singles=20, pairs=5, of=1_000) < 1e-3


def test_no_category_that_only_chance_brought_is_taken_for_a_shift():
    """Levels met on one side alone are put together on both: else 19 windows of 20 drift."""
    chance = np.random.default_rng(0)
    weights = 1 / np.arange(1, 190) ** 1.3
    small = 0
    for _ in range(100):
        then, now = (chance.choice(189, rows, p=weights / weights.sum()).astype(str).tolist() for rows in (1_000, 500))
        small += chi_square(compared(then, now, ColumnKind.CATEGORY)).p_value <= 0.05

    assert small <= 12


def test_a_constant_that_changes_is_found():
    column = compared(np.full(ROWS, 5.0), np.full(100, 5.0001))

    assert kolmogorov_smirnov(column).p_value < 1e-20
    assert population_stability(column).is_large
    assert not wasserstein(column).is_known
    assert kolmogorov_smirnov(column).sentence == "It was always 5; 100 % of the rows now differ."
