"""The false-alarm budget, and the level that each check may test at so that it is kept."""

from dataclasses import dataclass

import numpy as np

from apps.monitoring.detectors.chances import Doubles


@dataclass(frozen=True, slots=True)
class FalseAlarmBudget:
    """How many false `alarms` a model may raise, at most and on average, in so many `checks` (a quarter of days)."""

    alarms: float = 1.0
    checks: int = 90

    @property
    def level(self) -> float:
        """The chance that one check may find drift, in any of its columns, where there is none.

        Expected alarms add up, check by check, whatever the checks have in common (they share one reference): alarms / checks
        keeps the budget even if each false find lasted. That a column must be found twice in a row is not counted on:
        it is what is left for rows that depend on one another, and for p-values that are not quite exact.
        """
        return min(1.0, self.alarms / self.checks)


def adjusted(chances: Doubles) -> Doubles:
    """Return p-values corrected for one another (Benjamini and Yekutieli 2001).

    Where nothing drifts, the rate of false finds is the chance of any, so it keeps the level of a check; where much drifts
    it loses less than Bonferroni's. Unlike Benjamini and Hochberg's it holds however columns depend on one another, and
    costs little: among 200 tests a Kolmogorov-Smirnov gap must be 8 % wider.
    """
    count = len(chances)
    if not count:
        return chances
    order = np.argsort(chances)
    ranks = np.arange(1, count + 1)
    scaled = chances[order] * count * (1 / ranks).sum() / ranks
    found = np.empty(count)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found
