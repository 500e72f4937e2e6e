"""Rows kept apart: whole groups, the latest, or a share of each class."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from apps.core.errors import InvalidInput
from tests.contracts.tables import binary_table


def parts_of(table: TrainingTable) -> tuple[TrainingTable, TrainingTable]:
    split = table.split(task=Task.CLASSIFICATION, test_share=0.2, seed=0)
    return split.train, split.test


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


class TestGroupsOfAllSizes:
    """About the share asked for is kept apart, however large one group is."""

    @staticmethod
    def of_sizes(*sizes: int) -> TrainingTable:
        names = np.repeat([f"g{i}" for i in range(len(sizes))], sizes).astype(object)
        return replace(binary_table().take(np.arange(sum(sizes)) % 300), groups=names)

    @pytest.mark.parametrize("seed", range(8))
    def test_a_group_that_is_too_large_is_passed_over(self, seed):
        """The largest comes early in some of these orders, and first in some."""
        table = self.of_sizes(900, *[5] * 40)

        split = table.split(task=Task.CLASSIFICATION, test_share=0.1, seed=seed)

        assert split.test.rows == 110
        assert "g0" in split.train.groups
        assert split.warnings == ()
        again = table.split(task=Task.CLASSIFICATION, test_share=0.1, seed=seed)
        assert again.test.groups.tolist() == split.test.groups.tolist()

    @pytest.mark.parametrize("seed", range(4))
    def test_where_none_fits_the_smallest_is_kept_apart_and_it_is_told(self, seed):
        split = self.of_sizes(45, 300, 55).split(task=Task.CLASSIFICATION, test_share=0.05, seed=seed)

        assert (split.train.rows, split.test.rows) == (355, 45)
        assert split.warnings == (
            "Rows that hang together stay on one side: 11.2% of the rows are kept apart, where 5% were asked for.",
        )

    @pytest.mark.parametrize("seed", range(4))
    def test_something_is_left_to_learn_from(self, seed):
        split = self.of_sizes(1, 1).split(task=Task.CLASSIFICATION, test_share=0.9, seed=seed)

        assert (split.train.rows, split.test.rows) == (1, 1)


class TestRowsWithoutAGroup:
    """Each is a group of its own, named by what it holds."""

    GROUPS = (*["a", "b", "c"] * 20, *[None] * 40)

    @staticmethod
    def read(folder: Path, groups: Any, *, target: Any = None, amounts: Any = None, kind: Any = None) -> TrainingTable:
        columns = {
            "amount": pa.array(np.arange(float(len(groups))) if amounts is None else amounts),
            "y": pa.array(["yes", "no"] * (len(groups) // 2) if target is None else target),
            "g": pa.array(groups, kind),
        }
        pq.write_table(pa.table(columns), folder / "t.parquet")
        kinds = {"amount": ColumnKind.NUMBER, "y": ColumnKind.CATEGORY, "g": ColumnKind.CATEGORY}
        read = [Column(name, kinds[name]) for name in columns]
        return TrainingTable.from_parquet(folder / "t.parquet", columns=read, target="y", group="g")

    def test_they_are_not_kept_together(self, tmp_path):
        table = self.read(tmp_path, self.GROUPS)

        assert len(set(table.groups)) == 43
        assert table.groups[:3].tolist() == ["a", "b", "c"]
        sides = [set(part.groups[part.columns["amount"] >= 60]) for part in parts_of(table)]
        assert all(sides)
        assert not sides[0] & sides[1]

    def test_a_number_that_is_none_is_no_group(self, tmp_path):
        assert (
            len(set(self.read(tmp_path, [1.0, 1.0, float("nan"), None, float("nan"), 2.0], kind=pa.float64()).groups)) == 5
        )

    @pytest.mark.parametrize("amounts", [None, np.zeros(100)], ids=["told apart", "alike"])
    def test_a_name_stays_when_rows_come_below_and_labels_are_corrected(self, tmp_path, amounts):
        before = self.read(tmp_path, self.GROUPS, amounts=amounts)
        more = None if amounts is None else np.zeros(150)

        after = self.read(tmp_path, [*self.GROUPS, *[None] * 50], target=["no", "yes"] * 75, amounts=more)

        assert after.groups[:100].tolist() == before.groups.tolist()
        assert len(set(after.groups)) == 93

    def test_no_real_name_is_one_of_theirs(self, tmp_path):
        theirs = self.read(tmp_path, self.GROUPS).groups[-1]

        groups = self.read(tmp_path, [theirs, *self.GROUPS[1:]]).groups

        assert (groups == theirs).sum() == 1


class TestEqualTimes:
    """Rows of one time are on one side: what is known of some of them tells of the others."""

    @staticmethod
    def of_times(times: Any) -> TrainingTable:
        return replace(binary_table().take(np.arange(len(times)) % 300), times=np.asarray(times, dtype=np.float64))

    @pytest.mark.parametrize(
        ("sizes", "apart"), [((30, 30, 30), 30), ((10, 75, 15), 15), ((60, 30, 5, 5), 10), ((14, 86), 86)]
    )
    def test_the_cut_is_at_the_nearest_change_of_time(self, sizes, apart):
        times = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))

        split = self.of_times(times).split(task=Task.REGRESSION, test_share=0.2, seed=0)

        assert split.test.rows == apart
        assert split.train.times.max() < split.test.times.min()
        assert bool(split.warnings) == (apart == 86)

    def test_rows_without_a_time_come_first_and_stay_together(self):
        times = np.where(np.arange(100) % 4 > 0, np.nan, np.arange(100))

        split = self.of_times(times).split(task=Task.REGRESSION, test_share=0.4, seed=0)

        assert (split.train.rows, split.test.rows) == (75, 25)

    @pytest.mark.parametrize("times", [np.zeros(100), np.repeat([0.0, 1.0], [3, 97])], ids=["one", "hardly two"])
    def test_where_all_are_of_one_time_the_share_is_kept_apart(self, times):
        table = self.of_times(times)

        assert table.split(task=Task.REGRESSION, test_share=0.2, seed=0).test.rows == 20
        assert [fold.test.rows for fold in table.folds(task=Task.REGRESSION, count=4, seed=0)] == [20] * 4

    @pytest.mark.parametrize(("days", "folds"), [(12, 4), (3, 2)])
    def test_folds_are_cut_at_changes_of_time(self, days, folds):
        table = self.of_times(np.random.default_rng(0).permutation(np.arange(300) % days))

        found = table.folds(task=Task.REGRESSION, count=4, seed=0)

        assert len(found) == folds
        for fold in found:
            assert fold.train.times.max() < fold.test.times.min()
        assert found[-1].train.rows + found[-1].test.rows == 300

    def test_a_sample_is_as_large_as_asked_for(self):
        assert self.of_times(np.arange(300) % 2).sample(60, task=Task.REGRESSION, seed=0).rows == 60


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


class TestRareClasses:
    """What a plain training takes, a search can compare settings on: no fold lacks a class that others have."""

    @staticmethod
    def with_rare(rare: int, **fields: Any) -> TrainingTable:
        target = np.array(["rare"] * rare + ["yes", "no"] * ((300 - rare) // 2) + ["no"] * (rare % 2), dtype=object)
        return replace(binary_table(), target=target, **fields)

    @pytest.mark.parametrize(("rare", "folds"), [(2, 2), (3, 3), (4, 4), (7, 5)])
    def test_there_are_as_many_folds_as_rows_of_a_class(self, rare, folds):
        found = self.with_rare(rare).folds(task=Task.CLASSIFICATION, count=5, seed=0)

        assert len(found) == folds
        for fold in found:
            assert set(fold.train.target) == set(fold.test.target) == {"rare", "yes", "no"}

    def test_a_class_of_one_row_is_only_learned_from(self):
        found = self.with_rare(1).folds(task=Task.CLASSIFICATION, count=5, seed=0)

        assert len(found) == 5
        for fold in found:
            assert "rare" in fold.train.target
            assert "rare" not in fold.test.target

    def test_folds_of_time_that_lack_a_class_give_way_to_those_that_have_all(self):
        """The first half of the time knows two classes only."""
        target = np.array(["yes", "no"] * 75 + ["new", "yes", "no"] * 50, dtype=object)
        table = replace(binary_table(), target=target, times=np.arange(300.0))

        found = table.folds(task=Task.CLASSIFICATION, count=5, seed=0)

        assert len(found) == 2
        assert all("new" in fold.train.target for fold in found)

    def test_of_folds_of_time_one_with_two_classes_is_enough(self):
        target = np.array(["no"] * 220 + ["no", "yes"] * 40, dtype=object)
        table = replace(binary_table(), target=target, times=np.arange(300.0))

        (fold,) = table.folds(task=Task.CLASSIFICATION, count=5, seed=0)

        assert set(fold.train.target) == {"no", "yes"}

    def test_where_no_fold_has_two_classes_it_says_so(self):
        target = np.array(["no"] * 280 + ["yes"] * 20, dtype=object)
        table = replace(binary_table(), target=target, times=np.arange(300.0))

        with pytest.raises(InvalidInput, match="of one class until the last"):
            table.folds(task=Task.CLASSIFICATION, count=5, seed=0)

    def test_many_classes_do_not_make_a_sample_larger(self):
        target = np.array([f"c{i % 60}" for i in range(300)], dtype=object)

        assert replace(binary_table(), target=target).sample(60, task=Task.CLASSIFICATION, seed=0).rows <= 120

    def test_a_few_rows_in_order_of_time_have_folds_that_can_be_learned_from(self):
        table = replace(binary_table().take(np.arange(40)), times=np.arange(40.0))

        assert min(fold.train.rows for fold in table.folds(task=Task.REGRESSION, count=5, seed=0)) >= 10

    def test_a_sample_has_rows_of_each_class(self):
        sample = self.with_rare(6).sample(60, task=Task.CLASSIFICATION, seed=0)

        assert (sample.target == "rare").sum() == 6
        assert sample.rows < 70

    @pytest.mark.parametrize(("groups", "whole"), [(5, False), (60, True)])
    def test_a_sample_is_of_whole_groups_where_enough_fit_in(self, groups, whole):
        """Of five groups of sixty rows a fifth is one group, on which no two settings can be compared."""
        table = replace(binary_table(), groups=np.array([f"g{i % groups}" for i in range(300)], dtype=object))

        sample = table.sample(60, task=Task.CLASSIFICATION, seed=0)

        assert 50 <= sample.rows <= 60
        assert len(set(sample.groups)) >= 5
        assert whole == all((sample.groups == name).sum() == 300 // groups for name in set(sample.groups))
        assert len(sample.folds(task=Task.CLASSIFICATION, count=5, seed=0)) == 5

    def test_one_long_text_costs_its_own_bytes(self):
        """An array of texts as wide as the longest would take 1.2 GB here."""
        target = np.array(["yes"] * 150 + ["no" * 500_000] * 150, dtype=object)
        tracemalloc.start()

        replace(binary_table(), target=target).split(task=Task.CLASSIFICATION, test_share=0.2, seed=0)

        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()
