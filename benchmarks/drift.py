"""Does the drift watch keep its false-alarm budget, how soon does it find what moved, and what does it cost?"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.linear_model import LogisticRegression

from apps.algorithms.engine.reference import reference_of
from apps.algorithms.reference import ColumnReference, Doubles, cell_of
from apps.algorithms.schema import Column, ColumnKind
from apps.monitoring.detectors.counts import ColumnCounts, counted
from apps.monitoring.detectors.verdict import Verdict, judge
from apps.monitoring.engine.stream import EVERY, Change, Watch, changes_in
from benchmarks.platform import SHARED_DATA

COLUMNS, WINDOWS, REPETITIONS = 100, 90, 200
SIZES, REFERENCE_ROWS = (100, 500, 2_000), 5_000
SHIFTS = (0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
DRIFT = SHARED_DATA / "drift"


@dataclass(frozen=True)
class Source:
    """Where a stationary column comes from: `draw` some values, or the chance of one `below` a number; levels have `shares`."""

    kind: ColumnKind
    draw: Callable[[np.random.Generator, int], Any]
    below: Callable[[Doubles], Doubles] | None = None
    shares: dict[str, float] | None = None
    missing: float = 0.0

    def values(self, chance: np.random.Generator, rows: int) -> Any:
        """Draw rows, some of them without a value."""
        drawn, lost = self.draw(chance, rows), chance.random(rows) < self.missing
        if isinstance(drawn, np.ndarray) and drawn.dtype == np.float64:
            return np.where(lost, np.nan, drawn)
        return [None if gone else str(value) for value, gone in zip(drawn, lost, strict=True)]

    def windows(self, chance: np.random.Generator, of: ColumnReference, rows: int, count: int) -> list[ColumnCounts]:
        """Draw the counts of windows, each as if its rows were drawn and counted one by one."""
        missing = chance.binomial(rows, self.missing, count)
        if self.below is None:
            return self._of_levels(chance, of, rows, missing)
        assert of.least is not None and of.largest is not None  # noqa: PT018
        marks = np.concatenate([[of.least], of.bounds, [np.nextafter(of.largest, np.inf)]])
        shares = np.diff(np.concatenate([[0.0], self.below(marks), [1.0]])).clip(0.0)
        drawn = chance.multinomial(rows - missing, shares / shares.sum())
        bins = drawn[:, 1:-1].copy()
        bins[:, 0] += drawn[:, 0]
        bins[:, -1] += drawn[:, -1]
        none = ColumnCounts.none_of(of)
        return [
            replace(none, rows=rows, missing=int(lost), bins=own, below=int(line[0]), above=int(line[-1]))
            for lost, own, line in zip(missing, bins, drawn, strict=True)
        ]

    def _of_levels(
        self, chance: np.random.Generator, of: ColumnReference, rows: int, missing: npt.NDArray[np.int64]
    ) -> list[ColumnCounts]:
        assert self.shares is not None
        names = list(self.shares)
        drawn = chance.multinomial(rows - missing, list(self.shares.values()))
        listed = [names.index(level) for level in of.levels]
        none = ColumnCounts.none_of(of)
        cells = np.zeros((len(drawn), len(none.cells)), dtype=np.int64)
        if len(none.cells):
            np.add.at(cells.T, [cell_of(name) for name in names], drawn.T)
        return [
            replace(
                none, rows=rows, missing=int(lost), bins=line[listed], new=int(line.sum() - line[listed].sum()), cells=own
            )
            for lost, line, own in zip(missing, drawn, cells, strict=True)
        ]


def _number(of: Any, **more: Any) -> Source:
    return Source(ColumnKind.NUMBER, lambda chance, rows: of.rvs(size=rows, random_state=chance), of.cdf, **more)


def _whole(of: Any) -> Source:
    def draw(chance: np.random.Generator, rows: int) -> Doubles:
        return np.asarray(of.rvs(size=rows, random_state=chance), dtype=np.float64)

    return Source(ColumnKind.INTEGER, draw, lambda marks: of.cdf(np.ceil(marks) - 1))


def _often_zero(share: float) -> Source:
    def draw(chance: np.random.Generator, rows: int) -> Doubles:
        return np.where(chance.random(rows) < share, 0.0, chance.exponential(size=rows))

    return Source(ColumnKind.NUMBER, draw, lambda marks: (marks > 0) * (share + (1 - share) * stats.expon.cdf(marks)))


def _levels(count: int, power: float, **more: Any) -> Source:
    weights = 1 / np.arange(1, count + 1) ** power
    shares = dict(zip([f"level {i}" for i in range(count)], (weights / weights.sum()).tolist(), strict=True))
    names, chances = np.array(list(shares)), np.array(list(shares.values()))
    return Source(ColumnKind.CATEGORY, lambda chance, rows: chance.choice(names, rows, p=chances), None, shares, **more)


def sources() -> list[Source]:
    """Return ten kinds of columns, ten of each."""
    kinds = [
        _number(stats.norm(3, 2)),
        _number(stats.lognorm(1.5), missing=0.02),
        _number(stats.t(2), missing=0.3),
        _often_zero(0.6),
        _whole(stats.poisson(4)),
        _whole(stats.binom(1, 0.1)),
        _levels(4, 0.5, missing=0.005),
        _levels(40, 1.0),
        _levels(190, 1.3),
        _levels(3_000, 0.8),
    ]
    return [kinds[at % len(kinds)] for at in range(COLUMNS)]


def false_alarms(seed: int, *, rows: int) -> tuple[int, int, int]:
    """Watch one stationary model for a quarter; return its false alarms, its checks with a drifting column, and the checks made.

    An alarm needs two windows in a row, so every second window is judged, and its neighbours where it shows anything.
    """
    chance = np.random.default_rng([seed, rows])
    columns = tuple(Column(f"c{at}", source.kind) for at, source in enumerate(sources()))
    values = {column.name: source.values(chance, REFERENCE_ROWS) for column, source in zip(columns, sources(), strict=True)}
    reference = reference_of(columns, values, REFERENCE_ROWS)
    drawn = [
        source.windows(chance, column, rows, WINDOWS) for source, column in zip(sources(), reference.columns, strict=True)
    ]

    def judged(window: int, previous: Verdict | None) -> Verdict:
        return judge([own[window] for own in drawn], window=str(window), previous=previous)

    seen, alarms, checks = 0, set(), 0
    for window in range(1, WINDOWS, 2):
        verdict, checks = judged(window, None), checks + 1
        if not any(one.has_drifted for one in verdict.columns):
            continue
        seen += 1
        if judged(window, judged(window - 1, None)).new_alarms:
            alarms.add(window)
        if window + 1 < WINDOWS and judged(window + 1, verdict).new_alarms:
            alarms.add(window + 1)
    return len(alarms), seen, checks


def of_the_budget(repetitions: int, jobs: int) -> Iterator[str]:
    """Tell the false alarms of stationary models."""
    yield f"False alarms of {COLUMNS} stationary columns, {WINDOWS} daily windows, {repetitions} quarters:\n"
    yield "| rows a window | false alarms a quarter (95 % interval) | checks with a column that seems to drift once |"
    yield "|---|---|---|"
    for rows in SIZES:
        with ProcessPoolExecutor(jobs) as pool:
            told = np.array(list(pool.map(partial(false_alarms, rows=rows), range(repetitions))))
        alarms, seen, checks = told.sum(axis=0).tolist()
        low, high = (stats.chi2.ppf([0.025, 0.975], [2 * alarms, 2 * alarms + 2]) / 2 / repetitions).tolist()
        yield f"| {rows:,} | {alarms / repetitions:.3f} ({low if alarms else 0:.3f} to {high:.3f}) | {seen} of {checks:,} |"


def watched(frame: pd.DataFrame, *, learned: int, rows: int) -> list[Verdict]:
    """Learn from the first rows of a table of numbers, and judge the others in windows."""
    columns = tuple(Column(str(name), ColumnKind.NUMBER) for name in frame.columns)
    values = {column.name: frame[column.name].to_numpy(np.float64) for column in columns}
    reference = reference_of(columns, {name: own[:learned] for name, own in values.items()}, learned)
    told: list[Verdict] = []
    for start in range(learned, len(frame) - rows + 1, rows):
        counts = counted(reference.columns, {name: own[start : start + rows] for name, own in values.items()})
        told.append(judge(counts, window=f"row {start:,}", previous=told[-1] if told else None))
    return told


def of_the_power(repetitions: int = 40) -> Iterator[str]:
    """Tell in how many windows a mean that moved is found: one column of 100 moves by so many standard deviations."""
    yield "\nFound within two windows, one normal column of 100 moved (share of repetitions; 5,000 rows of reference):\n"
    yield f"| rows a window | {' | '.join(f'{shift} sd' for shift in SHIFTS)} |"
    yield f"|---|{'---|' * len(SHIFTS)}"
    source, other = _number(stats.norm()), sources()
    columns = tuple(Column(f"c{at}", one.kind) for at, one in enumerate(other))
    chance = np.random.default_rng(7)
    values = {column.name: one.values(chance, REFERENCE_ROWS) for column, one in zip(columns, other, strict=True)}
    still = reference_of(columns, values, REFERENCE_ROWS).columns[1:]
    for rows in SIZES:
        quiet = [one.windows(chance, of, rows, 2) for one, of in zip(other[1:], still, strict=True)]
        shares = []
        for shift in SHIFTS:
            found = 0
            for _ in range(repetitions):
                own = {"c0": source.values(chance, REFERENCE_ROWS)}
                of = reference_of((Column("c0", ColumnKind.NUMBER),), own, REFERENCE_ROWS).columns[0]
                previous = None
                for window in range(2):
                    moved = ColumnCounts.none_of(of).add(source.values(chance, rows) + shift)
                    counts = [moved, *(one[window] for one in quiet)]
                    previous = judge(counts, window=str(window), previous=previous)
                found += bool(previous and any(one.column == "c0" for one in previous.new_alarms))
            shares.append(f"{found / repetitions:.2f}")
        yield f"| {rows:,} | {' | '.join(shares)} |"


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(DRIFT / name)


def of_the_tables() -> Iterator[str]:
    """Tell what is found in the inputs of the real tables."""
    yield "\n| table, learned from, window | windows | first drifts in | alarms in | columns of the first alarm | windows in alarm |"
    yield "|---|---|---|---|---|---|"
    wine, control, sea, power = map(
        _read, ("wine_white_then_red.csv.gz", "wine_no_drift.csv.gz", "sea_abrupt.csv.gz", "elec2.csv.gz")
    )
    for name, frame, learned, rows in (
        ("wine, red from row 2,000", wine.drop(columns="quality"), 1_000, 100),
        ("wine, red from row 2,000", wine.drop(columns="quality"), 1_000, 200),
        ("wine, red from row 2,000", wine.drop(columns="quality"), 1_000, 500),
        ("wine, white only", control.drop(columns="quality"), 600, 100),
        ("wine, white only", control.drop(columns="quality"), 600, 200),
        ("SEA, inputs never move", sea.drop(columns="label"), 5_000, 500),
        ("elec2, inputs", power.drop(columns=["class"]), 48 * 90, 48 * 7),
    ):
        told = watched(frame, learned=learned, rows=rows)
        alarms = [one for one in told if one.new_alarms]
        drifts = next((one.window for one in told if any(column.has_drifted for column in one.columns)), "none")
        lasting = sum(any(column.state == "alarm" for column in one.columns) for one in told)
        first = alarms[0] if alarms else None
        named = ", ".join(one.column for one in first.new_alarms) if first else ""
        asked = f"{name}, {learned:,}, {rows}"
        yield f"| {asked} | {len(told)} | {drifts} | {first.window if first else 'none'} | {named} | {lasting} |"


def errors_of_sea(frame: pd.DataFrame, *, learned: int = 1_000) -> list[Change]:
    """Watch a model's errors; after each change it learns anew from the first rows that come after."""
    inputs, labels = frame[["x1", "x2", "x3"]].to_numpy(), frame["label"].to_numpy()
    found, start = [], 0
    while start + learned < len(frame):
        model = LogisticRegression().fit(inputs[start : start + learned], labels[start : start + learned])
        begun = start + learned
        wrong = (model.predict(inputs[begun:]) != labels[begun:]).astype(np.float64)
        watch = Watch(are_errors=True)
        change = next((one for value in wrong if (one := watch.add(value))), None)
        if change is None:
            return found
        found.append(replace(change, at=change.at + begun, found_at=change.found_at + begun))
        start = found[-1].found_at
    return found


def of_the_streams() -> Iterator[str]:
    """Tell the changes of SEA and of the annotated series."""
    sea = _read("sea_abrupt.csv.gz")
    yield "\nSEA, changes at 5,000, 10,000 and 15,000: a model's errors, which learns anew after each; then each input.\n"
    yield from (f"- {one.sentence}" for one in errors_of_sea(sea))
    yield from (f"- {name}: {len(changes_in(sea[name]))} changes" for name in ("x1", "x2", "x3"))
    chance = np.random.default_rng(3)
    kinds: dict[str, Callable[[], Doubles]] = {
        "errors, 10 %": lambda: (chance.random(EVERY) < 0.1).astype(float),
        "normal": lambda: chance.normal(size=EVERY),
        "Cauchy": lambda: chance.standard_cauchy(EVERY),
        "counts": lambda: chance.poisson(2, EVERY).astype(float),
    }
    runs = 10
    told = [
        f"{name} {sum(len(changes_in(draw(), are_errors='errors' in name)) for _ in range(runs)) / runs:.1f}"
        for name, draw in kinds.items()
    ]
    yield f"\nFalse alarms in {EVERY:,} observations where nothing changes (1 is asked for), {runs} runs: {', '.join(told)}.\n"
    yield "| series | found | precision | recall | F1 | cover | F1 and cover of finding nothing | | mean delay |"
    yield "|---|---|---|---|---|---|---|---|---|"
    rows = [_against_people(path) for path in sorted((DRIFT / "changepoint").glob("*.csv"))]
    yield from (f"| {name} | {' | '.join(f'{one:.2f}' for one in told)} |" for name, told in rows)
    means = np.nanmean([told for _, told in rows], axis=0)
    yield f"| mean | {' | '.join(f'{one:.2f}' for one in means)} |"


def _against_people(path: Path) -> tuple[str, tuple[float, ...]]:
    """Score a series as van den Burg and Williams (2020) do: within 5 places, the start counted as a change."""
    frame = pd.read_csv(path)
    values = frame["y" if "y" in frame else "y0"].ffill().bfill().to_numpy(np.float64)
    people = json.loads((path.parent / "annotations.json").read_text())[path.stem]["annotations"].values()
    changes = changes_in(values)
    found = {0, *(one.at for one in changes)}
    marks = [{0, *own} for own in people]
    every = set().union(*marks)
    precision = _matched(every, found) / len(found)
    recall = float(np.mean([_matched(own, found) / len(own) for own in marks]))
    covers = (float(np.mean([_cover(own, cuts, len(values)) for own in marks])) for cuts in (found, {0}))
    delays = [one.found_at - one.at for one in changes]
    harmonic = 2 * precision * recall / (precision + recall)
    alone = float(np.mean([1 / len(own) for own in marks]))
    cover, cover_alone = covers
    told = (harmonic, cover, 2 * alone / (1 + alone), cover_alone)
    return path.stem, (len(changes), precision, recall, *told, float(np.mean(delays)) if delays else np.nan)


def _matched(true: set[int], found: set[int], margin: int = 5) -> int:
    left, matched = sorted(found), 0
    for mark in sorted(true):
        near = min((one for one in left if abs(one - mark) <= margin), key=lambda one: abs(one - mark), default=None)
        if near is not None:
            left.remove(near)
            matched += 1
    return matched


def _cover(true: set[int], found: set[int], length: int) -> float:
    parts, guesses = (
        [set(range(low, high)) for low, high in zip(cuts, [*cuts[1:], length], strict=True)]
        for cuts in (sorted(true), sorted(found))
    )
    return sum(len(part) * max(len(part & guess) / len(part | guess) for guess in guesses) for part in parts) / length


def of_the_cost(rows: int = 1_000_000, columns: int = 50, chunk: int = 50_000) -> Iterator[str]:
    """Tell seconds and memory of a check of a large window that comes in chunks; beside Evidently where it is installed."""
    chance = np.random.default_rng(0)
    kinds = [ColumnKind.NUMBER] * (columns - 10) + [ColumnKind.CATEGORY] * 10
    names = np.array([f"level {at}" for at in range(60)])
    told = tuple(Column(f"c{at}", kind) for at, kind in enumerate(kinds))

    def drawn(count: int) -> dict[str, Any]:
        return {
            one.name: chance.normal(size=count) if one.kind == ColumnKind.NUMBER else chance.choice(names, count).tolist()
            for one in told
        }

    reference = reference_of(told, drawn(50_000), 50_000)
    counts = [ColumnCounts.none_of(one) for one in reference.columns]
    spent = 0.0
    for _ in range(rows // chunk):
        values = drawn(chunk)
        began = time.process_time()
        counts = [one.add(values[one.reference.name]) for one in counts]
        spent += time.process_time() - began
    began = time.process_time()
    judge(counts, window="all")
    spent += time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield f"\n{rows:,} rows x {columns} columns in chunks of {chunk:,}: {spent:.1f} s of one core, peak {peak:.0f} MB (whole process)."
    if find_spec("evidently") is None:
        yield "Beside Evidently: it is not installed."
        return
    before = pd.DataFrame(drawn(chunk))
    took = _of_evidently(before, pd.DataFrame(drawn(rows)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield f"Evidently, as many rows beside {chunk:,}: {took:.1f} s, {took / spent:.1f} times as long; peak {peak:,.0f} MB (whole process)."


def _of_evidently(reference: pd.DataFrame, current: pd.DataFrame) -> float:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    began = time.process_time()
    Report([DataDriftPreset()]).run(current, reference)
    return time.process_time() - began


def main() -> None:
    """Print the tables and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/drift.md"))
    options = parser.parse_args()
    parts: list[Iterator[str]] = [of_the_cost(), of_the_power()]
    if DRIFT.exists():
        parts += [of_the_tables(), of_the_streams()]
    else:
        parts.append(iter([f"\nTables and streams that drift are expected in {DRIFT}; this part is left out."]))
    parts.append(of_the_budget(options.repetitions, options.jobs))
    lines = []
    for part in parts:
        for line in part:
            lines.append(line)
            print(line, flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
