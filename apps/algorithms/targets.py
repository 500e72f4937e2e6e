"""Whether a column can be the target of a task: asked of a profile before a training starts, and again of its rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.schema import ColumnKind, Task
from apps.core.errors import InvalidInput, Problem

LEAST_ROWS_IN_ALL = 12  # a fifth is kept apart
MOST_CLASSES = 1_000
LARGEST_NUMBER = 1e18  # beyond, squares of errors leave single precision
_NUMBERS = {ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.BOOLEAN}
_TIMES = {ColumnKind.DATE, ColumnKind.DATETIME}
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of a target column; None stands for what is not.

    `rows` counts those with a value, `commonest` and `rarest` those of one value; `lonely` are values of a single row.
    """

    name: str
    kind: ColumnKind
    rows: int | None = None
    distinct: int | None = None
    commonest: int | None = None
    rarest: int | None = None
    lonely: tuple[Any, ...] = ()
    largest: float = 0.0

    @classmethod
    def of_profile(cls, column: Mapping[str, Any], rows: int) -> "Target":
        """Take what a data set's profile says of one column of `rows` rows."""
        top, bounds = column.get("top") or [], (column.get("min"), column.get("max"))
        return cls(
            name=column["name"],
            kind=ColumnKind(column["dtype"]),
            rows=rows - column["missing"] if "missing" in column else None,
            distinct=column.get("distinct"),
            commonest=top[0]["count"] if top else None,
            rarest=column.get("rarest"),
            largest=max((abs(bound) for bound in bounds if isinstance(bound, int | float)), default=0.0),
        )

    @classmethod
    def of_values(cls, name: str, kind: ColumnKind, values: npt.NDArray[Any]) -> "Target":
        """Count the values themselves; none of them is missing."""
        counts = Counter(values.tolist())
        return cls(
            name=name,
            kind=kind,
            rows=len(values),
            distinct=len(counts),
            commonest=max(counts.values(), default=0),
            rarest=min(counts.values(), default=0),
            lonely=tuple(sorted((value for value, count in counts.items() if count == 1), key=str)),
            largest=float(np.abs(values.astype(np.float64)).max(initial=0.0)) if kind in _NUMBERS else 0.0,
        )


def check_target(task: Task, target: Target, *, keeps_class_shares: bool = False) -> None:
    """Raise `InvalidInput` when the column cannot be the target of `task`; the words say what to do.

    `keeps_class_shares`: rows have still to be kept apart, some of each class.
    """
    if target.rows == 0:
        _refuse(f"The column {target.name!r} holds no value, so there is nothing to learn from. Choose another target.")
    if task in {Task.REGRESSION, Task.FORECAST}:
        _check_amount(task, target)
    elif task == Task.CLASSIFICATION:
        _check_classes(target)
        if keeps_class_shares:
            _check_shares(target)


def possible_tasks(target: Target, *, keeps_class_shares: bool = False) -> list[Task]:
    """Return the tasks that `check_target` does not refuse the column for."""
    tasks = (Task.CLASSIFICATION, Task.REGRESSION, Task.FORECAST)
    return [task for task in tasks if _is_possible(task, target, keeps_class_shares)]


def _is_possible(task: Task, target: Target, keeps_class_shares: bool) -> bool:
    try:
        check_target(task, target, keeps_class_shares=keeps_class_shares)
    except InvalidInput:
        return False
    return True


def _check_amount(task: Task, target: Target) -> None:
    if target.kind in _TIMES:
        _refuse(f"The column {target.name!r} holds dates; a {task} predicts a number. Choose a numeric column.")
    if task == Task.FORECAST and target.kind == ColumnKind.BOOLEAN:
        _refuse(f"The column {target.name!r} holds true or false; a forecast predicts a number. Choose a numeric column.")
    if target.kind not in _NUMBERS:
        other = "classification, or a numeric column" if task == Task.REGRESSION else "a numeric column"
        _refuse(f"The column {target.name!r} holds text; a {task} predicts a number. Choose {other}.")
    if target.distinct == 1:
        _refuse(f"Every row has the same value of {target.name!r}: there is nothing to predict. Choose another target.")
    if target.largest > LARGEST_NUMBER:
        _refuse(f"The column {target.name!r} holds numbers beyond 1e18, too large to learn. Divide them, or mend them.")


def _check_classes(target: Target) -> None:
    if target.kind in _TIMES:
        _refuse(f"The column {target.name!r} holds dates; a classification predicts a class. Choose a column of classes.")
    if target.distinct == 1:
        _refuse(
            f"Every row has the same value of {target.name!r}. "
            "Two classes at least are needed to learn a difference; upload rows of the others."
        )
    if target.distinct is not None and target.distinct > MOST_CLASSES:
        _refuse(
            f"The column {target.name!r} has {target.distinct} different values; at most {MOST_CLASSES} classes can be "
            "learned. Is it a number to predict (choose regression), or an identifier?"
        )
    if target.lonely:
        _refuse_lonely(target)


def _refuse_lonely(target: Target) -> None:
    named = ", ".join(repr(label) for label in target.lonely[:_SHOWN])
    more = f" and {len(target.lonely) - _SHOWN} more" if len(target.lonely) > _SHOWN else ""
    problems = [Problem("/target", "lonely_class", f"{label!r}: 1 row") for label in target.lonely[:50]]
    raise InvalidInput(
        f"Some classes of {target.name!r} have a single row to learn from: {named}{more}. "
        "Remove those rows, merge the classes, or upload more of them.",
        problems,
    )


def _check_shares(target: Target) -> None:
    if target.rows is not None and target.distinct is not None and target.rows < 2 * target.distinct:
        _refuse(
            f"The column {target.name!r} has {target.distinct} different values in {target.rows} rows; each class needs two "
            "rows at least. Is it a number to predict (choose regression), or an identifier?"
        )
    if target.rarest == 1:
        _refuse(
            f"Some classes of {target.name!r} have a single row. "
            "Remove those rows, merge the classes, or upload more of them."
        )
    if target.commonest is not None and target.commonest <= 2:
        _refuse(f"No class of {target.name!r} has three rows, so none can be kept apart to measure with. Upload more rows.")


def _refuse(text: str) -> None:
    raise InvalidInput(text, [Problem("/target", "bad_target", text)])
