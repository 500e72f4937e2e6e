"""What the light forms of forecasts share: posted rows extend what is known, bounds are widened by held-out errors."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.predictors.arrays import load_arrays, save_arrays
from apps.algorithms.predictors.calendar import Calendar, Doubles, Places
from apps.algorithms.predictors.form import LightForm
from apps.algorithms.predictors.rows import columns_of_rows, name_of_series
from apps.algorithms.results import Answers, Explanation, Quantity
from apps.algorithms.schema import Column, ColumnKind, TableSchema
from apps.core.errors import InvalidInput, Problem

MOST_ANSWERS = 10_000
LARGEST = float(np.finfo(np.float64).max)
_OF_KNOWN = ("tails", "beside")
_SHOWN = 10
_LEAST_APART = 0.1
_MOST_PLACE = 2.0**53  # of whole numbers, all below are told apart


@dataclass(frozen=True)
class History:
    """What is known of one series: `values` on consecutive steps (NaN: not known), the last of them at place `last`.

    `covariates` is (steps + steps ahead, columns); `number` is its place among the series that were learned from, None for
    another. `scale` is the unit of its errors. `ignored` posted values lie before what the forecast goes by.
    """

    name: str
    number: int | None
    last: int
    values: Doubles
    covariates: Doubles
    scale: float
    ignored: int = 0


Ahead = Callable[[Sequence[History], int], Doubles]


@dataclass(frozen=True)
class Known:
    """The ends of the series that were learned from: `tails` (series, steps) and `beside` (series, steps, covariates).

    NaN stands where nothing is known; `last` is the place of each series' last step.
    """

    names: tuple[str, ...]
    last: tuple[int, ...]
    scales: tuple[float, ...]
    tails: Doubles
    beside: Doubles

    def history(self, number: int) -> History:
        """Return one of them."""
        return History(
            self.names[number], number, self.last[number], self.tails[number], self.beside[number], self.scales[number]
        )


@dataclass(frozen=True, kw_only=True)
class ForecastPredictor(LightForm):
    """Answers what comes after the last known step of each series."""

    takes_new_series: ClassVar[bool]

    calendar: Calendar
    known: Known
    horizon: int
    level: float
    factors: tuple[float, ...]  # by step ahead, of the distance from middle to bounds; empty: no bounds

    @property
    def size_bytes(self) -> int:
        """Bytes of its arrays."""
        return self._own_bytes + self.known.tails.nbytes + self.known.beside.nbytes

    @property
    def covariate_names(self) -> list[str]:
        """The columns that must be known ahead of time."""
        return [c.name for c in self.schema.columns if c.name not in {self.schema.time, self.schema.series}]

    @property
    @abstractmethod
    def furthest(self) -> int:
        """How many steps ahead it can look."""

    @abstractmethod
    def ahead(self, histories: Sequence[History], horizon: int) -> Doubles:
        """Return low, middle and high of the steps after each history (series, horizon, 3), before `widened`."""

    @abstractmethod
    def parts(self, history: History, horizon: int) -> tuple[float, dict[str, Doubles]]:
        """Return what the forecast of a series adds up from: a base, and parts by name (horizon,)."""

    def heeded(self, history: History) -> int:
        """Return the place of the last step whose value forecasts of this history hang on."""
        return history.last

    @property
    @abstractmethod
    def _own_bytes(self) -> int:
        """Bytes of the arrays that a subclass adds."""

    def predict(self, rows: list[dict[str, Any]]) -> Answers:
        """Forecast after the posted rows, as far as the version was measured."""
        return self.forecast(rows=rows)

    def forecast(
        self,
        *,
        horizon: int | None = None,
        rows: Sequence[Any] = (),
        series: Sequence[str] | None = None,
        by: Ahead | None = None,
    ) -> Answers:
        """Forecast `horizon` steps after the last known one of each series.

        Posted rows extend what is known: with a value of the target they are its newest steps, with null they are ahead and
        hold covariates. `series` chooses; else those of the posted rows are answered, or all. `by` computes instead of `ahead`.

        Raises
        ------
        InvalidInput : names `/horizon`, `/series` or `/data/<row>/<column>` for each fault.

        """
        steps, histories = self._asked(horizon, rows, series)
        made = self.ahead(histories, steps) if by is None else by(histories, steps)
        passed = [history.last - self.heeded(history) for history in histories]
        found = self.widened(made, np.array([history.scale for history in histories]), np.array(passed, dtype=np.int64))
        values, details, asked = [], [], []
        for history, own, answers in zip(histories, passed, found.tolist(), strict=True):
            warnings = self._warnings(steps, own, history.ignored)
            places = history.last + 1 + np.arange(steps)
            for time, (low, middle, high) in zip(self.calendar.written(places), answers, strict=True):
                of = {self.schema.series: history.name} if self.schema.series else {}
                detail: dict[str, Any] = {"timestamp": time, **({"series": history.name} if of else {})}
                if self.factors:
                    detail |= {"interval": [low, high], "level": self.level}
                if warnings:
                    detail["warnings"] = warnings
                values.append(middle)
                details.append(detail)
                asked.append({str(self.schema.time): time, **of})
        return Answers(values, details, asked)

    def explain(
        self, rows: Sequence[Any] = (), *, horizon: int | None = None, series: Sequence[str] | None = None
    ) -> list[Explanation]:
        """Say what each forecast adds up from, in the order of `forecast`."""
        steps, histories = self._asked(horizon, rows, series)
        explained = []
        for history in histories:
            base, parts = self.parts(history, steps)
            for step in range(steps):
                contributions = {name: float(part[step]) for name, part in parts.items()}
                explained.append(Explanation(base, contributions, Quantity.VALUE, self.schema.target, self.method))
        return explained

    def _asked(self, horizon: int | None, rows: Sequence[Any], series: Sequence[str] | None) -> tuple[int, list[History]]:
        steps = self.horizon if horizon is None else horizon
        if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= self.furthest:
            text = (
                f"Give as horizon a whole number of steps from 1 to {self.furthest}; one step is one {self.calendar.name}."
            )
            raise InvalidInput(text, [Problem("/horizon", "bad_horizon", text)])
        histories = self._extended(rows)
        chosen = self._chosen(histories, rows, series)
        if len(chosen) * steps > MOST_ANSWERS:
            text = (
                f"{len(chosen)} series by {steps} steps are {len(chosen) * steps} forecasts; at most {MOST_ANSWERS} are made at "
                "once. Name some of the series, or give a shorter horizon."
            )
            raise InvalidInput(text, [Problem("/series", "too_many", text)])
        return steps, [self._with_covariates(histories[name], steps) for name in chosen]

    def _chosen(self, histories: Mapping[str, History], rows: Sequence[Any], series: Sequence[str] | None) -> list[str]:
        if series is not None:
            unknown = [name for name in series if name not in histories]
            if unknown or not series:
                text = f"There is no series {unknown[0]!r}." if unknown else "Name at least one series, or leave it out."
                hint = f" There are: {', '.join(map(repr, self.known.names[:_SHOWN]))}." if self.schema.series else ""
                raise InvalidInput(text + hint, [Problem("/series", "unknown_series", text + hint)])
            return list(dict.fromkeys(series))
        if rows and self.schema.series:
            return list(dict.fromkeys(self._names_of(rows)))
        return list(self.known.names)

    def _extended(self, rows: Sequence[Any]) -> dict[str, History]:
        """Return what is known of each series once the posted rows are added."""
        histories = {name: self.known.history(number) for number, name in enumerate(self.known.names)}
        if not rows:
            return histories
        posted = self._posted(rows)
        for name in posted.names:
            histories[name] = self._joined(name, histories.get(name), posted)
        return histories

    def _names_of(self, rows: Sequence[Any]) -> list[Any]:
        """Return the series that each row names, None where it names none."""
        if not self.schema.series:
            return [""] * len(rows)
        kind = next(column.kind for column in self.schema.columns if column.name == self.schema.series)
        cells = [row[self.schema.series] for row in rows]
        return [None if cell is None else name_of_series(cell, kind) for cell in cells]

    def _posted(self, rows: Sequence[Any]) -> "_Posted":
        assert self.schema.target is not None
        target = Column(self.schema.target, ColumnKind.NUMBER)
        schema = TableSchema(columns=(*self.schema.columns, target))
        columns = columns_of_rows(schema, rows)
        times = np.asarray(columns[str(self.schema.time)], dtype=np.float64)
        names = self._names_of(rows)
        places = self.calendar.places(times)
        places[np.abs(places) > _MOST_PLACE] = np.nan
        problems = []
        for i, (place, name) in enumerate(zip(places.tolist(), names, strict=True)):
            if name is None:
                text = f"Row {i}: {self.schema.series!r} must name the series that the row is of."
                problems.append(Problem(f"/data/{i}/{self.schema.series}", "missing_series", text))
            elif np.isnan(place):
                text = f"Row {i}: {rows[i][self.schema.time]!r} lies on no step of one {self.calendar.name}.{self._in_zone}"
                problems.append(Problem(f"/data/{i}/{self.schema.time}", "off_step", text))
            elif name not in self.known.names and not self.takes_new_series:
                text = f"Row {i}: the series {name!r} was not learned from, and this algorithm knows no other."
                problems.append(Problem(f"/data/{i}/{self.schema.series}", "unknown_series", text))
        seen: dict[tuple[Any, float], int] = {}
        for i, key in enumerate(zip(names, places.tolist(), strict=True)):
            if not np.isnan(key[1]) and seen.setdefault(key, i) != i:
                text = f"Row {i}: its time is that of row {seen[key]}. Send each step of a series once."
                problems.append(Problem(f"/data/{i}/{self.schema.time}", "repeated_time", text))
        if problems:
            raise InvalidInput(problems[0].detail, problems[:50])
        beside = self.covariate_names
        covariates = np.column_stack([columns[name] for name in beside]) if beside else np.zeros((len(rows), 0))
        return _Posted(np.array(names, dtype=object), places.astype(np.int64), np.asarray(columns[target.name]), covariates)

    @property
    def _in_zone(self) -> str:
        if not self.calendar.zone:
            return ""
        first = self.calendar.written(np.array([0]))[0]
        return f" They are counted by the clocks of {self.calendar.clocks}: write them as {first}."

    def _joined(self, name: str, before: History | None, posted: "_Posted") -> History:
        """Return a history with the posted rows of its series laid over it."""
        own = np.flatnonzero(posted.of == name)
        places, values, covariates = posted.places[own], posted.values[own], posted.covariates[own]
        told = places[np.isfinite(values)]
        if before is None:
            if not len(told):
                text = f"The series {name!r} is new, and no row of it holds a value of {self.schema.target!r}."
                raise InvalidInput(text, [Problem("/data", "no_value", text)])
            before = History(name, None, int(told.min()) - 1, np.zeros(0), np.zeros((0, covariates.shape[1])), np.nan)
        steps = len(before.values)
        first = before.last - steps + 1
        last = max(before.last, int(told.max())) if len(told) else before.last
        self._check_gap(name, before, told, last)
        furthest = max(last, int(places.max()))
        if furthest > last + self.furthest:
            at = self.calendar.written(np.array([furthest]))[0]
            text = f"The row of {at} lies more than {self.furthest} steps after the last value known. Leave it out."
            raise InvalidInput(text, [Problem("/data", "too_far", text)])
        joined = np.full(last - first + 1, np.nan)
        joined[:steps] = before.values
        inside = np.isfinite(values) & (places >= first)
        joined[places[inside] - first] = values[inside]
        beside = np.full((furthest - first + 1, covariates.shape[1]), np.nan)
        beside[: len(before.covariates)] = before.covariates[: len(beside)]
        beside[places[places >= first] - first] = covariates[places >= first]
        scale = before.scale if np.isfinite(before.scale) else _steps_scale(joined)
        heeded_from = first if self.takes_new_series else before.last + 1  # one that learns once goes by what comes after
        ignored = int((told < heeded_from).sum()) if before.number is not None else 0
        return replace(before, last=last, values=joined, covariates=beside, scale=scale, ignored=ignored)

    def _check_gap(self, name: str, before: History, told: Any, last: int) -> None:
        """Refuse rows that leave a hole so long that what is known would be forgotten."""
        missing = last - before.last - len(np.unique(told[told > before.last]))
        if missing > max(self.horizon, len(told) if before.number is None else 0):
            start, end = self.calendar.written(np.array([before.last + 1, last]))
            which = f"the series {name!r}" if name else "the series"
            text = (
                f"Between {start} and {end}, {missing} rows of {which} are missing; at most {self.horizon} may be. Post them too, "
                "or train again on newer data."
            )
            raise InvalidInput(text, [Problem("/data", "rows_missing", text)])

    def _with_covariates(self, history: History, steps: int) -> History:
        """Return a history whose covariates reach to the last step asked for."""
        wanted = len(history.values) + steps
        names = self.covariate_names
        if not names:
            return replace(history, covariates=np.zeros((wanted, 0)))
        covariates = np.full((wanted, len(names)), np.nan)
        covariates[: len(history.covariates)] = history.covariates[:wanted]
        missing = np.flatnonzero(np.isnan(covariates[len(history.values) :]).any(axis=1))
        if len(missing):
            first = self.calendar.written(np.array([history.last + 1 + int(missing[0])]))[0]
            text = (
                f"The forecast needs {', '.join(map(repr, names))} for the {steps} steps ahead; {len(missing)} of them are not "
                f"there, the first at {first}. Post a row for each, with null as {self.schema.target!r}."
            )
            raise InvalidInput(text, [Problem("/data", "rows_missing", text)])
        return replace(history, covariates=covariates)

    def widened(self, found: Doubles, scales: Doubles, passed: Places | int = 0) -> Doubles:
        """Return forecasts (…, series, horizon, 3) with bounds as far away as held-out errors showed.

        `passed` (series,) are the steps between the last one heeded and the forecast.
        """
        if not self.factors:
            return found
        steps = np.arange(found.shape[-2]) + np.reshape(passed, (-1, 1))
        factors = np.asarray(self.factors)[np.minimum(steps, len(self.factors) - 1)]
        beyond = np.maximum(steps + 1, len(self.factors)) / len(self.factors)
        apart, middle = bounds_apart(found, scales), found[..., 1:2]
        with np.errstate(over="ignore"):  # of values near the largest numbers there are
            wide = middle + (apart - middle) * (factors * np.sqrt(beyond))[..., None]
        bounded: Doubles = np.clip(wide, -LARGEST, LARGEST)
        return bounded

    def _warnings(self, steps: int, passed: int, ignored: int) -> list[str]:
        told = []
        if ignored:
            told.append(f"Posted rows that lie before what the forecast goes by, and change nothing: {ignored}.")
        if passed:
            told.append(
                f"The values of the last {passed} steps say where the forecast begins, and are not learned from; its bounds are "
                "as wide as so many steps later. Train again on newer data."
            )
        if steps + passed > self.horizon:
            told.append(f"It was measured {self.horizon} steps ahead; what lies further is a guess.")
        return told

    def _facts(self) -> dict[str, Any]:
        known = self.known
        return {
            "calendar": self.calendar.as_json(),
            "known": {"names": known.names, "last": known.last, "scales": known.scales},
            "horizon": self.horizon,
            "level": self.level,
            "factors": self.factors,
        }

    def save(self, folder: Path) -> None:
        """Write `predictor.json` and the arrays beside it, the ends of the series among them."""
        save_arrays(self.known, _OF_KNOWN, folder)
        super().save(folder)

    @classmethod
    def _fields(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        known = facts["known"]
        return {
            "calendar": Calendar.from_json(facts["calendar"]),
            "known": Known(
                names=tuple(known["names"]),
                last=tuple(known["last"]),
                scales=tuple(known["scales"]),
                **load_arrays(_OF_KNOWN, folder),
            ),
            "horizon": facts["horizon"],
            "level": facts["level"],
            "factors": tuple(facts["factors"]),
        }


def bounds_apart(forecasts: Doubles, scales: Doubles) -> Doubles:
    """Return forecasts (…, series, horizon, 3) whose bounds lie at least a little of each series' scale from the middle."""
    least = _LEAST_APART * np.broadcast_to(scales[:, None], forecasts.shape[:-1])
    low, middle, high = np.moveaxis(forecasts, -1, 0)
    return np.stack([np.minimum(low, middle - least), middle, np.maximum(high, middle + least)], axis=-1)


@dataclass(frozen=True)
class _Posted:
    of: Any
    places: Any
    values: Doubles
    covariates: Doubles

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(self.of.tolist()))


def _steps_scale(values: Doubles) -> float:
    steps = np.abs(np.diff(values[np.isfinite(values)]))
    return float(steps.mean()) if len(steps) and steps.mean() > 0 else 1.0
