"""Measures of weighted rows: each is made of one value a row, takes weights (resamples x rows), returns a number a resample."""

import numpy as np
import numpy.typing as npt

from apps.algorithms.engine.bootstrap import Doubles, Measure

Codes = npt.NDArray[np.int64]


def mean_of(values: Doubles) -> Measure:
    """Return the measure that is a mean of rows."""
    return lambda weights: weights @ values / weights.sum(axis=1)


def median_of(values: Doubles) -> Measure:
    """Return the measure that is the median of rows, halfway between the two in the middle."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]

    def measure(weights: Doubles) -> Doubles:
        reached = np.cumsum(weights[:, order], axis=1)
        half = reached[:, -1:] / 2
        low, high = (reached >= half).argmax(axis=1), (reached > half).argmax(axis=1)
        return np.asarray((ordered[low] + ordered[high]) / 2)

    return measure


def rand_of(one: Codes, other: Codes) -> Measure:
    """Return the measure that is the adjusted Rand index of two clusterings (Hubert and Arabie 1985)."""
    first, second = (np.unique(codes, return_inverse=True)[1] for codes in (one, other))
    both = np.unique(first * (second.max(initial=0) + 1) + second, return_inverse=True)[1]

    def measure(weights: Doubles) -> Doubles:
        pairs = [_pairs(sum_by(codes, weights, int(codes.max()) + 1)).sum(axis=1) for codes in (both, first, second)]
        chance = pairs[1] * pairs[2] / np.maximum(_pairs(weights.sum(axis=1)), 1.0)
        most = (pairs[1] + pairs[2]) / 2
        told = np.ones(len(weights))  # both are one group
        np.divide(pairs[0] - chance, most - chance, out=told, where=most > chance)
        return told

    return measure


def sum_by(codes: Codes, weights: Doubles, kinds: int) -> Doubles:
    """Return the sums of weights by code (resamples x kinds)."""
    return np.stack([np.bincount(codes, weights=row, minlength=kinds) for row in weights])


def _pairs(counts: Doubles) -> Doubles:
    return counts * (counts - 1) / 2
