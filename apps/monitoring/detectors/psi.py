"""Population stability index: how far the shares of about ten bins moved, the measure by which a shift counts as large."""

import numpy as np

from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import Finding, share, unknown

MODERATE, LARGE = 0.10, 0.25  # the field's own limits (Siddiqi 2006); the mean of a bell moved by 0.3 and 0.5 of its width
_HALF = 0.5  # a row in each bin, so that an empty one is no infinity


def population_stability(column: ColumnCounts) -> Finding:
    """Sum (now - then) ln(now / then) over the bins' shares; the effect leaves out what chance alone would make of it.

    Where nothing moved the index is expected to be (bins - 1) (1 / rows then + 1 / rows now) (Yurdakul 2018), with 100 rows
    as much as a real shift of moderate size; this is taken off.
    """
    name = column.reference.name
    if column.lacks:
        return unknown("psi", name, MODERATE, column.lacks)
    then, now = column.coarse_sides()
    first, second = ((side + _HALF) / (side.sum() + _HALF * len(side)) for side in (then, now))
    index = float(((second - first) * np.log(second / first)).sum())
    effect = max(0.0, index - (len(then) - 1) * (1 / int(then.sum()) + 1 / int(now.sum())))
    size = "large" if effect >= LARGE else "moderate" if effect >= MODERATE else "small"
    moved = float(np.abs(second - first).sum() / 2)
    sentence = f"About {share(moved)} of the rows lie in other bins than before: a {size} shift (index {effect:.2f})."
    return Finding("psi", name, index, effect, None, MODERATE, sentence)
