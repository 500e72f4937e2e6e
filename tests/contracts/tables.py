"""Tables that every service of the catalogue is tried on."""

from typing import Any

import numpy as np

from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable

NUMBER, CATEGORY, DATE = ColumnKind.NUMBER, ColumnKind.CATEGORY, ColumnKind.DATE


def mixed_table(task: Task, rows: int = 400, seed: int = 0) -> TrainingTable:
    """Make a learnable table with numbers, few and many categories, dates, and holes in all of them."""
    chance = np.random.default_rng(seed)
    x, noise = chance.normal(size=(rows, 3)), chance.normal(size=rows) * 0.3
    few = chance.choice(["a", "b", "c"], rows)
    many = np.array([f"town {i}" for i in chance.integers(0, 40, rows)])
    days = chance.integers(18_000, 20_000, rows) * 86_400.0
    signal = 2 * x[:, 0] - x[:, 1] + (few == "a") * 1.5 + noise
    columns: dict[str, Any] = {"x0": x[:, 0].copy(), "x1": x[:, 1].copy(), "x2": x[:, 2].copy(), "day": days.copy()}
    for name in ("x0", "x2", "day"):
        columns[name][chance.random(rows) < 0.05] = np.nan
    columns["few"] = [None if chance.random() < 0.05 else str(v) for v in few]
    columns["many"] = [str(v) for v in many]
    kinds = {"x0": NUMBER, "x1": NUMBER, "x2": NUMBER, "day": DATE, "few": CATEGORY, "many": CATEGORY}
    features = tuple(Column(name, kind) for name, kind in kinds.items())
    target: Any = None
    if task == Task.CLASSIFICATION:
        target = np.array([{0: "low", 1: "middle", 2: "high"}[int(v)] for v in np.digitize(signal, [-1, 1.5])], dtype=object)
    elif task == Task.REGRESSION:
        target = signal
    kind = {Task.CLASSIFICATION: CATEGORY, Task.REGRESSION: NUMBER}.get(task)
    return TrainingTable(features, columns, rows, target, "y" if target is not None else None, kind)


def binary_table(rows: int = 300, seed: int = 1) -> TrainingTable:
    """Make two classes that numbers set apart."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, 2))
    target = np.array([bool(v) for v in x[:, 0] + x[:, 1] > 0], dtype=object)
    columns = {"x0": x[:, 0], "x1": x[:, 1]}
    return TrainingTable((Column("x0", NUMBER), Column("x1", NUMBER)), columns, rows, target, "y", ColumnKind.BOOLEAN)


def silent(fraction: float, stage: str, *, step: int | None = None, metrics: Any = None) -> None:
    """Take progress and say nothing."""
