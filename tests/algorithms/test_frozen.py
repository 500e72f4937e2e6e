"""Rows that no version learns from: the same rows whatever stands around them."""

import numpy as np
import pytest

from apps.algorithms.engine.frozen import frozen_rows, keys_of
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable

SALT = "5d3f5f0a9f5e4a55"
FEATURES = (Column("amount", ColumnKind.NUMBER), Column("city", ColumnKind.CATEGORY))


def table(rows=3_000, *, seed=0, groups=None, times=None, classes=2, coarse=False):
    chance = np.random.default_rng(seed)
    amounts = chance.integers(0, 3, rows).astype(float) if coarse else chance.normal(size=rows)
    cities = [["Lyon", "Lille", None][i] for i in chance.integers(0, 3, rows)]
    target = np.array([f"class {i % classes}" for i in range(rows)], dtype=object)
    return TrainingTable(
        FEATURES, {"amount": amounts, "city": cities}, rows, target, "late", ColumnKind.CATEGORY, groups, times
    )


def frozen(of, *, share=0.1, salt=SALT, task=Task.CLASSIFICATION):
    return frozen_rows(of, task=task, share=share, salt=salt)


def both(one, other):
    columns = {
        "amount": np.concatenate([one.columns["amount"], other.columns["amount"]]),
        "city": one.columns["city"] + other.columns["city"],
    }
    target = np.concatenate([one.target, other.target])
    return TrainingTable(FEATURES, columns, one.rows + other.rows, target, "late", ColumnKind.CATEGORY)


def test_about_the_share_is_frozen_and_a_model_freezes_its_own():
    rows = table()

    assert 0.08 < frozen(rows).mean() < 0.12
    assert 0.27 < frozen(rows, share=0.3).mean() < 0.33
    assert (frozen(rows) != frozen(rows, salt="other")).any()


def test_a_row_stays_frozen_wherever_it_stands_and_whatever_comes_after_it():
    rows = table()
    order = np.random.default_rng(1).permutation(rows.rows)

    assert (frozen(rows.take(order)) == frozen(rows)[order]).all()
    assert (frozen(both(rows, table(seed=7)))[: rows.rows] == frozen(rows)).all()


def test_a_label_that_is_corrected_changes_no_side():
    rows = table()
    before = frozen(rows)
    rows.target[:100] = "class 1"

    assert (frozen(rows) == before).all()


def test_rows_alike_stand_on_both_sides_so_that_no_combination_goes_unlearned():
    rows = table(coarse=True)
    apart = frozen(rows)
    kinds = {(a, b) for a, b in zip(rows.columns["amount"], rows.columns["city"], strict=True)}
    learned = {(a, b) for a, b, f in zip(rows.columns["amount"], rows.columns["city"], apart, strict=True) if not f}

    assert 0.08 < apart.mean() < 0.12
    assert learned == kinds


def test_groups_and_days_are_frozen_whole():
    names = np.array([f"client {i % 300}" for i in range(3_000)], dtype=object)
    days = np.array([1.6e9 + 86_400 * (i % 200) + i for i in range(3_000)])

    of_groups, of_days = frozen(table(groups=names)), frozen(table(times=days))

    assert {names[i] for i in np.flatnonzero(of_groups)}.isdisjoint(names[~of_groups])
    assert set((days[of_days] // 86_400).tolist()).isdisjoint((days[~of_days] // 86_400).tolist())
    assert of_groups.any()
    assert of_days.any()


@pytest.mark.parametrize(
    "rows",
    [
        table(500),
        table(groups=np.array([f"client {i % 20}" for i in range(3_000)], dtype=object)),
        table(classes=200),
    ],
    ids=["of few rows", "of few groups", "of rare classes"],
)
def test_nothing_is_frozen_where_no_comparison_could_be_made_of_it(rows):
    assert not frozen(rows).any()


def test_nothing_is_frozen_without_a_target_or_a_share():
    rows = table()

    assert not frozen(rows, share=0.0).any()
    assert not frozen(rows, task=Task.CLUSTERING).any()


def test_keys_tell_rows_apart_and_know_them_again():
    rows = table()
    keys = keys_of(rows, columns=["amount", "city"])

    assert len(np.unique(keys)) == rows.rows
    assert (keys_of(both(rows, table(seed=7)), columns=["city", "amount"])[: rows.rows] == keys).all()
