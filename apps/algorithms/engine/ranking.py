"""What an order of rows is worth: measures of scores, ties counted half, on weighted rows.

`Ranked` sorts once; each measure then takes one pass over the rows a resample.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ranked:
    """Rows by rising score: `order` sorts them, `starts` are the places where a new score begins, `truth` is sorted."""

    order: Index
    starts: Index
    truth: Bools

    @classmethod
    def of(cls, scores: Doubles, truth: Bools) -> "Ranked":
        """Sort rows; `truth` says which are to be found."""
        order = np.argsort(scores, kind="stable")
        ordered = scores[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        return cls(order, starts, truth[order])

    def roc_auc(self, weights: Doubles) -> Doubles:
        """Return the chance that a row to be found scores above another (resamples,); NaN without both kinds."""
        hits, others = self._by_score(weights)
        below = np.cumsum(others, axis=1) - others / 2
        return ratio((hits * below).sum(axis=1), hits.sum(axis=1) * others.sum(axis=1))

    def average_precision(self, weights: Doubles) -> Doubles:
        """Return the mean precision over the recalls that falling thresholds reach (resamples,)."""
        hits, others = (sums[:, ::-1] for sums in self._by_score(weights))
        found = np.cumsum(hits, axis=1)
        precision = ratio(found, found + np.cumsum(others, axis=1))
        return ratio((hits * np.nan_to_num(precision)).sum(axis=1), hits.sum(axis=1))

    def precision_at(self, weights: Doubles, share: float) -> Doubles:
        """Return the precision among the `share` of rows that score highest, one row at least (resamples,).

        Rows that tie at the threshold count by the part of them that fits.
        """
        hits, others = (sums[:, ::-1] for sums in self._by_score(weights))
        budget = np.maximum(share * weights.sum(axis=1), 1.0)[:, None]
        both = hits + others
        fits = np.clip(budget - (np.cumsum(both, axis=1) - both), 0.0, both)
        taken = np.divide(fits, both, out=np.zeros_like(both), where=both > 0)
        return ratio((hits * taken).sum(axis=1), fits.sum(axis=1))

    def _by_score(self, weights: Doubles) -> tuple[Doubles, Doubles]:
        ordered = weights[:, self.order]
        hits = np.add.reduceat(ordered * self.truth, self.starts, axis=1)
        return hits, np.add.reduceat(ordered, self.starts, axis=1) - hits


def placements(scores: Doubles, truth: Bools) -> Doubles:
    """Return for each row the share of rows of the other kind that it is on the right side of (rows,).

    Their mean, over the rows to be found or over the others, is the area under the ROC curve, and how they vary says how
    sure it is (DeLong et al. 1988).
    """
    found = np.empty(len(scores))
    for own in (True, False):
        rivals = np.sort(scores[truth != own])
        mine = scores[truth == own]
        below = (np.searchsorted(rivals, mine) + np.searchsorted(rivals, mine, side="right")) / (2 * max(1, len(rivals)))
        found[truth == own] = below if own else 1.0 - below
    return found


def ratio(part: Doubles, whole: Doubles) -> Doubles:
    """Divide; NaN where there is nothing to divide by."""
    found = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found
