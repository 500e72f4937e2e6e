"""Shares of so many, with how sure they are."""

import math
from dataclasses import dataclass
from typing import Any

LEVEL = 0.95
_NORMAL = 1.959964  # of that level, to both sides


def wilson(share: float, of: float, z: float = _NORMAL) -> tuple[float, float]:
    """Return the interval of a share of so many (Wilson 1927), as wide to each side as `z` says: of 95 % by default."""
    square = z**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    reach = z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, never without how many it is of: None of none."""

    share: float | None
    of: int
    interval: tuple[float, float] | None

    def as_json(self) -> dict[str, Any]:
        """Return the API's shape."""
        return {"rate": self.share, "n": self.of, "interval": self.interval, "level": LEVEL}


def rate(part: int, of: int) -> Rate:
    """Return the share that a part is, with its interval."""
    return Rate(part / of, of, wilson(part / of, of)) if of else Rate(None, 0, None)
