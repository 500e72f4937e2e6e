"""Chi-square: the test of categories, by the likelihood ratio of their shares."""

import math

import numpy as np

from apps.algorithms.reference import Doubles
from apps.monitoring.detectors.chances import chance_of_square
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import Finding, share, unknown

THRESHOLD = 0.1  # Cramer's V


def chi_square(column: ColumnCounts) -> Finding:
    """Compare the shares of levels on both sides; rare ones are put together, new ones count as a level.

    The ratio is taken, not Pearson's sum: far out, where a correction over many columns looks, Pearson's calls 18 rows
    where 5 are expected a thousand times rarer than they are, and the ratio is right. Williams's correction takes off
    what few rows add to it. The effect is Cramer's V as it would be with as many rows on both sides, chance's share left out.
    """
    of = column.reference
    if not of.has_levels or column.lacks:
        return unknown("chi_square", of.name, THRESHOLD, column.lacks or "The column holds no categories.")
    table = np.stack(column.coarse_sides()).astype(np.float64)
    ratio, freedom = likelihood_ratio(table)
    effect = min(1.0, math.sqrt(max(0.0, ratio - freedom) / table.sum() / _balance(table)))
    chance = chance_of_square(ratio / _williams(table), freedom)
    return Finding("chi_square", of.name, ratio, effect, chance, THRESHOLD, _told(column))


def likelihood_ratio(table: Doubles) -> tuple[float, int]:
    """Return G of a table of two lines (each column has rows), and its degrees of freedom."""
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    met = table > 0
    ratio = 2 * float((table[met] * np.log(table[met] / expected[met])).sum())
    return max(0.0, ratio), table.shape[1] - 1


def _balance(table: Doubles) -> float:
    first, second = table.sum(axis=1).tolist()
    return float(4 * first * second / (first + second) ** 2)


def _williams(table: Doubles) -> float:
    if table.shape[1] < 2:
        return 1.0
    total, lines, levels = table.sum(), table.sum(axis=1), table.sum(axis=0)
    spread = (total * (1 / lines).sum() - 1) * (total * (1 / levels).sum() - 1)
    correction: float = 1.0 + spread / (6 * total * (table.shape[1] - 1))
    return correction


def _told(column: ColumnCounts) -> str:
    of = column.reference
    then, now = of.binned if not of.others else np.array(list(of.levels.values())), column.bins
    apart = now / column.known - then / of.known
    at = int(np.abs(apart).argmax())
    level = list(of.levels)[at]
    written = level if len(level) <= 60 else f"{level[:59]}…"
    return f"{written!r} is {share(now[at] / column.known)} of the rows, before it was {share(then[at] / of.known)}."
