"""From a predictor's raw outputs to numbers that mean something: probabilities, sets, intervals, tails."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Finish:
    """From raw outputs to answers by `link`; `scale * sum + base` makes the raw outputs of what adds up.

    `link` is "probability" (sums are class probabilities; of the second class alone when there are two), "sigmoid",
    "softmax", "identity" or "isolation" (mean path length, scored against `path_norm`).
    """

    link: str
    base: tuple[float, ...]
    scale: float = 1.0
    path_norm: float = 1.0


@dataclass(frozen=True)
class Intervals:
    """Conformal half-widths by bins of the predicted value: `edges` has one number fewer than `widths`."""

    level: float
    edges: tuple[float, ...]
    widths: tuple[float, ...]

    def around(self, values: Doubles) -> Doubles:
        """Return low and high for each value (n x 2)."""
        width = np.asarray(self.widths)[np.searchsorted(np.asarray(self.edges), values)]
        return np.column_stack([values - width, values + width])


@dataclass(frozen=True)
class PredictionSets:
    """Conformal sets of classes: a class is in the set of a row whose probability for it is at least its number in `least`."""

    level: float
    least: tuple[float, ...]

    def members(self, chances: Doubles) -> list[list[int]]:
        """Return for each row (rows x classes) the codes of the classes in its set; alone the most probable one where no other is.

        The most probable class may be missing: where few rows that are really of it have so little of it, and more of another.
        """
        inside = chances >= np.asarray(self.least)
        nothing = np.flatnonzero(~inside.any(axis=1))
        inside[nothing, chances[nothing].argmax(axis=1)] = True
        if chances.shape[1] == 2:  # as nearly always, and asked for a thousand rows at a time
            known = [[0], [0], [1], [0, 1]]
            return [known[code] for code in (inside[:, 0] + 2 * inside[:, 1]).tolist()]
        return [np.flatnonzero(row).tolist() for row in inside]


@dataclass(frozen=True)
class Tail:
    """The score above which a row is an anomaly, and the quantiles of the training scores (ascending)."""

    threshold: float
    quantiles: tuple[float, ...]

    def probability(self, scores: Doubles) -> Doubles:
        """Return the share of training rows that score at least as high, never below half a quantile's step."""
        known = np.asarray(self.quantiles)
        above = len(known) - np.searchsorted(known, scores, side="left")
        return np.maximum(above, 0.5) / len(known)


def probabilities(link: str, raw: Doubles) -> Doubles:
    """Return class probabilities (rows x classes) of raw outputs."""
    chances: Doubles
    if link == "softmax":
        chances = np.exp(raw - raw.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
    elif raw.shape[1] > 1:
        chances = raw / raw.sum(axis=1, keepdims=True)
    else:
        second = raw[:, 0]
        if link == "sigmoid":
            second = 0.5 * (1.0 + np.tanh(second / 2))
        chances = np.column_stack([1.0 - second, second])
    return chances
