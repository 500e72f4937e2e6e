"""Differences between two models on the same splits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.ledger import Score

_LESS_IS_BETTER = {"log_loss", "rmse", "calibration_error"}


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences with its standard error (NaN of one split); more than 0 is better for the first."""

    mean: float
    error: float
    splits: int

    @property
    def is_better(self) -> bool:
        """Whether the first is ahead by more than one standard error."""
        return self.mean > self.error

    @property
    def is_worse(self) -> bool:
        """Whether the first is behind by more than one standard error."""
        return -self.mean > self.error


def differences(scores: Sequence[Score], table: str, measure: str, ours: str, peer: str) -> Difference | None:
    """Compare two models on the splits that both have; None where there is none."""
    found = {(s.split, s.who): s.measures[measure] for s in scores if s.table == table and s.who in {ours, peer}}
    splits = [split for split, who in found if who == ours and (split, peer) in found]
    sign = -1.0 if measure in _LESS_IS_BETTER else 1.0
    values = [sign * (found[split, ours] - found[split, peer]) for split in splits]
    return Difference(float(np.mean(values)), error_of(values), len(values)) if values else None


def error_of(values: Sequence[float]) -> float:
    """Return the standard error of a mean; NaN of one value."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")
