"""Chances far out in the tails: a correction over many columns asks whether one in a million is one in a million.

Small counts are therefore counted out; the normal distribution would call 2 missing values of 100 after 0 of 2,000 a
chance of one in a thousand million, where it is one in four hundred.
"""

import math

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def chance_of_drawing(marked_drawn: int, *, drawn: int, marked: int, total: int) -> float:
    """Return the chance that so many marked ones or more are among `drawn` of `total` (the hypergeometric tail)."""
    least, most = max(0, drawn + marked - total), min(drawn, marked)
    if marked_drawn <= least:
        return 1.0
    if marked_drawn > most:
        return 0.0
    if marked_drawn * total <= drawn * marked:
        plain = total - marked
        return 1.0 - chance_of_drawing(drawn - marked_drawn + 1, drawn=drawn, marked=plain, total=total)
    first = _log_choose(marked, marked_drawn) + _log_choose(total - marked, drawn - marked_drawn) - _log_choose(total, drawn)
    spread = math.sqrt(drawn * marked / total * (1 - marked / total))
    steps = np.arange(marked_drawn, min(most, marked_drawn + int(12 * spread) + 50), dtype=np.float64)
    falls = (marked - steps) * (drawn - steps) / ((steps + 1) * (total - marked - drawn + steps + 1))
    return min(1.0, math.exp(first) * (1.0 + float(np.cumprod(falls).sum())))


def _log_choose(of: int, taken: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(taken + 1) - math.lgamma(of - taken + 1)


def chance_of_beyond(beyond: int, *, drawn: int, total: int) -> float:
    """Return the chance that so many of the largest of `total` values are all among the `drawn`, where the order is chance."""
    if beyond <= 0:
        return 1.0
    return math.exp(_log_choose(total - beyond, drawn - beyond) - _log_choose(total, drawn))


def chance_of_strangers(strangers: int, *, rows: int, singles: int, pairs: int, of: int) -> float:
    """Return the chance of so many rows of levels that `of` earlier rows did not show.

    The share of such levels is guessed from those met once (Good 1953), its variance from those met once or twice (Esty
    1983), each with one more; taken as gamma-distributed, the rows are negative binomial. Where each level was met often,
    this is exactly the chance that all rows of one level fall on the later side.
    """
    from scipy.special import betainc

    if strangers <= 0:
        return 1.0
    mean, variance = (singles + 1) / of, (singles + 2 * pairs + 1) / of**2
    odds = rows * variance / mean
    return float(betainc(strangers, mean**2 / variance, odds / (1 + odds)))


def chance_of_gap(gap: float, first: int, second: int) -> float:
    """Return the chance of two samples' distribution functions lying so far apart (Kolmogorov and Smirnov)."""
    from scipy.special import kolmogorov

    return float(kolmogorov(gap * math.sqrt(first * second / (first + second))))


def chance_of_square(square: float, freedom: int) -> float:
    """Return the chance of so large a sum of squares."""
    from scipy.special import gammaincc

    return float(gammaincc(freedom / 2, square / 2)) if freedom else 1.0
