"""The table a service learns from: columns in the encoder's own form, read from the canonical Parquet copy. Worker only."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.rows import NUMERIC, Columns, epoch_seconds
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.core.errors import InvalidInput

Index = npt.NDArray[np.int64]
OFFSET = b"offset"
INSTANTS = {b"times": b"instants"}  # what a column of the canonical Parquet copy is marked with
_LEAST_GROUPS = 10  # of a sample, so that folds of whole groups can be made of it
_LEAST_OF_A_CLASS = 20  # rows of a sample, or all that there are
_LEAST_FOLDS, _LEAST_STRATIFIED = 2, 3
_LEAST_LEARNED = 10  # rows of a fold, where later ones have as many
_OF_NONE = "\x01"  # begins the name of a group that is one row without a group
_FAR = 2.0  # a part of so many times the rows that were asked for, or of so many times fewer, is told of


@dataclass(frozen=True)
class Split:
    """Two parts of a table; `method` is "stratified", "random", "grouped" or "time".

    `warnings` says so where the second is far smaller or larger than asked for.
    """

    train: "TrainingTable"
    test: "TrainingTable"
    method: str
    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingTable:
    """Feature columns (float64 arrays, or lists of text and None), the target, and what the split must respect.

    `target` holds labels as they stood in the dataset (text, int, bool), or float64 for numbers; None without one.
    """

    features: tuple[Column, ...]
    columns: Columns
    rows: int
    target: npt.NDArray[Any] | None = None
    target_name: str | None = None
    target_kind: ColumnKind | None = None
    groups: npt.NDArray[Any] | None = None
    times: npt.NDArray[np.float64] | None = None
    idle: tuple[Column, ...] = ()  # not learned from: a row may hold them

    @classmethod
    def from_parquet(
        cls,
        path: Path,
        *,
        columns: list[Column],
        target: str | None = None,
        features: list[str] | None = None,
        group: str = "",
        time: str = "",
        subject: str = "",
    ) -> "TrainingTable":
        """Read the columns needed from a canonical Parquet file.

        `columns` are the dataset's; `features` those to learn from (all but target and group when empty); never `subject`. A
        row without a group is one of its own.
        """
        import pyarrow.parquet as pq

        kinds = {column.name: column.kind for column in columns}
        wanted = tuple(
            c
            for c in columns
            if (c.name in features if features else c.name not in {target, group}) and c.name not in {target, subject}
        )
        names = list(dict.fromkeys([*(c.name for c in wanted), *filter(None, [target, group, time])]))
        table = pq.read_table(path, columns=names, use_threads=False)
        read = {name: read_column(table.column(name), kinds[name]) for name in names}
        found = cls(
            features=wanted,
            columns={column.name: read[column.name] for column in wanted},
            rows=table.num_rows,
            target=_labels(table.column(target), kinds[target]) if target else None,
            target_name=target,
            target_kind=kinds[target] if target else None,
            times=np.asarray(read[time], dtype=np.float64) if time else None,
            idle=tuple(c for c in columns if c.name in {subject, group} - {""} and c not in wanted),
        )
        return _in_groups(found, table.column(group).to_pylist()) if group else found

    def take(self, index: Index) -> "TrainingTable":
        """Return the rows of `index`, in its order."""
        picked = {
            name: values[index] if isinstance(values, np.ndarray) else [values[i] for i in index.tolist()]
            for name, values in self.columns.items()
        }
        return replace(
            self,
            columns=picked,
            rows=len(index),
            target=None if self.target is None else self.target[index],
            groups=None if self.groups is None else self.groups[index],
            times=None if self.times is None else self.times[index],
        )

    def without_missing_target(self) -> "TrainingTable":
        """Return the rows whose target is known."""
        if self.target is None:
            return self
        missing = np.array([value is None or value != value for value in self.target.tolist()], dtype=bool)  # noqa: PLR0124  (NaN)
        return self.take(np.flatnonzero(~missing)) if missing.any() else self

    def records(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the first rows as the API would receive them."""
        rows = self.rows if limit is None else min(limit, self.rows)
        lists = {c.name: _posted(c.kind, self.columns[c.name][:rows]) for c in self.features}
        return [{name: values[i] for name, values in lists.items()} for i in range(rows)]

    def split(self, *, task: Task, test_share: float, seed: int) -> Split:
        """Keep `test_share` of the rows apart: the latest, whole groups, or at random (stratified by class)."""
        if self.times is not None:
            order = self._in_time()
            (cut,) = nearest_changes(self.times[order], [self.rows - max(1, round(self.rows * test_share))])
            parts = self._parts(order[:cut], order[cut:], "time", "the latest rows are kept apart")
            return replace(parts, warnings=_said_of_share(parts, test_share))
        shuffled = np.random.default_rng(seed).permutation(self.rows)
        if self.groups is not None:
            return self._grouped(shuffled, test_share)
        if task == Task.CLASSIFICATION and self.target is not None:
            return self._stratified(shuffled, test_share)
        cut = max(1, round(self.rows * test_share))
        return self._parts(np.sort(shuffled[cut:]), np.sort(shuffled[:cut]), "random", "rows are kept apart at random")

    def sample(self, rows: int, *, task: Task, seed: int) -> "TrainingTable":
        """Return about so many rows: the latest, whole groups where enough fit in, or at random; of no class hardly any."""
        shuffled = np.random.default_rng(seed).permutation(self.rows)
        share = rows / self.rows
        if self.times is not None:
            return self.take(self._in_time()[-rows:])
        if self.groups is not None:
            whole = self._grouped(shuffled, share).test
            enough = len(np.unique(_codes(whole.groups))) >= min(_LEAST_GROUPS, len(np.unique(_codes(self.groups))))
            return whole if enough else self.take(np.sort(shuffled[:rows]))
        if task == Task.CLASSIFICATION and self.target is not None:
            least = min(_LEAST_OF_A_CLASS, rows // (2 * max(1, len(np.unique(_codes(self.target))))))
            return self._stratified(shuffled, share, least=least).test
        return self.take(np.sort(shuffled[:rows]))

    def folds(self, *, task: Task, count: int, seed: int) -> list[Split]:
        """Part the rows `count` times for cross-validation, in the way that `split` does: by time, groups, classes or chance.

        Fewer folds are made where there are fewer groups, or fewer rows of a class; a class of one row is only learned from. In
        the order of time the first rows are only learned from.
        """
        found = self._folds(task=task, count=count, seed=seed)
        if task != Task.CLASSIFICATION or self.target is None:
            return [fold for fold in found if fold.train.rows >= _LEAST_LEARNED] or found
        classes = len(np.unique(_codes(self.target)))
        kinds = [tuple(len(np.unique(_codes(part.target))) for part in (fold.train, fold.test)) for fold in found]
        for learned, apart, least in ((classes, classes, _LEAST_FOLDS), (classes, 1, _LEAST_FOLDS), (2, 1, 1)):
            kept = [  # where all classes are in a fold, it is measured as the others are
                fold
                for fold, own in zip(found, kinds, strict=True)
                if own[0] >= learned and own[1] >= apart and fold.train.rows >= _LEAST_LEARNED
            ]
            if len(kept) >= min(least, len(found)):
                return kept
        raise InvalidInput(
            "The rows that settings could be compared on are of one class until the last: train without a search, or upload more."
        )

    def _folds(self, *, task: Task, count: int, seed: int) -> list[Split]:
        from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

        rows = np.arange(self.rows)
        if self.times is not None:
            order = self._in_time()
            cuts = nearest_changes(self.times[order], [int(part[0]) for _, part in TimeSeriesSplit(count).split(rows)])
            return [
                self._parts(order[:a], order[a:b], "time", "each part is measured on what follows it")
                for a, b in pairwise([*cuts, self.rows])
            ]
        if self.groups is not None:
            groups = _codes(self.groups)
            count = min(count, len(np.unique(groups)))
            if count < 2:
                raise InvalidInput("All rows to learn from belong to one group, so settings cannot be compared on others.")
            parted = GroupKFold(count, shuffle=True, random_state=seed).split(rows, groups=groups)
            method = "grouped"
        elif task == Task.CLASSIFICATION and self.target is not None:
            parted, method = self._stratified_folds(count, seed), "stratified"
        else:
            parted = KFold(count, shuffle=True, random_state=seed).split(rows)
            method = "random"
        return [self._parts(a, b, method, "each row is kept apart once") for a, b in parted]

    def _stratified_folds(self, count: int, seed: int) -> Iterator[tuple[Index, Index]]:
        from sklearn.model_selection import StratifiedKFold

        codes = _codes(self.target)
        sizes = np.bincount(codes)
        lonely = np.flatnonzero(sizes[codes] == 1)
        shared = np.flatnonzero(sizes[codes] > 1)
        count = max(_LEAST_STRATIFIED, min(count, int(sizes[sizes > 1].min(initial=count))))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            parts = list(StratifiedKFold(count, shuffle=True, random_state=seed).split(shared, codes[shared]))
        for left, right in parts:
            yield np.sort(np.concatenate([shared[left], lonely])), shared[right]

    def _in_time(self) -> Index:
        """Return the rows from the earliest to the latest; those without a time come first."""
        assert self.times is not None
        return np.argsort(np.nan_to_num(self.times, nan=-np.inf), kind="stable")

    def _grouped(self, shuffled: Index, share: float) -> Split:
        assert self.groups is not None
        groups = _codes(self.groups)
        names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
        if len(names) < 2:
            raise InvalidInput(
                "All rows belong to one group, so none can be kept apart to measure with. Choose another group column."
            )
        place = np.empty(self.rows, dtype=np.int64)
        place[shuffled] = np.arange(self.rows)
        order = np.argsort(place[first], kind="stable")
        apart = np.isin(groups, names[order][_fitting(sizes[order], round(self.rows * share))])
        reason = "groups are kept whole on one side"
        parts = self._parts(np.flatnonzero(~apart), np.flatnonzero(apart), "grouped", reason)
        return replace(parts, warnings=_said_of_share(parts, share))

    def _stratified(self, shuffled: Index, share: float, *, least: int = 0) -> Split:
        """Keep a share of each class apart, so many rows of it at least."""
        codes = _codes(self.target)
        apart = np.zeros(self.rows, dtype=bool)
        for code in range(codes.max() + 1 if self.rows else 0):
            own = shuffled[codes[shuffled] == code]
            apart[own[: max(least, round(len(own) * share))]] = True
        reason = "rows are kept apart at random, each class in its share"
        return self._parts(np.flatnonzero(~apart), np.flatnonzero(apart), "stratified", reason)

    def _parts(self, train: Index, test: Index, method: str, reason: str) -> Split:
        return Split(self.take(train), self.take(test), method, reason)


def numbered(values: npt.NDArray[Any]) -> tuple[list[str], Index]:
    """Return the different texts of an array, sorted, and the number of each row's; numpy's would be as wide as the longest."""
    texts = [str(value) for value in values.tolist()]
    names = sorted(set(texts))
    number_of = {name: number for number, name in enumerate(names)}
    return names, np.array([number_of[text] for text in texts], dtype=np.int64)


def group_name(value: Any) -> str:
    """Return the name of the group that a value names: never one of those of rows without a group."""
    name = str(value)
    return _OF_NONE + name if name.startswith(_OF_NONE) else name


def _in_groups(table: TrainingTable, values: list[Any]) -> TrainingTable:
    """Return a table in groups, `values` naming that of each row; None and NaN make the row a group of its own.

    Such a group is named by what its row holds, and by how many such rows stand above it, so that rows that come below, and a
    label that is corrected, leave its name as it is.
    """
    from apps.algorithms.engine.frozen import keys_of

    alone = np.flatnonzero([value is None or value != value for value in values])  # noqa: PLR0124  (NaN)
    names = np.array([group_name(value) for value in values], dtype=object)
    if len(alone):
        features = [column.name for column in table.features]
        keys = keys_of(table.take(alone), columns=features) if features else alone
        names[alone] = [f"{_OF_NONE}row {key}" for key in keys.tolist()]
    return replace(table, groups=names)


def _fitting(sizes: Index, most: int) -> npt.NDArray[np.bool_]:
    """Return which groups, taken in their order, go into so many rows together; the smallest alone where none does.

    `sizes` (groups,) are their rows. One group at least is not taken.
    """
    taken = np.zeros(len(sizes), dtype=bool)
    left = min(most, int(sizes.sum()) - 1)
    for number, size in enumerate(sizes.tolist()):
        if size <= left:
            taken[number], left = True, left - size
    if not taken.any():
        taken[int(np.argmin(sizes))] = True
    return taken


def nearest_changes(times: npt.NDArray[np.float64], cuts: list[int]) -> list[int]:
    """Return the change of sorted times that is nearest to each cut, each change once; the cuts where all are of one time.

    A change that leaves hardly any rows to learn from is taken only where the cut does so too.
    """
    moments = np.nan_to_num(times, nan=-np.inf)
    changes = np.flatnonzero(moments[1:] != moments[:-1]) + 1
    changes = changes[changes >= min(_LEAST_LEARNED, *cuts)]
    if not len(changes):
        return cuts
    return sorted({int(changes[np.argmin(np.abs(changes - cut))]) for cut in cuts})


def _said_of_share(parts: Split, asked: float) -> tuple[str, ...]:
    share = parts.test.rows / (parts.train.rows + parts.test.rows)
    if asked / _FAR <= share <= asked * _FAR:
        return ()
    return (
        f"Rows that hang together stay on one side: {share:.1%} of the rows are kept apart, where {asked:.0%} were asked for.",
    )


def _codes(values: npt.NDArray[Any] | None) -> Index:
    assert values is not None
    return numbered(values)[1]


def are_instants(field: Any) -> bool:
    """Tell whether the times of a canonical Parquet column carried offsets; they are wall-clock times otherwise."""
    return bool((field.metadata or {}).items() >= INSTANTS.items())


def offset_of(field: Any) -> str:
    """Return the offset that all times of such a column carried, as in "+01:00"; "" where they carried several, or none."""
    return str((field.metadata or {}).get(OFFSET, b"").decode())


def read_column(column: Any, kind: ColumnKind) -> Any:
    """Return a Parquet column in the encoder's form: float64 (dates as seconds since 1970), or a list of text and None."""
    import pyarrow.compute as pc

    if kind in {ColumnKind.DATE, ColumnKind.DATETIME}:
        return np.array([np.nan if v is None else epoch_seconds(v) for v in column.to_pylist()], dtype=np.float64)
    if kind in NUMERIC:
        return pc.cast(column, "float64").to_numpy(zero_copy_only=False).astype(np.float64)
    return column.to_pylist()


def _labels(column: Any, kind: ColumnKind) -> npt.NDArray[Any]:
    import pyarrow.compute as pc

    if kind == ColumnKind.NUMBER:
        return pc.cast(column, "float64").to_numpy(zero_copy_only=False).astype(np.float64)  # type: ignore[no-any-return]
    return np.array(column.to_pylist(), dtype=object)


def _posted(kind: ColumnKind, values: Any) -> list[Any]:
    if not isinstance(values, np.ndarray):
        return list(values)
    known = np.isfinite(values)
    if kind in {ColumnKind.DATE, ColumnKind.DATETIME}:
        stamps = np.where(known, values, 0).astype("int64").astype("datetime64[s]")
        unit: Literal["D", "s"] = "D" if kind == ColumnKind.DATE else "s"
        texts = np.datetime_as_string(stamps, unit=unit).tolist()
        return [text if ok else None for text, ok in zip(texts, known, strict=True)]
    cast = {ColumnKind.INTEGER: int, ColumnKind.BOOLEAN: bool}.get(kind, float)
    return [cast(value) if ok else None for value, ok in zip(values.tolist(), known, strict=True)]
