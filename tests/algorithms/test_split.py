"""Rows kept apart: whole groups, the latest, or a share of each class."""

from dataclasses import replace

import numpy as np
import pytest

from apps.algorithms.schema import Task
from apps.core.errors import InvalidInput
from tests.contracts.tables import binary_table


def test_a_single_group_cannot_be_divided():
    table = replace(binary_table(), groups=np.array(["all"] * 300))

    with pytest.raises(InvalidInput, match="one group"):
        table.split(task=Task.CLASSIFICATION, test_share=0.2, seed=0)


def test_groups_stay_whole():
    groups = np.array([f"g{i % 7}" for i in range(300)])
    table = replace(binary_table(), groups=groups)

    split = table.split(task=Task.CLASSIFICATION, test_share=0.2, seed=0)

    assert split.train.groups is not None
    assert split.test.groups is not None
    assert not set(split.train.groups.tolist()) & set(split.test.groups.tolist())
    assert split.test.rows > 0


class TestFolds:
    """Each row is kept apart once, in the way that the split of the model keeps rows apart."""

    @pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
    def test_each_row_is_measured_once_and_never_learned_from_meanwhile(self, task):
        table = replace(binary_table(), columns={**binary_table().columns, "row": np.arange(300.0)})

        folds = table.folds(task=task, count=5, seed=1)

        apart = np.concatenate([fold.test.columns["row"] for fold in folds])
        assert sorted(apart.tolist()) == list(range(300))
        for fold in folds:
            assert not set(fold.train.columns["row"].tolist()) & set(fold.test.columns["row"].tolist())

    def test_classes_keep_their_shares_however_the_rows_are_ordered(self):
        target = np.array(["yes"] * 30 + ["no"] * 270, dtype=object)
        table = replace(binary_table(), target=target)

        folds = table.folds(task=Task.CLASSIFICATION, count=5, seed=1)

        assert [int((fold.test.target == "yes").sum()) for fold in folds] == [6] * 5

    def test_groups_stay_whole_and_few_groups_make_few_folds(self):
        table = replace(binary_table(), groups=np.array([f"g{i % 3}" for i in range(300)]))

        folds = table.folds(task=Task.CLASSIFICATION, count=5, seed=1)

        assert len(folds) == 3
        for fold in folds:
            assert not set(fold.train.groups.tolist()) & set(fold.test.groups.tolist())

    def test_in_the_order_of_time_what_is_measured_follows_what_was_learned_from(self):
        times = np.random.default_rng(0).permutation(300).astype(float)
        table = replace(binary_table(), times=times)

        for fold in table.folds(task=Task.CLASSIFICATION, count=4, seed=1):
            assert fold.train.times.max() < fold.test.times.min()

    def test_one_group_cannot_be_compared_on_others(self):
        table = replace(binary_table(), groups=np.array(["all"] * 300))

        with pytest.raises(InvalidInput, match="one group"):
            table.folds(task=Task.CLASSIFICATION, count=3, seed=0)
