"""The decision: which columns drifted, since when, and what to do; a false alarm is a budget, not a surprise.

Of each column one test compares the values (Kolmogorov-Smirnov for numbers, the likelihood ratio for categories), one the
missing values, and one looks for new categories or values out of range. All p-values of a check, those of the answers
too, are corrected together at the budget's level. A column drifts where one of them stands and its effect matters besides;
it alarms once it drifted in two windows in a row. A window with too little data changes nothing.

Dates are told, but only their missing values are judged: that time goes on is no drift.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from apps.monitoring.detectors.budget import FalseAlarmBudget, adjusted
from apps.monitoring.detectors.chi_square import chi_square
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import TIMES, Finding
from apps.monitoring.detectors.kolmogorov_smirnov import kolmogorov_smirnov
from apps.monitoring.detectors.missingness import missingness
from apps.monitoring.detectors.new_categories import new_categories
from apps.monitoring.detectors.out_of_range import out_of_range
from apps.monitoring.detectors.psi import population_stability

Detector = Callable[[ColumnCounts], Finding]

TOGETHER = "columns together"
OF_VALUES = ("kolmogorov_smirnov", "chi_square")  # their effect is judged by the stability index
WHAT_TO_DO = {
    "missingness": "Look at the source that fills this column.",
    "new_categories": "Check whether these are typing faults; if not, train on rows that have them.",
    "out_of_range": "Check the unit and the source; if the values are right, train on rows that have them.",
    "domain_classifier": "Look at what these columns have to do with one another: their source may join or compute them otherwise.",
    "values": "Compare recent answers with what came true, and train on newer rows if the model does worse.",
    "answers": "The model answers otherwise than it did: look at the columns that drifted, and ask for labels of recent rows.",
}


class State(StrEnum):
    """What a column is in."""

    UNKNOWN = "unknown"
    STEADY = "steady"
    DRIFTING = "drifting"  # in this window, for the first time: perhaps chance
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class ColumnVerdict:
    """What became of a column: since which window it drifts, by which detectors (`causes`), and what they found.

    `said` are its sentences, one after the other.
    """

    column: str
    state: State
    since: str | None
    causes: tuple[str, ...]
    p_value: float | None
    weight: float
    said: tuple[str, ...]
    advice: str
    findings: tuple[Finding, ...]
    is_new: bool = False

    @property
    def has_drifted(self) -> bool:
        """Whether it drifts in this window."""
        return self.state in {State.DRIFTING, State.ALARM}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ColumnVerdict":
        """Rebuild a column from its part of `Verdict.as_json`."""
        findings = tuple(map(Finding.from_json, stored["findings"]))
        told = {name: tuple(stored[name]) for name in ("causes", "said")}
        return cls(**{**stored, **told, "state": State(stored["state"]), "findings": findings})


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check of one `window`: inputs and answers apart, and the `share` of the model's importance that drifts, 0 to 1.

    `level` is what all p-values together were held to; those of the columns are corrected. `together` are all columns at
    once, None where they were not looked at.
    """

    window: str
    rows: int
    level: float
    columns: tuple[ColumnVerdict, ...]
    answers: tuple[ColumnVerdict, ...]
    share: float
    sentence: str
    together: ColumnVerdict | None = None

    @property
    def every(self) -> tuple[ColumnVerdict, ...]:
        """The columns, the answers, and all columns at once."""
        return (*self.columns, *self.answers, *([self.together] if self.together else []))

    @property
    def new_alarms(self) -> tuple[ColumnVerdict, ...]:
        """What alarms now and did not in the window before: what people are told of."""
        return tuple(one for one in self.every if one.is_new)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Verdict":
        """Rebuild a verdict from `as_json`."""
        parts = {part: tuple(map(ColumnVerdict.from_json, stored[part])) for part in ("columns", "answers")}
        together = ColumnVerdict.from_json(told) if (told := stored.get("together")) else None
        return cls(**{**stored, **parts, "together": together})


def judge(
    columns: Sequence[ColumnCounts],
    *,
    window: str,
    answers: Sequence[ColumnCounts] = (),
    previous: Verdict | None = None,
    importances: Mapping[str, float] | None = None,
    budget: FalseAlarmBudget | None = None,
    together: Finding | None = None,
) -> Verdict:
    """Judge one window, `previous` being the verdict on the window before; columns without an importance have none.

    What was found of all columns at once (`together`) is one more test of the same budget, and persists as a column does.
    """
    level = (budget or FalseAlarmBudget()).level
    found = [_findings(column) for column in (*columns, *answers)]
    found += [(together,)] if together else []
    corrected = iter(adjusted(np.array([one.p_value for own in found for one in own if one.p_value is not None])).tolist())
    chances = [{one.detector: next(corrected) for one in own if one.p_value is not None} for own in found]
    weights = [*_weights(columns, importances), *(0.0 for _ in answers)]
    before = {one.column: one for one in previous.columns} if previous else {}
    answered_before = {one.column: one for one in previous.answers} if previous else {}
    judged = [
        _judged(
            counts.reference.name,
            own,
            {detector for detector, chance in of.items() if chance <= level},
            least=min(of.values(), default=None),
            before=(before if at < len(columns) else answered_before).get(counts.reference.name),
            window=window,
            weight=weights[at],
            is_answer=at >= len(columns),
        )
        for at, (counts, own, of) in enumerate(zip((*columns, *answers), found, chances, strict=False))
    ]
    whole = _whole(found[-1], chances[-1], level, previous, window) if together else None
    inputs, told = tuple(judged[: len(columns)]), tuple(judged[len(columns) :])
    drifted = min(1.0, sum((one.weight for one in inputs if one.has_drifted), start=0.0))
    rows = max((column.rows for column in (*columns, *answers)), default=0)
    return Verdict(window, rows, level, inputs, told, drifted, _summed(inputs, told, whole, drifted), whole)


def _whole(
    found: tuple[Finding, ...], chances: Mapping[str, float], level: float, previous: Verdict | None, window: str
) -> ColumnVerdict:
    """Judge all columns at once."""
    return _judged(
        TOGETHER,
        found,
        {detector for detector, chance in chances.items() if chance <= level},
        least=min(chances.values(), default=None),
        before=previous.together if previous else None,
        window=window,
        weight=0.0,
        is_answer=False,
    )


def _findings(column: ColumnCounts) -> tuple[Finding, ...]:
    return tuple(detector(column) for detector in _detectors_of(column))


def _detectors_of(column: ColumnCounts) -> tuple[Detector, ...]:
    if column.reference.kind in TIMES:
        return (missingness,)
    if column.reference.has_levels:
        return (chi_square, population_stability, missingness, new_categories)
    return (kolmogorov_smirnov, population_stability, missingness, out_of_range)


def _weights(columns: Sequence[ColumnCounts], importances: Mapping[str, float] | None) -> list[float]:
    """Return each column's share of all importance; equal shares where none is given, or none has any."""
    given = [max(0.0, float((importances or {}).get(column.reference.name, 0.0))) for column in columns]
    whole = sum(one for one in given if np.isfinite(one))
    if not 0 < whole < np.inf:
        return [1 / max(len(columns), 1)] * len(columns)
    return [one / whole if np.isfinite(one) else 0.0 for one in given]


def _judged(
    name: str,
    found: tuple[Finding, ...],
    stands: set[str],
    *,
    least: float | None,
    before: ColumnVerdict | None,
    window: str,
    weight: float,
    is_answer: bool,
) -> ColumnVerdict:
    """Make up a column's mind from its findings and from what it was before."""
    matters = {one.detector for one in found if one.is_large}
    causes = tuple(
        one.detector
        for one in found
        if one.detector in stands and ("psi" if one.detector in OF_VALUES else one.detector) in matters
    )
    drifted_before = before is not None and before.has_drifted
    is_new = False
    if causes:
        state = State.ALARM if drifted_before else State.DRIFTING
        since = before.since if before is not None and drifted_before else window
        is_new = state == State.ALARM and before is not None and before.state != State.ALARM
    elif not any(one.is_known for one in found if one.detector != "missingness") and before is not None and drifted_before:
        state, since = before.state, before.since
    else:
        state, since = (State.STEADY if any(one.is_known for one in found) else State.UNKNOWN), None
    said = _said(found, causes, state, since)
    return ColumnVerdict(
        name, state, since, causes, least, weight, said, _advice(causes, is_answer=is_answer), found, is_new
    )


def _said(found: tuple[Finding, ...], causes: tuple[str, ...], state: State, since: str | None) -> tuple[str, ...]:
    if state == State.UNKNOWN:
        return (found[0].sentence,)
    if state == State.STEADY:
        return ("No change that is more than chance and large enough to matter.",)
    if not causes:
        return (f"Drifted since {since}; this window has not enough data to tell whether it still does.",)
    told = tuple(one.sentence for one in found if one.detector in causes)
    if state == State.DRIFTING:
        return (*told, "Seen in this window only: it alarms if the next one shows it too.")
    return (*told, f"Seen since {since}.")


def _advice(causes: tuple[str, ...], *, is_answer: bool) -> str:
    if not causes:
        return ""
    if is_answer:
        return WHAT_TO_DO["answers"]
    named = [cause for cause in causes if cause not in OF_VALUES]
    return WHAT_TO_DO[named[0] if named else "values"]


def _summed(
    inputs: Iterable[ColumnVerdict], answers: Iterable[ColumnVerdict], whole: ColumnVerdict | None, drifted: float
) -> str:
    told = [one for one in inputs if one.causes]
    alarmed, moving = ([one.column for one in told if one.state == state] for state in (State.ALARM, State.DRIFTING))
    unsure = [one.column for one in inputs if one.has_drifted and not one.causes]
    if inputs and not told and all(one.state == State.UNKNOWN or one.column in unsure for one in inputs):
        before = [f"{_listed(unsure)} drifted before."] if unsure else []
        return " ".join([*before, "This window has not enough data to tell whether anything drifts."])
    parts = []
    if alarmed:
        parts.append(f"{_listed(alarmed)} drifted in two windows in a row.")
    if moving:
        parts.append(f"{_listed(moving)} drifted in this window for the first time.")
    if alarmed or moving:
        parts.append(f"They carry {drifted:.0%} of the model's importance.".replace("%", " %"))
    if any(one.has_drifted for one in answers):
        parts.append("The model's answers drifted.")
    if whole is not None and whole.has_drifted and not (alarmed or moving):
        parts.append("The columns no longer go together as they did.")
    return " ".join(parts) or "Nothing drifted."


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more columns" if len(names) > most else ""
    return ", ".join(names[:most]) + more
