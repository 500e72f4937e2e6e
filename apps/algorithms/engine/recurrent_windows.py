"""Which windows of which series a recurrent network learns from, and which are held back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.calendar import Places
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.recurrent_network import known_rows
from apps.algorithms.predictors.windows import Cut, Singles, Windows, last_rows, prepare, usual_step

_HELD = 200  # windows at least, where the series have them
_PERIODS = 3  # of one horizon, over which they are spread where the series are long enough
_MOST_HELD = 4_096
_HELD_SHARE = 0.25  # of a series at most
_LARGEST = 3.0  # weight of a window whose own steps are larger than its series' usual ones
_AT_ONCE = 1_024  # windows described in one pass

Ends = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Windows with what followed: `targets` (N, H) in scales from the base.

    `weights` (N, H) turn an error in scales into one in usual steps of its series; 0 where nothing was seen.
    """

    windows: Windows
    targets: Singles
    weights: Singles

    def fed(self) -> tuple[Singles, ...]:
        """Return what the network takes, with targets and weights last."""
        return self.windows.steps, self.windows.ahead, self.windows.about, self.targets, self.weights

    def telling(self) -> "Examples":
        """Return those that say something."""
        some = self.weights.any(axis=1)
        return Examples(Windows(*(part[some] for part in self.windows.arrays())), self.targets[some], self.weights[some])

    def base_error(self) -> float:
        """Return the mean distance from base to truth, in usual steps."""
        return float((np.abs(self.targets) * self.weights).sum() / max(1, np.count_nonzero(self.weights)))


@dataclass(frozen=True)
class SeriesSet:
    """Series with the covariates known for their rows and the horizon's, (rows + H, k) each."""

    values: Sequence[Doubles]
    covariates: Sequence[Doubles] | None
    season: int

    @property
    def width(self) -> int:
        """How many covariates there are."""
        return self.covariates[0].shape[1] if self.covariates else 0

    def ends(self, cut: Cut) -> tuple[Ends, list[Ends], Ends]:
        """Return (series, end) of the windows to learn from, of those held back by period, the last first, and of all.

        What follows a window to learn from ends before what follows any held back of its series begins.
        """
        learned: list[Ends] = []
        held: list[Ends] = []
        every: list[Ends] = []
        of_each = max(_PERIODS, -(-_HELD // len(self.values)))
        stride = max(1, cut.horizon // 3, _PERIODS * cut.horizon // of_each)
        periods: list[Places] = []
        for number, length in enumerate(map(len, self.values)):
            last = length - cut.horizon
            least = max(3, min(2 * cut.season + 1, last - cut.horizon // 2))
            own = np.arange(least, last + 1)
            apart = own[::-1][::stride][:of_each]
            apart = apart[apart >= last * (1 - _HELD_SHARE)]
            before = own[own <= min(apart, default=0) - cut.horizon]
            for found, some in ((learned, before), (held, apart), (every, own)):
                found.append(np.stack([np.full(len(some), number), some], axis=1))
            periods.append((last - apart) // cut.horizon)
        some = np.sort(np.random.default_rng(0).permutation(sum(map(len, held)))[:_MOST_HELD])
        back, apart = np.concatenate(periods)[some], np.concatenate(held)[some]
        return np.concatenate(learned), [apart[back == period] for period in np.unique(back)], np.concatenate(every)

    def examples(self, ends: Ends, cut: Cut) -> Examples:
        """Describe the windows that end before `ends`, with what followed."""
        usual = {number: usual_step(self.values[number], self.season) for number in np.unique(ends[:, 0])}
        parts = [self._part(ends[at : at + _AT_ONCE], cut, usual) for at in range(0, max(1, len(ends)), _AT_ONCE)]
        arrays = [np.concatenate(arrays) for arrays in zip(*(part.windows.arrays() for part in parts), strict=True)]
        targets, weights = (np.concatenate(found) for found in zip(*((p.targets, p.weights) for p in parts), strict=True))
        return Examples(Windows(*arrays), targets, weights)

    def _part(self, ends: Ends, cut: Cut, usual: dict[int, float]) -> Examples:
        before = [self.values[series][:end] for series, end in ends]
        known = [self.covariates[series][: end + cut.horizon] for series, end in ends] if self.covariates else None
        past = np.array([last_rows(one, cut.context) for one in before]).reshape(len(ends), cut.context)
        windows = prepare(past, known_rows(known, before, self.width, cut, 0), cut)
        after = np.full((len(ends), cut.horizon), np.nan)
        for own, (series, end) in zip(after, ends, strict=True):
            following = self.values[series][end : end + cut.horizon]
            own[: len(following)] = following
        steps = windows.scale * windows.unit
        often = np.array([usual[series] for series, _ in ends])
        sizes = np.minimum(steps / np.where(often > 0, often, 1.0), _LARGEST)[:, None]
        weights = np.where(np.isfinite(after) & (often > 0)[:, None], sizes, 0.0)
        apart = np.where(weights > 0, after, 0.0) / windows.unit[:, None] - windows.base
        targets = np.where(weights > 0, apart / np.where(windows.scale > 0, windows.scale, 1.0)[:, None], 0.0)
        return Examples(windows, targets.astype(np.float32), weights.astype(np.float32))


def drawn(ends: Ends, most: int, chance: np.random.Generator) -> Ends:
    """Return up to about `most` windows, as many of one series as of another where they have them."""
    if len(ends) <= most:
        return ends
    shuffled = chance.permutation(ends)
    shuffled = shuffled[np.argsort(shuffled[:, 0], kind="stable")]
    firsts = np.searchsorted(shuffled[:, 0], shuffled[:, 0])
    turns = np.arange(len(shuffled)) - firsts
    return shuffled[np.argsort(turns, kind="stable")[:most]]
