"""The series a service learns from, on regular steps, read from the canonical Parquet copy. Worker only."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.engine.regularity import asked_calendar, calendar_of, clocks_of, is_shown_twice
from apps.algorithms.predictors.calendar import Calendar, Doubles, Places, Unit
from apps.algorithms.roles import Roles, check_roles
from apps.algorithms.schema import Column, ColumnKind
from apps.algorithms.tables import are_instants, numbered, offset_of, read_column
from apps.core.errors import InvalidInput

MOST_SERIES = 5_000
MOST_STEPS = 1_000_000  # of a series
_LEAST_REGULAR, _OFF, _MOST_OFF = 10, 0.1, 0.1  # distances of rows, share of one that is still alike, share of others
_FEWEST_WHOLE = 2  # steps; of fewer none is left out
_FEWEST_KNOWN = 0.5  # of the steps of a series
_LEAST_LEARNED = 2  # known values of a series
_SHOWN = 5


@dataclass(frozen=True)
class OneSeries:
    """Values on consecutive steps, the first at place `first`; NaN where no row stood. `covariates` is (steps, columns).

    What lies before step `begins` is only there to be known: the part that this is starts with it.
    """

    name: str
    first: int
    values: Doubles
    covariates: Doubles
    begins: int = 0

    def until(self, steps: int) -> "OneSeries":
        """Return its first `steps` steps."""
        return replace(self, values=self.values[:steps], covariates=self.covariates[:steps])


@dataclass(frozen=True)
class SeriesSplit:
    """What comes first, and what comes last in each series; `test` holds what came before it too."""

    train: "TrainingSeries"
    test: "TrainingSeries"
    method: str
    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingSeries:
    """Series of one calendar; `columns` are those of the time, of the series (if there are several) and the covariates.

    `horizon` is how far ahead the whole is forecast of which this is a part.
    """

    calendar: Calendar
    series: tuple[OneSeries, ...]
    columns: tuple[Column, ...]
    roles: Roles
    target_kind: ColumnKind
    notes: tuple[str, ...] = ()
    horizon: int | None = None

    @property
    def rows(self) -> int:
        """How many values there are in this part."""
        return sum(int(np.isfinite(one.values[one.begins :]).sum()) for one in self.series)

    @property
    def longest(self) -> int:
        """The steps of the longest series."""
        return max(len(one.values) for one in self.series)

    @classmethod
    def from_parquet(
        cls, path: Path, *, columns: list[Column], roles: Roles, frequency: str, repeated: str, zone: str
    ) -> "TrainingSeries":
        """Read series from a canonical Parquet file.

        `frequency` is "found" or the step that times are brought down to; `repeated` is what becomes of several rows of one
        step: "refused", "sum" (a step without a row is then 0) or "mean".
        """
        import pyarrow.parquet as pq

        kinds = {column.name: column.kind for column in columns}
        check_roles(roles, kinds)
        names = list(dict.fromkeys([roles.time, roles.target, *filter(None, [roles.series]), *roles.covariates]))
        table = pq.read_table(path, columns=names, use_threads=False)
        rows = _Rows(
            times=np.asarray(read_column(table.column(roles.time), kinds[roles.time]), dtype=np.float64),
            values=np.asarray(read_column(table.column(roles.target), kinds[roles.target]), dtype=np.float64),
            names=np.array(table.column(roles.series).to_pylist() if roles.series else [""] * table.num_rows, dtype=object),
            covariates=np.column_stack([read_column(table.column(name), kinds[name]) for name in roles.covariates])
            if roles.covariates
            else np.zeros((table.num_rows, 0)),
        )
        wanted = [name for name in names if name != roles.target]
        field = table.schema.field(roles.time)
        found = _on_steps(
            rows,
            kind=kinds[roles.time],
            frequency=frequency,
            repeated=repeated,
            zone=clocks_of(offset_of(field), rows.times, zone),
            of_instants=are_instants(field),
        )
        return cls(
            calendar=found.calendar,
            series=found.series,
            columns=tuple(Column(name, kinds[name]) for name in wanted),
            roles=roles,
            target_kind=kinds[roles.target],
            notes=found.notes,
        )

    def split(self, *, test_share: float, horizon: int) -> SeriesSplit:
        """Keep the last part of each series apart: `test_share` of its steps, one horizon at least."""
        train, test = [], []
        for one in self.series:
            begins = begins_apart(one, test_share=test_share, horizon=horizon)
            train.append(one.until(begins))
            test.append(replace(one, begins=begins))
        reason = "the last part of each series is kept apart"
        return SeriesSplit(
            replace(self, series=tuple(train), horizon=horizon),
            replace(self, series=tuple(test), notes=(), horizon=horizon),
            "rolling origins",
            reason,
        )

    def at_least(self, steps: int, *, learned: Callable[[OneSeries], int]) -> "TrainingSeries":
        """Return the series of at least `steps` steps that can be learned from; say which others are left out.

        `learned` says how many steps of a series come before the first that is forecast: two values must be known among them.
        Where that leaves none, `InvalidInput` is raised.
        """
        fits = [
            len(one.values) >= steps and int(np.isfinite(one.values[: learned(one)]).sum()) >= _LEAST_LEARNED
            for one in self.series
        ]
        if all(fits):
            return self
        kept = tuple(one for one, fit in zip(self.series, fits, strict=True) if fit)
        if not kept:
            raise InvalidInput(
                f"No series has {steps} steps with two known values before those that it is calibrated and measured on. "
                "Upload more of it, or give a shorter horizon."
            )
        lost = [one.name for one, fit in zip(self.series, fits, strict=True) if not fit]
        text = f"{len(lost)} series of fewer than {steps} steps are left out: {_named(lost)}."
        return replace(self, series=kept, notes=(*self.notes, text))


def begins_apart(one: OneSeries, *, test_share: float, horizon: int) -> int:
    """Return how many steps of a series come before the part of it that is kept apart."""
    return len(one.values) - max(horizon, round(len(one.values) * test_share))


@dataclass(frozen=True)
class _Rows:
    times: Doubles
    values: Doubles
    names: npt.NDArray[Any]
    covariates: Doubles

    def take(self, index: npt.NDArray[Any]) -> "_Rows":
        return _Rows(self.times[index], self.values[index], self.names[index], self.covariates[index])


@dataclass(frozen=True)
class _Found:
    calendar: Calendar
    series: tuple[OneSeries, ...]
    notes: tuple[str, ...]


def _on_steps(rows: _Rows, *, kind: ColumnKind, frequency: str, repeated: str, zone: str, of_instants: bool) -> _Found:
    rows, blank, notes = _known_rows(rows)
    names, codes = numbered(rows.names)
    if len(names) > MOST_SERIES:
        raise InvalidInput(f"There are {len(names)} series; at most {MOST_SERIES} are learned at once. Split the data set.")
    order = np.lexsort((rows.times, codes))
    rows, codes = rows.take(order), codes[order]
    times = [np.unique(rows.times[part]) for part in _parts(codes)]
    with_zeros = repeated == "sum"
    if frequency == "found":
        calendar = _found_calendar(times, kind=kind, zone=zone, of_instants=of_instants)
        places = calendar.places(rows.times)
        _check_on_steps(rows.times, places, calendar, kind)
    elif kind == ColumnKind.INTEGER:
        raise InvalidInput("The times are step numbers, which have no days or months. Leave the frequency to be found.")
    else:
        calendar = asked_calendar(frequency, times, kind=kind, zone=zone if of_instants else "")
        places = calendar.floored(rows.times).astype(np.float64)
        kept = _of_whole_steps(rows.times, codes, places, calendar) if with_zeros else np.ones(len(codes), dtype=bool)
        notes += _said_of_ends(codes[~kept], places[~kept], calendar)
        rows, codes, places = rows.take(np.flatnonzero(kept)), codes[kept], places[kept]
    if calendar.zone or (of_instants and frequency != "found"):
        notes.append(f"Steps of one {calendar.name} are counted by the clocks of {calendar.clocks or 'UTC'}.")
    clocks = "UTC" if of_instants else zone  # of instants none is shown twice
    merged = _merged(rows, codes, places.astype(np.int64), calendar, names, repeated=repeated, zone=clocks)
    notes += merged.notes
    for name, (at, _, _) in zip(names, merged.parts, strict=True):
        _check_span(name, at, calendar, may_be_sparse=with_zeros)
    series = tuple(_filled(name, part, with_zeros=with_zeros) for name, part in zip(names, merged.parts, strict=True))
    notes += _said_of_zeros(series, blank, merged, calendar) if with_zeros else []
    if gaps := sum(int(np.isnan(one.values).sum()) for one in series):
        notes.append(f"{gaps} steps of one {calendar.name} have no value; they count as not known.")
    return _Found(calendar, series, tuple(notes))


def _known_rows(rows: _Rows) -> tuple[_Rows, _Rows, list[str]]:
    """Return the rows that can be learned from, those whose value alone is not known, and what is said of all left out."""
    placed = np.isfinite(rows.times) & np.array([name is not None for name in rows.names])
    known = placed & np.isfinite(rows.values)
    if not known.any():
        raise InvalidInput("No row has both a time and a value, so there is nothing to learn from. Choose other columns.")
    dropped = len(known) - int(known.sum())
    told = [f"{dropped} rows without a time, a value or the name of their series were left out."] if dropped else []
    return rows.take(np.flatnonzero(known)), rows.take(np.flatnonzero(placed & ~known)), told


def _parts(codes: Places) -> list[npt.NDArray[Any]]:
    """Return the rows of each series, which stand together."""
    return np.split(np.arange(len(codes)), np.flatnonzero(np.diff(codes)) + 1)


def _found_calendar(times: list[Doubles], *, kind: ColumnKind, zone: str, of_instants: bool) -> Calendar:
    calendar = calendar_of(times, kind=kind, zone=zone)
    return replace(calendar, zone="UTC") if of_instants and not calendar.zone and not calendar.is_date else calendar


def _of_whole_steps(times: Doubles, codes: Places, places: Doubles, calendar: Calendar) -> npt.NDArray[np.bool_]:
    """Return which rows lie in whole steps: of rows on regular times, the first and the last step may be cut off."""
    kept = np.ones(len(times), dtype=bool)
    for own in _parts(codes):
        apart = np.diff(np.unique(times[own]))
        every = float(np.median(apart)) if len(apart) else 0.0
        if len(apart) < _LEAST_REGULAR or (np.abs(apart - every) > _OFF * every).mean() > _MOST_OFF:
            continue
        before, after = calendar.floored(np.array([times[own[0]] - every, times[own[-1]] + every]))
        inside = (places[own] != before) & (places[own] != after)
        if len(np.unique(places[own][inside])) >= _FEWEST_WHOLE:
            kept[own] = inside
    return kept


def _said_of_ends(codes: Places, places: Doubles, calendar: Calendar) -> list[str]:
    if not len(codes):
        return []
    steps = len({*zip(codes.tolist(), places.tolist(), strict=True)})
    text = (
        f"Steps of one {calendar.name} at the ends of series that do not hold all of their rows, and are left out: {steps}."
    )
    return [text]


def _said_of_zeros(series: tuple[OneSeries, ...], blank: _Rows, merged: "_Merged", calendar: Calendar) -> list[str]:
    """Say how many steps count as 0; one with a row whose value is not known is made unknown: not measured is not nothing."""
    of = {one.name: (one, set(at.tolist())) for one, (at, _, _) in zip(series, merged.parts, strict=True)}
    for place, name in zip(calendar.floored(blank.times).tolist(), blank.names.tolist(), strict=True):
        if (found := of.get(str(name))) is not None:
            one, at = found
            if 0 <= place - one.first < len(one.values) and place not in at:
                one.values[place - one.first] = np.nan
    zeros = sum(int(np.isfinite(one.values).sum()) - len(at) for one, at in of.values())
    return [f"{zeros} steps of one {calendar.name} have no row; they count as 0."] if zeros else []


def _check_on_steps(times: Doubles, places: Doubles, calendar: Calendar, kind: ColumnKind) -> None:
    off = np.flatnonzero(np.isnan(places))
    if len(off):
        shown = ", ".join(_shown_time(times[i], kind) for i in off[:_SHOWN])
        raise InvalidInput(
            f"The times are not regular: {len(off)} of {len(times)} rows lie on no step of one {calendar.name} ({shown}). "
            "Mend them, or choose a frequency that rows are brought down to, and what becomes of several rows of one step."
        )


def _shown_time(time: float, kind: ColumnKind) -> str:
    if kind == ColumnKind.INTEGER:
        return str(int(time))
    return str(np.datetime_as_string(np.float64(time).astype("datetime64[s]"), unit="D" if kind == ColumnKind.DATE else "s"))


@dataclass(frozen=True)
class _Merged:
    parts: list[tuple[Places, Doubles, Doubles]]
    notes: list[str]


def _merged(
    rows: _Rows, codes: Places, places: Places, calendar: Calendar, names: list[str], *, repeated: str, zone: str
) -> _Merged:
    """Return places, values and covariates of each series, a step once."""
    same = np.flatnonzero((np.diff(codes) == 0) & (np.diff(places) == 0)) + 1
    twice = _shown_twice(rows.times[same], calendar, zone)
    notes, how = [], repeated
    if len(same) and repeated == "refused" and twice.all():
        how = "mean"
        notes.append(f"Hours that stand there twice, on nights when clocks are put back: {len(same)}. Their mean is taken.")
    elif len(same) and repeated == "refused":
        first = same[~twice][0]
        which = f"the series {names[codes[first]]!r}" if names[codes[first]] else "the series"
        shown = calendar.written(places[first : first + 1])[0]
        raise InvalidInput(
            f"{len(same)} rows repeat the time of another row, the first in {which} at {shown}. Name the column that tells series "
            "apart, or choose what becomes of repeated times: their sum, or their mean."
        )
    elif len(same):
        notes.append(f"{len(same)} rows were joined to others of the same step ({how}).")
    parts: list[tuple[Places, Doubles, Doubles]] = []
    for own in np.split(np.arange(len(codes)), np.flatnonzero(np.diff(codes)) + 1):
        at, inverse, counts = np.unique(places[own], return_inverse=True, return_counts=True)
        columns = np.column_stack([rows.values[own], rows.covariates[own]])
        sums: Doubles = np.column_stack([np.bincount(inverse, weights=column) for column in columns.T])
        means = sums / counts[:, None]
        parts.append((at, sums[:, 0] if how == "sum" else means[:, 0], means[:, 1:]))
    return _Merged(parts, notes)


def _shown_twice(times: Doubles, calendar: Calendar, zone: str) -> npt.NDArray[np.bool_]:
    if calendar.unit != Unit.SECOND or calendar.every > 3_600:
        return np.zeros(len(times), dtype=bool)
    return np.array([is_shown_twice(time, zone) for time in times.tolist()], dtype=bool)


def _filled(name: str, part: tuple[Places, Doubles, Doubles], *, with_zeros: bool) -> OneSeries:
    places, known, beside = part
    first, steps = int(places[0]), int(places[-1] - places[0]) + 1
    values = np.full(steps, 0.0 if with_zeros else np.nan)
    covariates = np.full((steps, beside.shape[1]), np.nan)
    values[places - first], covariates[places - first] = known, beside
    return OneSeries(
        name, first, values, np.column_stack([_between(column) for column in covariates.T]) if beside.size else covariates
    )


def _between(values: Doubles) -> Doubles:
    """Fill what is not known of a covariate between its neighbours; with 0 where nothing is known at all."""
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), known, values[known]) if len(known) else np.zeros(len(values))


def _check_span(name: str, places: Places, calendar: Calendar, *, may_be_sparse: bool) -> None:
    """Refuse a series whose rows lie too far apart, before room is made for the steps between them."""
    steps, which = int(places[-1] - places[0]) + 1, f"The series {name!r}" if name else "This series"
    first, last = calendar.written(places[[0, -1]])
    if steps > MOST_STEPS:
        raise InvalidInput(
            f"{which} goes from {first} to {last}: {steps} steps of one {calendar.name}, more than {MOST_STEPS}. Look for times "
            "that are mistaken, or choose a longer step as the frequency."
        )
    if len(places) < _FEWEST_KNOWN * steps and not may_be_sparse:
        raise InvalidInput(
            f"{which} goes from {first} to {last} and has a row for only {len(places) / steps:.0%} of its steps of one "
            f"{calendar.name}. Look for times that are mistaken, or choose a longer step as the frequency."
        )


def _named(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
