"""Posted rows below a table's own: what fits, what is left out, what is missing."""

import numpy as np
import pytest

from apps.algorithms.engine.extending import LEAST_OF_NEW_CLASS, Posted
from apps.algorithms.engine.extending import extended as extended_for
from apps.algorithms.engine.frozen import frozen_rows
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable

FEATURES = (Column("n", ColumnKind.NUMBER), Column("town", ColumnKind.CATEGORY))


def table(kind=ColumnKind.CATEGORY, target=("yes", "no"), **more):
    columns = {"n": np.array([1.0, 2.0]), "town": ["Lyon", None]}
    dtype = np.float64 if kind == ColumnKind.NUMBER else object
    return TrainingTable(FEATURES, columns, 2, np.array(target, dtype=dtype), "y", kind, **more)


def extended(own, rows, task=Task.CLASSIFICATION, **more):
    return extended_for(own, rows, task=task, **more)


def posted(label, row=None, key="k", at=5.0):
    return Posted(key, {"n": 3, "town": "Nice"} if row is None else row, label, at)


def test_rows_stand_below_with_their_labels_and_a_missing_column_is_missing():
    found, count = extended(table(), [posted("yes"), posted("no", {"town": "Brest", "more": 1})])

    assert (found.rows, count, found.columns["town"]) == (4, 2, ["Lyon", None, "Nice", "Brest"])
    np.testing.assert_array_equal(found.columns["n"], [1.0, 2.0, 3.0, np.nan])
    assert found.target.tolist() == ["yes", "no", "yes", "no"]


@pytest.mark.parametrize(
    ("kind", "target", "label", "kept"),
    [
        (ColumnKind.INTEGER, (1, 2), 1.0, [1]),
        (ColumnKind.INTEGER, (1, 2), 1.5, []),
        (ColumnKind.INTEGER, (0, 1), True, []),
        (ColumnKind.BOOLEAN, (True, False), True, [True]),
        (ColumnKind.BOOLEAN, (True, False), 1, []),
        (ColumnKind.INTEGER, (1, 2), 10**30, []),
        (ColumnKind.INTEGER, (1, 2), 10**400, []),
        (ColumnKind.NUMBER, (1.0, 2.0), 2, [2.0]),
        (ColumnKind.NUMBER, (1.0, 2.0), float("inf"), []),
        (ColumnKind.CATEGORY, ("yes", "no"), 1, []),
    ],
)
def test_a_label_is_taken_as_the_target_is_written_or_not_at_all(kind, target, label, kept):
    found, count = extended(table(kind, target), [posted(label)])

    assert (found.target.tolist()[2:], count) == (kept, len(kept))
    assert {type(one) for one in found.target.tolist()} <= {type(one) for one in target}


def test_a_row_that_does_not_fit_is_left_out_alone():
    found, count = extended(table(), [posted("yes"), posted("yes", {"n": "many", "town": "Nice"}), posted("no")])

    assert (count, found.target.tolist()[2:]) == (2, ["yes", "no"])


@pytest.mark.parametrize(("count", "kept"), [(LEAST_OF_NEW_CLASS - 1, 0), (LEAST_OF_NEW_CLASS, LEAST_OF_NEW_CLASS)])
def test_a_new_class_counts_once_there_are_enough(count, kept):
    assert extended(table(), [posted("perhaps")] * count)[1] == kept


@pytest.mark.parametrize(("kind", "target"), [(ColumnKind.INTEGER, (1, 2)), (ColumnKind.NUMBER, (1.0, 2.0))])
def test_every_amount_is_learned_from_also_one_that_the_table_does_not_have(kind, target):
    labels = [12.5, 7, -3, float("nan"), float("inf"), True, "8", 10**400]

    found, count = extended(table(kind, target), [posted(one) for one in labels], task=Task.REGRESSION)

    assert (count, found.target.tolist()[2:]) == (3, [12.5, 7, -3])


def test_groups_are_those_that_rows_name_and_each_other_row_is_its_own():
    own = table(groups=np.array(["g1", "g2"], dtype=object))

    found, _ = extended(own, [posted("yes", {"n": 1, "town": None, "g": "g1"}), posted("no", key="b")], group="g")

    assert found.groups.tolist() == ["g1", "g2", "g1", "posted b"]


@pytest.mark.parametrize(
    ("kind", "held", "time"),
    [
        (ColumnKind.DATE, "2020-01-02", 1_577_923_200.0),
        (ColumnKind.DATE, None, 5.0),
        (ColumnKind.DATE, "no date", 5.0),
        (ColumnKind.INTEGER, 2021, 2021.0),
        (ColumnKind.INTEGER, None, np.nan),
    ],
)
def test_a_row_s_time_is_its_own_and_only_a_date_may_be_that_of_the_answer(kind, held, time):
    own = table(times=np.array([1.0, 2.0]))

    found, _ = extended(own, [posted("yes", {"n": 1, "town": None, "t": held})], time=Column("t", kind))

    np.testing.assert_array_equal(found.times, [1.0, 2.0, time])


def test_labels_of_many_days_do_not_freeze_a_table_whose_times_are_years():
    rows = 2_000
    own = TrainingTable(
        FEATURES, {"n": np.arange(rows) * 1.0, "town": [None] * rows}, rows, np.array(["yes", "no"] * (rows // 2), dtype=object),
        "y", ColumnKind.CATEGORY, times=np.full(rows, 2020.0),
    )  # fmt: skip
    days = [posted("yes", {"n": place, "town": None, "year": 2020}, at=1.79e9 + 86_400 * place) for place in range(200)]

    found, _ = extended(own, days, time=Column("year", ColumnKind.INTEGER))

    for salt in ("a", "b", "c"):
        assert frozen_rows(found, task=Task.CLASSIFICATION, share=0.1, salt=salt).sum() == 0


def test_nothing_posted_leaves_the_table_as_it_is():
    own = table()

    assert extended(own, []) == (own, 0)
