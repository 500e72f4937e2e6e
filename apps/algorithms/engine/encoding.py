"""Fit the encoder: which columns become which features, learned from the training rows alone.

Categories of many levels are target-encoded with scikit-learn's `TargetEncoder` (Micci-Barreca 2001, cross-fitted), so
that a training row's own label never shapes its own features.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import TargetEncoder

from apps.algorithms.predictors.encoder import DATE_FEATURES, LARGEST, ColumnEncoding, Encoder, Matrix
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable

FEW_LEVELS = 12
MOST_LEVELS = 20_000
IDENTIFIER_SHARE = 0.9  # a text column with more distinct values a row than this says who, not what
SMALL_FOR_CROSS_FIT = 20
FOLDS = 5
RARE_TAIL = 0.001
MARGIN = 0.1  # of the range without its rare tails: so far beyond the values seen, a number is not yet warned of
_MISSING = "\x00missing"


@dataclass(frozen=True)
class FittedEncoder:
    """The encoder to serve with, the training rows' matrix (cross-fitted), and what a reader should know."""

    encoder: Encoder
    matrix: Matrix
    warnings: tuple[str, ...]


def fit_encoder(table: TrainingTable, *, task: Task, target: npt.NDArray[Any] | None, seed: int) -> FittedEncoder:
    """Learn the encoding of each feature; `target` is class codes or numbers, None when there is nothing to learn from."""
    encodings: list[ColumnEncoding] = []
    own: dict[int, Matrix] = {}
    warnings: list[str] = []
    for column in table.features:
        values = table.columns[column.name]
        if why := _useless(values, table.rows):
            warnings.append(f"The column {column.name!r} is left out: {why}.")
            continue
        if column.kind in {ColumnKind.CATEGORY, ColumnKind.TEXT}:
            encoding, block = _levels(column.name, values, task=task, target=target, seed=seed)
            if block is not None:
                own[len(encodings)] = block
        elif column.kind in {ColumnKind.DATE, ColumnKind.DATETIME}:
            parts = (*DATE_FEATURES, "hour") if column.kind == ColumnKind.DATETIME else DATE_FEATURES
            names = tuple(f"{column.name}.{part}" for part in parts)
            encoding = ColumnEncoding(column.name, "date", names, **_range(values))
        else:
            encoding = _number(column, values)
        encodings.append(encoding)
    encoder = Encoder(tuple(encodings))
    matrix, _ = encoder.encode(table.columns, table.rows)
    at = 0
    for index, encoding in enumerate(encodings):
        if index in own:
            matrix[:, at : at + len(encoding.features)] = own[index]
        at += len(encoding.features)
    return FittedEncoder(encoder, matrix, tuple(warnings))


def _useless(values: Any, rows: int) -> str | None:
    if isinstance(values, np.ndarray):
        known = values[np.isfinite(values)]
        if not len(known):
            return "it holds no value"
        return "it always holds the same value" if len(known) == rows and (known == known[0]).all() else None
    levels = set(values)
    if levels <= {None}:
        return "it holds no value"
    if len(levels) == 1:
        return "it always holds the same value"
    distinct = len(levels - {None})
    if distinct > SMALL_FOR_CROSS_FIT and distinct > IDENTIFIER_SHARE * sum(value is not None for value in values):
        return "nearly every row has a text of its own, as an identifier has"
    return f"it has more than {MOST_LEVELS} different texts" if distinct > MOST_LEVELS else None


def _number(column: Column, values: npt.NDArray[np.float64]) -> ColumnEncoding:
    if column.kind == ColumnKind.BOOLEAN:
        return ColumnEncoding(column.name, "number", (column.name,))
    return ColumnEncoding(column.name, "number", (column.name,), **_range(values))


def _range(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the least and largest value, and how far beyond them one is not yet warned of."""
    known = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    low, high = np.quantile(known, [RARE_TAIL, 1 - RARE_TAIL])
    return {"seen": (float(known.min()), float(known.max())), "margin": float(high - low) * MARGIN}


def _levels(
    name: str, values: list[str | None], *, task: Task, target: npt.NDArray[Any] | None, seed: int
) -> tuple[ColumnEncoding, Matrix | None]:
    levels = sorted(set(values) - {None}, key=str)
    if len(levels) <= FEW_LEVELS:
        return _one_hot(name, [str(level) for level in levels], values), None
    if target is None or len(values) < SMALL_FOR_CROSS_FIT:
        return _frequency(name, values), None
    return _target_encoding(name, values, task=task, target=target, seed=seed)


def _one_hot(name: str, levels: list[str], values: list[str | None]) -> ColumnEncoding:
    """Return a feature for each level, and for no value where the column ever had none; of two levels alone the second's.

    What is neither of two levels gets the second's share, which is what is known of it.
    """
    has_missing = None in values
    if len(levels) == 2 and not has_missing:
        first, second = levels
        share = values.count(second) / len(values)
        return ColumnEncoding(name, "levels", (f"{name}={second}",), {first: (0.0,), second: (1.0,)}, (), (share,))
    names = [f"{name}={level}" for level in levels] + ([f"{name} missing"] if has_missing else [])
    *rows, none = np.eye(len(names) + 1)[:, :-1].tolist()
    table = {level: tuple(row) for level, row in zip(levels, rows, strict=False)}
    return ColumnEncoding(name, "levels", tuple(names), table, tuple(rows[-1]) if has_missing else (), tuple(none))


def _frequency(name: str, values: list[str | None]) -> ColumnEncoding:
    shares = {level: (count / len(values),) for level, count in Counter(values).items()}
    table = {str(level): share for level, share in shares.items() if level is not None}
    return ColumnEncoding(name, "levels", (f"share of {name}",), table, shares.get(None, ()), (0.0,))


def _target_encoding(
    name: str, values: list[str | None], *, task: Task, target: npt.NDArray[Any], seed: int
) -> tuple[ColumnEncoding, Matrix]:
    numbers = task == Task.REGRESSION
    classes = 0 if numbers else int(target.max()) + 1
    kind = "continuous" if numbers else "binary" if classes == 2 else "multiclass"
    texts = np.array([[_MISSING if value is None else value] for value in values], dtype=object)
    folds = (KFold if numbers else StratifiedKFold)(_folds(target, numbers=numbers), shuffle=True, random_state=seed)
    fitted = TargetEncoder(target_type=kind, cv=folds)
    crossed = fitted.fit_transform(texts, target).astype(np.float32)
    table = {
        str(level): tuple(float(codes[i]) for codes in fitted.encodings_) for i, level in enumerate(fitted.categories_[0])
    }
    unseen = tuple(float(mean) for mean in np.atleast_1d(fitted.target_mean_))
    missing = table.pop(_MISSING, ())
    width = crossed.shape[1]
    suffixes = [""] if width == 1 else [f" for class {i}" for i in range(width)]
    features = tuple(f"target mean by {name}{suffix}" for suffix in suffixes)
    return ColumnEncoding(name, "levels", features, table, missing, unseen), crossed


def _folds(target: npt.NDArray[Any], *, numbers: bool) -> int:
    return FOLDS if numbers else max(2, min(FOLDS, int(np.bincount(target).min())))
