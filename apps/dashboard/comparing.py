"""Two versions side by side: which is better in what, where that is no chance."""

from dataclasses import dataclass
from math import hypot

from apps.dashboard.figures import figure
from apps.dashboard.words import METRICS, SMALLER_IS_BETTER
from apps.registry.models import ModelVersion

_NEITHER_BETTER = {"alert_rate", "interval_coverage", "set_coverage", "clusters", "noise_share"}


@dataclass(frozen=True, slots=True)
class Told:
    """A number of a version, with the ends of its interval where it has one."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of two versions; `verdict` says how the second does beside the first.

    It is "better" or "worse" where the difference is no chance, "unsure" where it may be, "unknown" where no interval tells; ""
    where both are as good, or neither of two values is the better one.
    """

    code: str
    label: str
    one: Told
    other: Told
    verdict: str
    is_main: bool

    @property
    def first(self) -> float | None:
        """The number of the first version."""
        return self.one.value

    @property
    def second(self) -> float | None:
        """The number of the second version."""
        return self.other.value


def compared_scores(first: ModelVersion, second: ModelVersion) -> list[Compared]:
    """Return the metrics of two versions side by side, the main one of the second first."""
    main = second.evaluation.get("main")
    found = []
    for code in dict.fromkeys([*second.metrics, *first.metrics]):
        one, other = _told(first, code), _told(second, code)
        found.append(Compared(code, str(METRICS.get(code, code)), one, other, _verdict(code, one, other), code == main))
    return sorted(found, key=lambda score: not score.is_main)


_OF_SPLIT = ("method", "test_rows", "frozen_rows", "feedback_until")


def kept_the_same_rows_apart(first: ModelVersion, second: ModelVersion) -> bool:
    """Say whether two versions were measured on the same rows."""
    splits = [version.evaluation.get("split", {}) for version in (first, second)]
    apart = [
        (version.dataset_version_id, version.seed, *(split.get(fact) for fact in _OF_SPLIT))
        for version, split in zip((first, second), splits, strict=True)
    ]
    return apart[0] == apart[1]


def _told(version: ModelVersion, code: str) -> Told:
    ends = version.evaluation.get("intervals", {}).get("metrics", {}).get(code, (None, None))
    return Told(version.metrics.get(code), *ends)


def _verdict(code: str, one: Told, other: Told) -> str:
    """Say which of two numbers is better, if that is sure.

    Reports hold no row's answers, so what is hard for both does not cancel out: the interval of the difference is made of both
    intervals, as of numbers found on different rows (MOVER: Zou and Donner 2008). On the same rows it is wider than it would
    have to be: what it calls sure is.
    """
    if one.value is None or other.value is None or code in _NEITHER_BETTER or figure(one.value) == figure(other.value):
        return ""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return "unknown"
    gain = other.value - one.value
    low = gain - hypot(other.value - other.low, one.high - one.value)
    high = gain + hypot(other.high - other.value, one.value - one.low)
    if low <= 0 <= high:
        return "unsure"
    return "better" if (gain > 0) != (code in SMALLER_IS_BETTER) else "worse"
