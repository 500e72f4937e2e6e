"""The last rows of a series as a recurrent network sees them: level, scale and season out, a Theta forecast beside.

N windows of C rows, the horizon's H rows, k known covariates; everything is one pass of numpy over all windows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.finish import Doubles

Singles = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

STEP_INPUTS, AHEAD_INPUTS, WINDOW_INPUTS = 3, 3, 6  # beside the covariates
_SMOOTHINGS = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99])
_SEASONAL = 1.645  # standard errors of an autocorrelation that is taken for a season
_FLAT = 1e-9  # of the largest value: less than this does not vary


@dataclass(frozen=True)
class Cut:
    """How windows are cut: the network reads `sequence_length` rows of the `context`, and answers `horizon` rows."""

    season: int
    sequence_length: int
    context: int
    horizon: int


@dataclass(frozen=True)
class Windows:
    """What N windows tell: a forecast is `unit * (base + scale * output)`.

    `steps` (N, sequence, 3 + k) per row read: distance to the level and part of the season, both in scales and squeezed by
    asinh, and whether it was seen; `ahead` (N, H, 3 + k) per row asked: the base, the last season and the mean of the last two;
    `about` (N, 6): smoothing, slope, scale, share of rows used, whether there is a season, whether it multiplies. `base`
    (N, H) and `scale` (N,) are in `unit`s (N,); a scale of 0 stands for a series that does not vary.
    """

    steps: Singles
    ahead: Singles
    about: Singles
    base: Doubles
    scale: Doubles
    unit: Doubles

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Return the fields in order."""
        return self.steps, self.ahead, self.about, self.base, self.scale, self.unit


def last_rows(values: Doubles, rows: int) -> Doubles:
    """Return the last rows, missing ones in front where there are fewer."""
    return np.concatenate([np.full(max(0, rows - len(values)), np.nan), values[max(0, len(values) - rows) :]])


def prepare(past: Doubles, known: Doubles, cut: Cut) -> Windows:
    """Describe windows (N, C; NaN is missing) with their covariates (N, C + H, k)."""
    x, seen, used, unit = _levelled(past, cut.season)
    rows, read = x.shape[1], slice(x.shape[1] - cut.sequence_length, x.shape[1])
    phases = (np.arange(rows + cut.horizon) - rows) % cut.season
    multiplied = np.min(x, axis=1, where=used, initial=np.inf) > 0.0
    pattern, seasonal = _pattern(x, used, multiplied, cut.season)
    factors, terms = np.where(multiplied[:, None], pattern, 1.0), np.where(multiplied[:, None], 0.0, pattern)
    adjusted = (x - terms[:, phases[:rows]]) / factors[:, phases[:rows]]
    begun = np.take_along_axis(adjusted, used.argmax(axis=1)[:, None], axis=1)
    adjusted = np.where(used, adjusted, begun)
    theta = _theta(adjusted, used, cut.horizon)
    base = theta.line * factors[:, phases[rows:]] + terms[:, phases[rows:]]
    scale = _scale(x, used, cut.season)
    per, level = np.where(scale > 0, scale, 1.0)[:, None], theta.level[:, None]

    alive = used[:, read]
    distances = np.arcsinh((adjusted[:, read] - level) / per) * alive
    steps = np.stack([distances, np.arcsinh((x - adjusted)[:, read] / per) * alive, seen[:, read]], axis=2)
    cycles = _cycles(x, cut)
    ahead = np.stack([np.arcsinh((one - level) / per) for one in (base, cycles[0], cycles.mean(axis=0))], axis=2)
    slope, size = np.arcsinh(theta.slope * cut.horizon / per[:, 0]), np.log10(np.maximum(scale, 1e-6)) / 3 + 0.5
    about = np.stack([theta.smoothing, slope, size, used.mean(axis=1), seasonal, multiplied], axis=1)
    return Windows(
        np.concatenate([steps, known[:, :rows][:, read]], axis=2).astype(np.float32),
        np.concatenate([ahead, known[:, rows:]], axis=2).astype(np.float32),
        about.astype(np.float32), base, scale, unit,
    )  # fmt: skip


def usual_step(values: Doubles, season: int) -> float:
    """Return how far a whole series goes from a row to the next, or to the next season's if that is nearer; 0 if constant."""
    if not len(values):
        return 0.0
    x, _, used, unit = _levelled(values[None, :], season)
    return float(_scale(x, used, season)[0] * unit[0])


def _levelled(past: Doubles, season: int) -> tuple[Doubles, Flags, Flags, Doubles]:
    """Return values between -1 and 1 without gaps, which were seen, which lie after the first seen one, and their unit."""
    seen = np.isfinite(past)
    top = np.max(np.abs(past), axis=1, where=seen, initial=0.0)
    unit = np.where(top > 0, top, 1.0)
    x = _filled(np.where(seen, past, 0.0) / unit[:, None], seen, season)
    return x, seen, np.maximum.accumulate(seen, axis=1), unit


def _filled(x: Doubles, seen: Flags, season: int) -> Doubles:
    """Fill gaps with the rows one season before and after, then with a line; the rows in front with the first value."""
    if season > 1 and season < x.shape[1] and not seen.all():
        sums, counts = np.zeros_like(x), np.zeros_like(x)
        for here, there in ((slice(season, None), slice(None, -season)), (slice(None, -season), slice(season, None))):
            sums[:, here] += x[:, there]
            counts[:, here] += seen[:, there]
        inside = np.maximum.accumulate(seen, axis=1) & ~seen & (counts > 0)
        x = np.where(inside, sums / np.maximum(counts, 1), x)
        seen = seen | inside
    rows = np.arange(x.shape[1])
    before = np.maximum.accumulate(np.where(seen, rows, -1), axis=1)
    after = np.minimum.accumulate(np.where(seen, rows, len(rows))[:, ::-1], axis=1)[:, ::-1]
    left = np.minimum(np.where(before < 0, after, before), len(rows) - 1)
    right = np.maximum(np.where(after == len(rows), before, after), 0)
    share = (rows - left) / np.maximum(right - left, 1)
    lows, highs = np.take_along_axis(x, left, axis=1), np.take_along_axis(x, right, axis=1)
    return lows + np.where(right > left, share, 0.0) * (highs - lows)


def _pattern(x: Doubles, used: Flags, multiplied: Flags, season: int) -> tuple[Doubles, Flags]:
    """Return the classical seasonal pattern (N, season; phase 0 follows the last row), and where there is one."""
    none = np.broadcast_to(np.where(multiplied, 1.0, 0.0)[:, None], (len(x), season))
    if season == 1 or x.shape[1] < 2 * season:
        return none, np.zeros(len(x), dtype=bool)
    weights = np.full(season + 1 - season % 2, 1.0 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2
    views = np.lib.stride_tricks.sliding_window_view(x, len(weights), axis=1)
    half = len(weights) // 2
    middle = slice(half, x.shape[1] - half)
    mean = views @ weights
    valid = used[:, : x.shape[1] - 2 * half]
    kind = multiplied[:, None]
    part = np.where(kind, x[:, middle] / np.where(mean > 0, mean, 1.0), x[:, middle] - mean) * valid
    phases = (np.arange(x.shape[1]) - x.shape[1])[middle] % season
    turned = np.eye(season)[phases]
    counts = valid @ turned
    pattern = np.where(counts > 0, (part @ turned) / np.maximum(counts, 1), none)
    average = pattern.mean(axis=1, keepdims=True)
    pattern = np.where(kind, pattern / np.where(average > 0, average, 1.0), pattern - average)
    seasonal = _is_seasonal(x, used, season) & (counts.min(axis=1) >= 1)
    seasonal &= ~multiplied | (pattern.min(axis=1) > 0.01)
    return np.where(seasonal[:, None], pattern, none), seasonal


def _is_seasonal(x: Doubles, used: Flags, season: int) -> Flags:
    """Test the autocorrelation at the season as Theta's authors do (Assimakopoulos, Nikolopoulos 2000)."""
    counts = used.sum(axis=1)
    centred = (x - _mean(x, used)[:, None]) * used
    spread = (centred**2).sum(axis=1)
    found = np.stack([(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) for lag in range(1, season + 1)])
    found /= np.where(spread > 0, spread, 1.0)
    limit = _SEASONAL * np.sqrt((1 + 2 * (found[:-1] ** 2).sum(axis=0)) / np.maximum(counts, 1))
    repeats: Flags = (found[-1] > limit) & (counts >= 2 * season)
    return repeats


@dataclass(frozen=True)
class _Theta:
    """The last smoothed level (N,), the line ahead (N, H), the smoothing (N,) and half the slope (N,)."""

    level: Doubles
    line: Doubles
    smoothing: Doubles
    slope: Doubles


def _theta(x: Doubles, used: Flags, horizon: int) -> _Theta:
    """Smooth exponentially and add half the trend, which is what Theta comes to (Hyndman, Billah 2003)."""
    levels = np.repeat(x[:, :1], len(_SMOOTHINGS), axis=1)
    squares = np.zeros_like(levels)
    for row in range(1, x.shape[1]):
        short = x[:, row, None] - levels
        squares += short * short
        levels += _SMOOTHINGS * short
    best = squares.argmin(axis=1)
    level, smoothing = levels[np.arange(len(x)), best], _SMOOTHINGS[best]
    rows = np.broadcast_to(np.arange(float(x.shape[1])), x.shape)
    apart = (rows - _mean(rows, used)[:, None]) * used
    slope = (apart * (x - _mean(x, used)[:, None])).sum(axis=1) / np.maximum((apart**2).sum(axis=1), 1.0) / 2
    begun = (1 - (1 - smoothing) ** used.sum(axis=1)) / smoothing
    return _Theta(level, level[:, None] + slope[:, None] * (np.arange(horizon) + begun[:, None]), smoothing, slope)


def _scale(x: Doubles, used: Flags, season: int) -> Doubles:
    """Return the mean distance of a row to the one before, or to the one a season before where that is nearer."""
    found = np.full(len(x), np.inf)
    for lag in (1, season):
        pairs = used[:, :-lag]
        if pairs.shape[1]:
            distances = _mean(np.abs(x[:, lag:] - x[:, :-lag]), pairs)
            found = np.where(distances > _FLAT, np.minimum(found, distances), found)
    return np.where(np.isfinite(found), found, 0.0)


def _cycles(x: Doubles, cut: Cut) -> Doubles:
    """Return the last season and the one before, repeated over the horizon (2, N, H)."""
    repeated = np.arange(cut.horizon) % cut.season - cut.season + x.shape[1]
    return np.stack([x[:, np.maximum(repeated - back, 0)] for back in (0, cut.season)])


def _mean(x: Doubles, used: Flags) -> Doubles:
    found: Doubles = np.sum(x, axis=1, where=used) / np.maximum(used.sum(axis=1), 1)
    return found
