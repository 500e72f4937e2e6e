"""Probabilities are set right by what training measured, and samples of rows that come in portions are fair."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apps.algorithms.engine.reference import reference_of
from apps.algorithms.schema import Column, ColumnKind
from apps.monitoring.engine.estimating import Correction, chances_at, correction_of
from apps.monitoring.engine.sampling import RowSample
from apps.monitoring.engine.together import columns_together, matrix_of


def version(bins: list[tuple[float, float, int]], classes: tuple[Any, ...] = ("no", "yes"), positive: str = "yes") -> Any:
    """Return what is read of a version here: its classes and its calibration bins."""
    told = [dict(zip(("predicted", "observed", "rows"), one, strict=True)) for one in bins]
    curves = {"calibration": told, **({"positive": positive} if len(classes) == 2 else {})}
    return SimpleNamespace(schema={"columns": [], "classes": list(classes)}, evaluation={"curves": curves})


def test_probabilities_that_are_right_stay_as_they_are():
    right = version([(share, share, 200) for share in (0.1, 0.3, 0.5, 0.7, 0.9)])
    chances = np.array([[0.8, 0.2], [0.35, 0.65]])

    assert correction_of(right).of(chances) == pytest.approx(chances, abs=0.01)
    assert correction_of(version([])) == Correction(positive=1)


def test_votes_that_are_too_timid_become_the_shares_that_training_saw():
    timid = version([(0.3, 0.1, 400), (0.5, 0.5, 400), (0.7, 0.9, 400)])

    found = correction_of(timid).of(np.array([[0.3, 0.7], [0.7, 0.3], [0.0, 1.0]]))

    assert found[:2, 1] == pytest.approx([0.9, 0.1], abs=0.02)
    assert found.sum(axis=1) == pytest.approx(1)
    assert 0.98 < found[2, 1] < 1


def test_of_three_classes_the_most_probable_one_is_set_right_and_the_others_keep_their_shares():
    proud = version([(0.6, 0.5, 400), (0.9, 0.7, 400)], classes=("a", "b", "c"))

    found = correction_of(proud).of(np.array([[0.9, 0.06, 0.04], [1.0, 0.0, 0.0]]))

    assert found[0, 0] == pytest.approx(0.7, abs=0.02)
    assert found[0, 1] / found[0, 2] == pytest.approx(1.5)
    assert found[1, 1] == found[1, 2] > 0
    assert found.sum(axis=1) == pytest.approx(1)


def test_few_rows_of_a_bin_do_not_turn_all_probabilities_round():
    lonely = version([(0.8, 0.0, 2)])

    assert correction_of(lonely).of(np.array([[0.2, 0.8]]))[0, 1] > 0.5


def test_probabilities_are_read_by_class_and_what_is_not_told_is_not_a_number():
    details = [{"probabilities": {"true": 0.9, "false": 0.1}}, {}, {"probabilities": {"true": 1.0}}]

    found = chances_at(version([], classes=(False, True), positive="true"), details, np.arange(3))

    assert found[0].tolist() == [0.1, 0.9]
    assert np.isnan(found[1]).all()
    assert np.isnan(found[2]).tolist() == [True, False]


@pytest.mark.parametrize("portions", [1, 7, 400])
def test_each_row_has_the_same_chance_to_be_in_a_sample_however_it_comes(portions):
    met = np.zeros(400)
    for seed in range(150):
        sample = RowSample(100, seed=seed)
        for part in np.array_split(np.arange(400.0)[:, None], portions):
            sample.offer(len(part), lambda places, part=part: part[places])
        assert (sample.offered, sample.rows.shape, len(np.unique(sample.rows))) == (400, (100, 1), 100)
        met[sample.rows[:, 0].astype(int)] += 1

    early, late = met[:200].mean(), met[200:].mean()
    assert early + late == pytest.approx(75)
    assert abs(early - late) < 3  # of 37.5 each; its standard error is 0.75
    assert met.min() > 15


def test_a_sample_of_fewer_rows_than_it_may_hold_holds_them_all():
    sample = RowSample(100)
    assert sample.rows.shape == (0, 0)

    sample.offer(3, lambda places: np.array([[1.0], [2.0], [3.0]])[places])

    assert sorted(sample.rows[:, 0].tolist()) == [1.0, 2.0, 3.0]


def test_rows_become_numbers_and_dates_are_left_out():
    columns = (
        Column("n", ColumnKind.NUMBER),
        Column("town", ColumnKind.CATEGORY),
        Column("day", ColumnKind.DATE),
        Column("note", ColumnKind.TEXT),
    )
    values = {
        "n": np.array([1.0, np.nan, 3.0]),
        "town": ["Nice", "Nice", None],
        "day": np.zeros(3),
        "note": ["ab", None, ""],
    }
    reference = reference_of(columns, values, 3)

    kept = columns_together(reference, {"town": 0.7, "n": 0.2})
    found = matrix_of(kept, {**values, "town": ["Nice", "Oslo", None]}, np.array([1, 2]))

    assert [one.name for one in kept] == ["town", "n", "note"]
    assert found[0, 0] == 1.0  # a level that the reference does not list stands after it
    assert np.isnan(found).tolist() == [[False, True, True], [True, False, False]]
    assert columns_together(reference_of(columns[:1], values, 3), {}) == ()
