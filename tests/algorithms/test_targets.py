"""What a column can be the target of, asked before anything is trained."""

import numpy as np
import pytest

from apps.algorithms.schema import ColumnKind, Task
from apps.algorithms.targets import Target, check_target, possible_tasks
from apps.core.errors import InvalidInput


def values(kind: ColumnKind, *given: object) -> Target:
    return Target.of_values("y", kind, np.array(given, dtype=object if kind == ColumnKind.CATEGORY else None))


@pytest.mark.parametrize(("largest", "fits"), [(9e17, True), (-9e17, True), (1.1e18, False), (-3e38, False)])
def test_numbers_whose_squares_leave_single_precision_are_not_learned(largest, fits):
    target = values(ColumnKind.NUMBER, largest, 1.0, 2.0)

    if fits:
        check_target(Task.REGRESSION, target)
    else:
        with pytest.raises(InvalidInput, match="too large to learn"):
            check_target(Task.REGRESSION, target)


@pytest.mark.parametrize(
    ("target", "tasks"),
    [
        (values(ColumnKind.CATEGORY, "a", "a", "a", "b", "b", "b"), [Task.CLASSIFICATION]),
        (values(ColumnKind.NUMBER, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0), [Task.CLASSIFICATION, Task.REGRESSION, Task.FORECAST]),
        (values(ColumnKind.NUMBER, *np.arange(50.0)), [Task.REGRESSION, Task.FORECAST]),
        (values(ColumnKind.NUMBER, 1.0, 1.0, 1.0), []),
        (Target("y", ColumnKind.DATE, rows=9, distinct=9), []),
        (Target("y", ColumnKind.CATEGORY), [Task.CLASSIFICATION]),  # nothing is known yet: nothing is refused
    ],
)
def test_a_column_is_offered_for_the_tasks_that_do_not_refuse_it(target, tasks):
    assert possible_tasks(target, keeps_class_shares=True) == tasks
