"""A sample of rows that come in portions: each row of all has the same chance to be in it, and memory does not grow."""

from collections.abc import Callable

import numpy as np

from apps.algorithms.reference import Doubles, Index


class RowSample:
    """At most `most` rows, as a matrix: those that drew the least numbers of all that were offered."""

    def __init__(self, most: int, *, seed: int = 0) -> None:
        self.most, self.offered = most, 0
        self._chance = np.random.default_rng(seed)
        self._drawn: Doubles = np.zeros(0)
        self._rows: Doubles | None = None

    def offer(self, count: int, rows_at: Callable[[Index], Doubles]) -> None:
        """Draw for so many more rows; `rows_at` returns those at some places, and is asked only for the ones that are kept."""
        self.offered += count
        drawn = self._chance.random(count)
        worst = float(self._drawn.max()) if len(self._drawn) == self.most else 1.0
        places = np.flatnonzero(drawn < worst)
        if len(places) > self.most:
            places = places[np.argpartition(drawn[places], self.most - 1)[: self.most]]
        if not len(places):
            return
        fresh = rows_at(places)
        numbers = np.concatenate([self._drawn, drawn[places]])
        rows = fresh if self._rows is None else np.concatenate([self._rows, fresh])
        kept = np.argsort(numbers, kind="stable")[: self.most]
        self._drawn, self._rows = numbers[kept], rows[kept]

    @property
    def rows(self) -> Doubles:
        """The sample, in random order."""
        return np.zeros((0, 0)) if self._rows is None else self._rows
