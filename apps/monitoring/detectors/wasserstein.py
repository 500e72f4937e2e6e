"""Wasserstein distance: how far the rows would have to be carried, on average, in standard deviations of the reference."""

import numpy as np

from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import Finding, unknown

THRESHOLD = 0.3


def wasserstein(column: ColumnCounts) -> Finding:
    """Return the area between the two distribution functions, taken as straight within a bin.

    Beyond what the reference saw the bins have no end: there the distance is at least that of the means, as it always is.
    """
    of = column.reference
    if of.has_levels or column.lacks:
        return unknown("wasserstein", of.name, THRESHOLD, column.lacks or "The column holds no numbers.")
    if not of.std or of.mean is None or of.least is None or of.largest is None:
        return unknown(
            "wasserstein", of.name, THRESHOLD, "The reference holds one value only: it has no spread to measure by."
        )
    then, now = (np.concatenate([[0.0], np.cumsum(side) / side.sum()]) for side in column.sides())
    places = np.concatenate([[of.least], of.bounds, [of.largest]]) / of.std
    distance = max(float(np.trapezoid(np.abs(then - now), places)), abs(column.shift))
    sentence = f"The rows moved by {distance:.2g} standard deviations on average."
    return Finding("wasserstein", of.name, distance, distance, None, THRESHOLD, sentence)
