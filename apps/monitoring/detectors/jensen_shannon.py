"""Jensen-Shannon distance: 0 where bins are filled alike, 1 where no bin holds rows of both."""

import numpy as np

from apps.algorithms.reference import Doubles
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import Finding, unknown

THRESHOLD = 0.1


def jensen_shannon(column: ColumnCounts) -> Finding:
    """Return the root of the mean divergence, in bits, of both sides from their mean; the effect leaves out chance's share.

    Chance alone makes the divergence (bins - 1) (1 / rows then + 1 / rows now) / (8 ln 2).
    """
    name = column.reference.name
    if column.lacks:
        return unknown("jensen_shannon", name, THRESHOLD, column.lacks)
    then, now = column.coarse_sides()
    first, second = then / then.sum(), now / now.sum()
    middle = (first + second) / 2
    divergence = max(0.0, (_bits(first, middle) + _bits(second, middle)) / 2)
    by_chance = (len(then) - 1) * (1 / int(then.sum()) + 1 / int(now.sum())) / (8 * np.log(2))
    effect = float(np.sqrt(max(0.0, divergence - by_chance)))
    sentence = f"The rows' distance from the reference is {effect:.2f}, on a scale from 0 (alike) to 1 (nothing in common)."
    return Finding("jensen_shannon", name, float(np.sqrt(divergence)), effect, None, THRESHOLD, sentence)


def _bits(shares: Doubles, middle: Doubles) -> float:
    met = shares > 0
    return float((shares[met] * np.log2(shares[met] / middle[met])).sum())
