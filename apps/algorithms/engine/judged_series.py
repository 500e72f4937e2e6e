"""What forecasts missed, summed over each series: every measure of them can be taken again on any weights of the series."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.conformal import LEVEL
from apps.algorithms.engine.bootstrap import Doubles, Index, Measure
from apps.algorithms.engine.judged import FROM_ZERO, SHARE, Judged
from apps.algorithms.engine.metrics import pinball
from apps.algorithms.engine.ranking import ratio

TOLERANCE = 0.10  # a forecast this near, as a share of what was observed, counts as right
_TINY = 1e-12
_SHARES = ("within_tolerance", "interval_coverage")


@dataclass(frozen=True)
class JudgedSeries(Judged):
    """Sums over the steps of each series that were observed, all (series,).

    `scaled` are errors beside those of the seasonal naive forecast, `relative` those of sMAPE in percent. `covered`, `width`,
    `below` and `above` are of the bounds; None where forecasts have none.
    """

    unit: ClassVar[str] = "series"

    steps: Doubles
    scaled: Doubles
    relative: Doubles
    absolute: Doubles
    squared: Doubles
    within: Doubles
    covered: Doubles | None = None
    width: Doubles | None = None
    below: Doubles | None = None
    above: Doubles | None = None

    @classmethod
    def of(cls, observed: Doubles, forecasts: Doubles, scales: Doubles) -> "JudgedSeries":
        """Judge forecasts (origins, series, horizon, 3) by what was observed (origins, series, horizon; NaN: nothing)."""
        low, middle, high = np.moveaxis(forecasts, -1, 0)
        known = np.isfinite(observed)
        error, size = np.abs(middle - observed), np.abs(observed) + np.abs(middle)

        def summed(values: Doubles) -> Doubles:
            total: Doubles = np.where(known, values, 0.0).sum(axis=(0, 2))
            return total

        judged = cls(
            steps=summed(np.ones_like(observed)),
            scaled=summed(error) / scales,
            relative=summed(np.where(size > _TINY, 200 * error / np.maximum(size, _TINY), 0.0)),
            absolute=summed(error),
            squared=summed(error**2),
            within=summed((error <= TOLERANCE * np.abs(observed)).astype(np.float64)),
        )
        if not (high > low).any():
            return judged
        return replace(
            judged,
            covered=summed(((observed >= low) & (observed <= high)).astype(np.float64)),
            width=summed(high - low),
            below=summed(pinball(observed, low, (1 - LEVEL) / 2)),
            above=summed(pinball(observed, high, (1 + LEVEL) / 2)),
        )

    @property
    def rows(self) -> int:
        """How many series there are."""
        return len(self.steps)

    @property
    def metrics(self) -> dict[str, float]:
        """The measures, each series counted once."""
        once = np.ones((1, self.rows))
        return {name: float(measure(once)[0]) for name, measure in self.measures.items()}

    def take(self, rows: Index) -> "JudgedSeries":
        """Return what some series missed."""
        sums = {one.name: getattr(self, one.name) for one in fields(self)}
        some: dict[str, Any] = {name: None if values is None else values[rows] for name, values in sums.items()}
        return replace(self, **some)

    @cached_property
    def measures(self) -> Mapping[str, Measure]:
        """MASE and sMAPE as means over series, the others over steps."""
        found: dict[str, Measure] = {
            "mase": self._by_series(self.scaled),
            "smape": self._by_series(self.relative),
            "mae": self._by_step(self.absolute),
            "rmse": lambda weights: np.sqrt(self._by_step(self.squared)(weights)),
            "within_tolerance": self._by_step(self.within),
        }
        of_bounds = {"interval_coverage": self.covered, "interval_width": self.width}
        of_bounds |= {"pinball_low": self.below, "pinball_high": self.above}
        return {**found, **{name: self._by_step(sums) for name, sums in of_bounds.items() if sums is not None}}

    def worst(self, most: int) -> list[int]:
        """Return the series that are forecast worst by MASE, the worst first; those that were not observed are left out."""
        means = np.divide(self.scaled, self.steps, out=np.full(self.rows, -np.inf), where=self.steps > 0)
        order = np.argsort(-means, kind="stable")
        return [place for place in order.tolist() if self.steps[place] > 0][:most]

    @property
    def shares(self) -> Mapping[str, int]:
        """How many series are behind each share."""
        return dict.fromkeys(_SHARES, self.rows)

    def bounds(self, name: str) -> tuple[float, float]:
        """Return the least and largest value that a measure can take."""
        return SHARE if name in _SHARES else (0.0, 200.0) if name == "smape" else FROM_ZERO

    def _by_series(self, sums: Doubles) -> Measure:
        has = self.steps > 0
        means = np.divide(sums, self.steps, out=np.zeros_like(sums), where=has)
        return lambda weights: ratio(weights @ means, weights @ has.astype(np.float64))

    def _by_step(self, sums: Doubles) -> Measure:
        return lambda weights: ratio(weights @ sums, weights @ self.steps)
