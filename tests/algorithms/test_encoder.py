"""The encoder that training and serving share."""

import numpy as np
import pytest

from apps.algorithms.engine.encoding import fit_encoder
from apps.algorithms.predictors.encoder import Encoder
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable


def fitted(values: list[float], kind: ColumnKind = ColumnKind.NUMBER) -> Encoder:
    table = TrainingTable((Column("x", kind),), {"x": np.array(values)}, len(values))
    return fit_encoder(table, task=Task.ANOMALY, target=None, seed=0).encoder


def warned(encoder: Encoder, *values: float) -> list[int]:
    return sorted(encoder.encode({"x": np.array(values)}, len(values))[1])


def of_texts(values):
    return TrainingTable((Column("x", ColumnKind.CATEGORY),), {"x": values}, len(values))


def test_a_number_is_warned_of_from_a_tenth_of_the_range_beyond_it():
    encoder = fitted([0.0, *np.linspace(0, 10, 5_000), 10.0])

    assert warned(encoder, 0.0, -0.9, 10.9, -1.1, 11.1) == [3, 4]


def test_one_value_far_out_does_not_widen_the_margin():
    encoder = fitted([*np.linspace(0, 10, 5_000), 1e6])

    assert warned(encoder, 1e6, 1e6 + 0.5, 1e6 + 2.0) == [2]


def test_the_ends_of_the_number_line_are_no_fault():
    encoder = fitted([-1.7e308, 1.7e308, 1.0])

    assert warned(encoder, 1.7e308, -1.7e308, 0.0) == []
    assert Encoder.from_json(encoder.as_json()) == encoder


def test_true_where_all_was_false_is_no_number_out_of_range():
    assert warned(fitted([0.0, 0.0, np.nan], ColumnKind.BOOLEAN), 1.0) == []


def test_an_encoder_stored_before_ranges_were_kept_is_read_and_warns_of_none():
    stored = fitted([1.0, 2.0, 3.0]).as_json()
    for encoding in stored:
        del encoding["seen"], encoding["margin"]

    assert warned(Encoder.from_json(stored), 1e9) == []


def test_a_date_beyond_those_seen_is_warned_of_as_a_date():
    day = 86_400.0
    encoder = fitted([at * day for at in range(1_000, 1_101)], ColumnKind.DATE)

    told = encoder.encode({"x": np.array([1_050, 1_109, 1_120, -400_000]) * day}, 4)[1]

    assert told == {
        2: ["x: 1973-01-25 lies outside what was seen in training, 1972-09-27 to 1973-01-05"],
        3: ["x: 0874-11-02 lies outside what was seen in training, 1972-09-27 to 1973-01-05"],
    }
    assert Encoder.from_json(encoder.as_json()) == encoder


@pytest.mark.parametrize("step", [60.0, 3_600.0, 86_400.0])
def test_no_row_that_was_learned_from_is_warned_of(step):
    at = 8 * 3_600.0 + step * np.arange(100)

    assert warned(fitted(at.tolist(), ColumnKind.DATETIME), *at) == []


@pytest.mark.parametrize(("missing", "told"), [(False, {1: ["x: it is missing, and never was in training"]}), (True, {})])
def test_a_text_that_is_missing_is_warned_of_where_it_never_was(missing, told):
    values = ["F", "M"] * 20 + [None] * missing
    encoder = fit_encoder(of_texts(values), task=Task.ANOMALY, target=None, seed=0).encoder

    assert encoder.encode({"x": ["F", None, "M"]}, 3)[1] == told


def test_what_is_neither_of_two_texts_lies_between_them_by_their_shares():
    values = ["F"] * 30 + ["M"] * 10
    encoder = fit_encoder(of_texts(values), task=Task.ANOMALY, target=None, seed=0).encoder

    assert encoder.encode({"x": ["F", "M", None, "X"]}, 4)[0].ravel().tolist() == [0.0, 1.0, 0.25, 0.25]


def test_of_three_texts_and_none_each_has_a_feature():
    encoder = fit_encoder(of_texts([*"abc" * 10, None]), task=Task.ANOMALY, target=None, seed=0).encoder

    assert encoder.features == ["x=a", "x=b", "x=c", "x missing"]
    assert encoder.encode({"x": ["b", None, "X"]}, 3)[0].tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_its_size_grows_with_the_texts_that_it_knows():
    few, many = (
        fit_encoder(
            of_texts([f"text {i % n}" for i in range(4_000)]), task=Task.ANOMALY, target=None, seed=0
        ).encoder.size_bytes
        for n in (20, 2_000)
    )

    assert 50 * few < many
    assert many > 2_000 * 50


def test_a_row_of_which_nothing_is_known_is_warned_of():
    columns = (Column("x", ColumnKind.NUMBER), Column("y", ColumnKind.NUMBER))
    values = {name: np.arange(20.0) for name in "xy"}
    encoder = fit_encoder(TrainingTable(columns, values, 20), task=Task.ANOMALY, target=None, seed=0).encoder

    told = encoder.encode({"x": np.array([np.nan, np.nan]), "y": np.array([1.0, np.nan])}, 2)[1]

    assert told == {1: ["every value of it is missing: the answer is a guess"]}
