"""How a challenger stands beside the champion on live requests whose labels came, and whether the comparison is over.

Labels are looked at after 50, 100, 200, … of them: however often somebody looks, there are few looks. The chance of a wrong end
is shared out among them (half of what is left to each), so that all together stay below `WRONG_ENDS`. Of two shares of the
traffic the difference of the means is judged (Welch); of two answers to the same requests, the mean of the differences.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from statistics import NormalDist, fmean, variance
from typing import Any

LEAST_LABELS = 50
WRONG_ENDS = 0.05
MOST_PASSED_ON = 0.01  # of the requests that were the challenger's to answer


@dataclass(frozen=True)
class Standing:
    """How far the challenger is ahead (in points of what is right, or of the error that it lacks), between `low` and `high`.

    `labels` are those of the arm with fewer, at the last look; `winner` is "challenger", "champion" or None.
    """

    labels: int
    difference: float | None
    low: float | None
    high: float | None
    winner: str | None
    is_over: bool
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """Return what is shown and stored."""
        return asdict(self)


def weigh(
    challenger: Sequence[float],
    champion: Sequence[float],
    *,
    are_shares: bool,
    are_pairs: bool,
    days: float,
    max_days: float,
) -> Standing:
    """Compare what both got right (1 or 0 a label, in the order in which they came), or their absolute errors."""
    labels, too_long = min(len(challenger), len(champion)), days >= max_days
    if labels < LEAST_LABELS:
        text = f"{labels} labels have come for the arm with fewer; {LEAST_LABELS} are needed."
        if too_long:
            text = (
                f"{labels} labels have come for the arm with fewer; {LEAST_LABELS} are needed. "
                f"It ends after {max_days:.4g} days without a winner."
            )
        return Standing(labels, None, None, None, None, too_long, text)
    look = (labels // LEAST_LABELS).bit_length() - 1
    seen = LEAST_LABELS << look
    own, other = ([float(value) if are_shares else -float(value) for value in arm[:seen]] for arm in (challenger, champion))
    if are_pairs:
        apart = [a - b for a, b in zip(own, other, strict=True)]
        difference, spread = fmean(apart), sqrt(variance(apart) / seen)
    else:
        difference = fmean(own) - fmean(other)
        spread = sqrt((_variance(own, are_shares) + _variance(other, are_shares)) / seen)
    reach = NormalDist().inv_cdf(1 - WRONG_ENDS / 2 ** (look + 2)) * spread
    low, high = difference - reach, difference + reach
    winner = "challenger" if low > 0 else "champion" if high < 0 else None
    ahead = (-high, -low) if winner == "champion" else (low, high)
    least, most = (f"{100 * bound:.3g} points" if are_shares else f"{bound:.4g}" for bound in ahead)
    text = f"On {seen} labels each the challenger is ahead by {least} to {most}."
    if winner == "champion":
        text = f"On {seen} labels each the champion is ahead by {least} to {most}."
    elif too_long and winner is None:
        text = (
            f"On {seen} labels each the challenger is ahead by {least} to {most}. "
            f"It ends after {max_days:.4g} days without a winner."
        )
    return Standing(seen, difference, low, high, winner, winner is not None or too_long, text)


def unless_passed_on(standing: Standing, passed_on: int, answered: int, *, is_late: bool) -> Standing:
    """Return how it stands once requests that the challenger could not answer count: what it was spared is no merit of it."""
    asked = passed_on + answered
    if passed_on <= MOST_PASSED_ON * asked:
        return standing
    text = (
        f"On {standing.labels} labels each the challenger is ahead, but it left {passed_on} of its {asked} requests to the champion: "
        "it does not win as long as it cannot answer them."
    )
    return replace(standing, winner=None, is_over=is_late, sentence=text)


def _variance(values: Sequence[float], are_shares: bool) -> float:
    """Return the variance; of shares never less than half a label of doubt gives: all right is not surely all right."""
    least = 0.5 / len(values) * (1 - 0.5 / len(values)) if are_shares else 0.0
    return max(variance(values), least)
