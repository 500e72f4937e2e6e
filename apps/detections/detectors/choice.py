"""Which detections to review next: near the threshold, and unlike one another and what is reviewed already.

Greedy k-centre (Gonzalez 1985) over the scaled columns, half mixed with closeness to the threshold: at each step the one
is taken whose distance to all that is taken or reviewed, and whose closeness, are together the largest. Distances are Gower's
(1971): of numbers the difference over their range, of other values 0 or 1, of a missing one 1, averaged over the columns;
rows of two models are as far apart as can be. The closest to the threshold is the one of the least score, by rank.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

METHOD = (
    "Greedy k-centre over the scaled columns (Gower distance, also to the last reviewed ones), half mixed with closeness to "
    "the threshold: the least of the scores that alert."
)
MOST_COLUMNS = 50
_HALF = 0.5
_TOO_LARGE = 10**150  # columns that no model reads may hold anything
_Ranges = dict[tuple[Hashable, str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One detection: the model it is of, its score and its row."""

    model: Hashable
    score: float
    row: Mapping[str, Any]


def next_places(candidates: Sequence[Candidate], reviewed: Sequence[Candidate], count: int) -> list[int]:
    """Return the places of the candidates to look at, the first first."""
    ranges = _ranges([*candidates, *reviewed])
    closeness = _closeness(candidates)
    apart = [min((_distance(one, known, ranges) for known in reviewed), default=1.0) for one in candidates]
    left, taken = set(range(len(candidates))), list[int]()
    while left and len(taken) < count:
        furthest = max(apart[place] for place in left) or 1.0
        best = max(left, key=lambda place: (_HALF * closeness[place] + _HALF * apart[place] / furthest, -place))
        left.discard(best)
        taken.append(best)
        for place in left:
            apart[place] = min(apart[place], _distance(candidates[place], candidates[best], ranges))
    return taken


def _closeness(candidates: Sequence[Candidate]) -> list[float]:
    """Return for each candidate 1 where none of its model scores less, falling by rank towards 0."""
    scores: dict[Hashable, list[float]] = {}
    for one in candidates:
        scores.setdefault(one.model, []).append(one.score)
    ranks = {model: {score: rank for rank, score in enumerate(sorted(set(own)))} for model, own in scores.items()}
    return [1.0 - ranks[one.model][one.score] / len(ranks[one.model]) for one in candidates]


def _ranges(every: Sequence[Candidate]) -> _Ranges:
    found: _Ranges = {}
    for one in every:
        for name in list(one.row)[:MOST_COLUMNS]:
            if _is_number(value := one.row[name]):
                low, high = found.get((one.model, name), (value, value))
                found[one.model, name] = (min(low, value), max(high, value))
    return found


def _distance(one: Candidate, other: Candidate, ranges: _Ranges) -> float:
    if one.model != other.model:
        return 1.0
    names = list(one.row)[:MOST_COLUMNS]
    if not names:
        return 0.0
    return sum(_apart(one, other, name, ranges) for name in names) / len(names)


def _apart(one: Candidate, other: Candidate, name: str, ranges: _Ranges) -> float:
    first, second = one.row[name], other.row.get(name)
    if first is None or second is None:
        return float(first is not second)
    if not (_is_number(first) and _is_number(second)):
        return float(first != second)
    low, high = ranges[one.model, name]
    return abs(first - second) / (high - low) if high > low else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE
