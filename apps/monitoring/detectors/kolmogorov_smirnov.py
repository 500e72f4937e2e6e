"""Kolmogorov-Smirnov: the test of numbers, by the widest gap between the two distribution functions."""

import sys

import numpy as np

from apps.algorithms.reference import ColumnReference
from apps.monitoring.detectors.chances import chance_of_gap
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import Finding, share, shown, unknown

THRESHOLD = 0.1
_LEAST_SHIFT = 0.05  # standard deviations; a mean that moved less is not what changed


def kolmogorov_smirnov(column: ColumnCounts) -> Finding:
    """Compare the shares of rows below each edge; both sides are samples, and the chance is that of two.

    A gap is looked for at the edges of bins alone, so that it can be missed by the share of one bin but never overstated.
    """
    of = column.reference
    if of.has_levels or column.lacks:
        return unknown("kolmogorov_smirnov", of.name, THRESHOLD, column.lacks or "The column holds no numbers.")
    then, now = (np.cumsum(side) / side.sum() for side in column.sides())
    gaps = now - then
    at = int(np.abs(gaps).argmax())
    gap = float(abs(gaps[at]))
    return Finding(
        "kolmogorov_smirnov",
        of.name,
        gap,
        gap,
        chance_of_gap(gap, of.known, column.known),
        THRESHOLD,
        _told(column, float(then[at]), float(now[at]), at),
    )


def _told(column: ColumnCounts, then: float, now: float, at: int) -> str:
    of = column.reference
    assert of.mean is not None
    mean = shown(of.mean, of.kind)
    if not of.std:
        return f"It was always {mean}; {share(1 - float(column.bins[1] / column.known))} of the rows now differ."
    edge = f"{share(now)} of the rows {_below(of, at)}, before it was {share(then)}"
    if abs(column.shift) < _LEAST_SHIFT:
        return f"{edge}; the mean is still about {mean}."
    moved = shown(min(max(of.mean + column.shift * of.std, -sys.float_info.max), sys.float_info.max), of.kind)
    return f"{edge}; the mean went from {mean} to {moved} ({column.shift:+.2g} standard deviations)."


def _below(of: ColumnReference, at: int) -> str:
    at = min(at, len(of.edges) - 1)
    edge, before = of.edges[at], of.edges[max(at - 1, 0)]
    is_tie = edge == np.nextafter(before, np.inf)
    return f"are {shown(before, of.kind)} or less" if is_tie else f"lie below {shown(edge, of.kind)}"
