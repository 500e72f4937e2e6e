"""Resamples of rows or groups, as counts, and the interval that they give a number.

Percentile bootstrap (Efron 1979), its bias taken off. Of many rows some stand for all: each resample then counts as many
rows as there are, dealt over these few, so that it varies as a resample of all would (the bag of little bootstraps, with one
bag: Kleiner et al. 2014). What is measured takes weights (resamples x rows) and returns a number a resample.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Measure = Callable[[Doubles], Doubles]

LEVEL = 0.95
RESAMPLES = 400
MOST_ROWS = 5_000  # that stand for all
MOST_GROUPS = 2_000
LEAST_ROWS, LEAST_GROUPS = 10, 5
_LEAST_OF_A_STRATUM = 500  # rows of each class that stand for it, where there are as many
_HELD = 500_000  # counts in memory at once
_LEAST_KNOWN = 0.9  # of the resamples


@dataclass(frozen=True)
class Stratum:
    """Units that are drawn among themselves: `members` stand for `total` of them."""

    members: Index
    total: int


@dataclass(frozen=True)
class Resampling:
    """How resamples are drawn: `rows` (ascending) stand for all `of`; `units` says what each of them is drawn with.

    `groups` is how many groups there are in all, 0 where rows are drawn one by one.
    """

    rows: Index
    units: Index
    strata: tuple[Stratum, ...]
    of: int
    groups: int
    seed: int

    def weights(self, resamples: int = RESAMPLES) -> Iterator[Doubles]:
        """Yield how often each of `rows` is in a resample (some resamples x rows); the same at every call."""
        chance = np.random.default_rng(self.seed)
        width = sum(len(stratum.members) for stratum in self.strata)
        step = max(1, _HELD // max(len(self.rows), width))
        for start in range(0, resamples, step):
            counts = np.empty((min(step, resamples - start), width))
            for stratum in self.strata:
                counts[:, stratum.members] = _dealt(chance, len(counts), len(stratum.members), stratum.total)
            yield counts[:, self.units] if self.groups else counts

    def measured(self, measures: Mapping[str, Measure], resamples: int = RESAMPLES) -> dict[str, Doubles]:
        """Return what each measure says of each resample (resamples,), all of the same ones; NaN where it says nothing."""
        told: dict[str, list[Doubles]] = {name: [] for name in measures}
        for weights in self.weights(resamples):
            for name, measure in measures.items():
                told[name].append(measure(weights))
        return {name: np.concatenate(parts) for name, parts in told.items()}

    def as_json(self) -> dict[str, object]:
        """Say how it is done."""
        some = len(self.rows) < self.of
        return {
            "level": LEVEL,
            "method": "bag of little bootstraps" if some else "bootstrap",
            "unit": "groups" if self.groups else "rows",
            "stratified": len(self.strata) > 1,
            "resamples": RESAMPLES,
            "rows": self.of,
            "drawn_from": len(self.rows),
            **({"groups": self.groups} if self.groups else {}),
        }


def resampling(
    rows: int,
    *,
    seed: int,
    strata: Index | None = None,
    groups: npt.NDArray[np.generic] | None = None,
    most_rows: int = MOST_ROWS,
) -> Resampling | None:
    """Plan resamples of `rows` rows: of whole groups where there are any, else of rows, each stratum in its number.

    None where there are too few rows or groups to say anything.
    """
    if rows < LEAST_ROWS:
        return None
    chance = np.random.default_rng(seed)
    if groups is not None:
        return _of_groups(np.unique(groups, return_inverse=True)[1].astype(np.int64), chance, seed, most_rows)
    codes = np.zeros(rows, dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(codes)
    floor = min(_LEAST_OF_A_STRATUM, most_rows // (2 * len(sizes)))
    wanted = sizes if rows <= most_rows else np.minimum(sizes, np.maximum(floor, sizes * most_rows // rows))
    kept = np.sort(np.concatenate([_some(np.flatnonzero(codes == code), n, chance) for code, n in enumerate(wanted)]))
    members = [np.flatnonzero(codes[kept] == code) for code in range(len(sizes))]
    planned = tuple(Stratum(own, int(total)) for own, total in zip(members, sizes, strict=True) if len(own))
    return Resampling(kept, np.arange(len(kept)), planned, rows, 0, seed)


def time_blocks(times: Doubles) -> Index | None:
    """Return which block of time each row is in, so that rows of neighbouring times are drawn together (Carlstein 1986).

    Of n rows a block has about the cube root of n, and all of each time that it begins; None where that makes too few blocks.
    """
    _, moments, rows = np.unique(np.nan_to_num(times, nan=-np.inf), return_inverse=True, return_counts=True)
    begins = np.cumsum(rows) - rows
    blocks, codes = np.unique(begins // max(1, round(len(times) ** (1 / 3))), return_inverse=True)
    found: Index = codes[moments].astype(np.int64)
    return found if len(blocks) >= LEAST_GROUPS else None


def _of_groups(codes: Index, chance: np.random.Generator, seed: int, most_rows: int) -> Resampling | None:
    count = int(codes.max()) + 1
    if count < LEAST_GROUPS:
        return None
    drawn = (
        np.isin(codes, chance.permutation(count)[:MOST_GROUPS]) if count > MOST_GROUPS else np.ones(len(codes), dtype=bool)
    )
    kept = np.sort(_some(np.flatnonzero(drawn), most_rows, chance))
    names, units = np.unique(codes[kept], return_inverse=True)
    total = round(count * len(names) / min(count, MOST_GROUPS))  # of a group, no row may be among those that stand for all
    return Resampling(kept, units, (Stratum(np.arange(len(names)), total),), len(codes), count, seed)


def _some(rows: Index, most: int, chance: np.random.Generator) -> Index:
    return rows if len(rows) <= most else chance.permutation(rows)[:most]


def _dealt(chance: np.random.Generator, resamples: int, units: int, total: int) -> Doubles:
    """Deal `total` draws over units, each as likely (resamples x units)."""
    if total != units:
        return chance.multinomial(total, np.full(units, 1.0 / units), size=resamples).astype(np.float64)
    drawn = chance.integers(0, units, (resamples, units)) + units * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units).astype(np.float64)


def interval_of(
    found: float,
    resampled: Doubles,
    *,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    backed_by: int = 0,
) -> tuple[float, float] | None:
    """Return the 95 % interval of a number from its resamples, within `bounds`; None where too many of them are no number.

    A share of 0 or 1 is so in every resample; where `backed_by` rows are behind it, the exact bound of so many takes over.
    """
    known = resampled[np.isfinite(resampled)]
    if not np.isfinite(found) or not len(known) or len(known) < _LEAST_KNOWN * len(resampled):
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail], method="weibull") + (found - known.mean())
    if backed_by and np.ptp(known) == 0 and found in bounds:
        reach = (bounds[1] - bounds[0]) * (1.0 - tail ** (1.0 / backed_by))
        low, high = (found, found + reach) if found == bounds[0] else (found - reach, found)
    return float(max(bounds[0], min(low, found))), float(min(bounds[1], max(high, found)))
