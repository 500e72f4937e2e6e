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
