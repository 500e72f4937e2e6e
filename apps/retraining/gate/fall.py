"""Whether a champion is surely worse than the version before it, by the labels that came: then that one comes back.

Labels are looked at after 50, 100, 200, … of each have come, always the first so many of both, since labels of what the
version before it has answered come late too: however often somebody looks, there are few looks. The chance of a false alarm is
shared out among them (half of what is left to each), so that all together stay below `FALSE_ALARMS`. Shares are compared by
Newcombe's interval (1998), mean errors by Welch's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean, variance

from apps.core.shares import wilson

LEAST_LABELS = 50
FALSE_ALARMS = 0.05
MARGIN = 0.02  # points of the share that is right, or of the error; a smaller loss is no reason to go back


@dataclass(frozen=True)
class Fall:
    """Whether to go back, and why, or why not."""

    roll_back: bool
    sentence: str


def judge_fall(present: Sequence[float], before: Sequence[float], *, are_shares: bool) -> Fall:
    """Compare what a champion got right (1 or 0 a label, in the order in which they came), or its absolute errors, with before."""
    labels = min(len(present), len(before))
    if labels < LEAST_LABELS:
        who = "the champion" if len(present) <= len(before) else "the version before it"
        return Fall(False, f"{labels} labels of {who} have come; {LEAST_LABELS} are needed to compare.")
    look = (labels // LEAST_LABELS).bit_length() - 1
    seen, held = (arm[: LEAST_LABELS << look] for arm in (present, before))
    z = NormalDist().inv_cdf(1 - FALSE_ALARMS / 2 ** (look + 1))
    own, other = fmean(seen), fmean(held)
    if are_shares:
        worse = _least_loss(own, len(seen), other, len(held), z) > 0 and other - own > MARGIN
        return Fall(
            worse,
            f"{100 * own:.3g}% of {len(seen)} labels are as it answered, {100 * other:.3g}% of {len(held)} before it: "
            f"{'surely worse' if worse else 'not surely worse'}.",
        )
    spread = sqrt(variance(seen) / len(seen) + variance(held) / len(held))
    worse = own - other > max(z * spread, MARGIN * other)
    return Fall(
        worse,
        f"Its mean error on {len(seen)} labels is {own:.4g}, and was {other:.4g} on {len(held)} before it: "
        f"{'surely worse' if worse else 'not surely worse'}.",
    )


def _least_loss(own: float, of_own: int, other: float, of_other: int, z: float) -> float:
    """Return the lower bound of how much larger the other share is."""
    high = wilson(own, of_own, z)[1]
    low = wilson(other, of_other, z)[0]
    return (other - own) - sqrt((other - low) ** 2 + (high - own) ** 2)
