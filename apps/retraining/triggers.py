"""When a model is retrained: its policy, what is known of it now, and the one decision that follows, with its reasons.

The same policy, facts and time give the same decision to the byte, so a dry run decides as the real run does. All times are
counted in UTC. Times after `now` are those of a clock that was wrong: nothing waits for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Self

from apps.algorithms.hyperparameters import Hyperparameter, clean_parameters

MONTH = timedelta(days=30)  # of the budget; it slides, and so knows no time zone
_DAY = timedelta(days=1)
# Verdicts of one giver that count, unless the policy says otherwise: fewer than in what is shown (`feedback`, `MOST_OF_A_GIVER`),
# since what counts here begins a training with nobody looking.
MOST_OF_A_SUBJECT = 10
PROMOTIONS = ("automatic", "approval", "hand")  # it goes live, waits for a person to approve, or is only told of


SETTINGS = (
    Hyperparameter("is_enabled", "boolean", True, "Retrain by itself"),
    Hyperparameter("mode", "choice", "all", "Conditions to be met", choices=("all", "any")),
    Hyperparameter("window_days", "integer", 30, "Days of verdicts that are looked at", low=1, high=3650),
    Hyperparameter("feedback", "integer", 100, "Verdicts at least", low=1, high=999_999, nullable=True),
    Hyperparameter("negatives", "integer", 20, "Negative verdicts at least", low=1, high=999_999, nullable=True),
    Hyperparameter("satisfaction", "number", 0.7, "Share of positive verdicts below", low=0, high=1, nullable=True),
    Hyperparameter(
        "drift",
        "number",
        None,
        "Share of the importance that drifts",
        "0: any alarm; 0.2: columns that make up a fifth of what the model goes by",
        low=0,
        high=1,
        nullable=True,
    ),
    Hyperparameter("realised_fall", "number", None, "Realised performance fell by", low=0, high=1, nullable=True),
    Hyperparameter("estimated_fall", "number", None, "Estimated performance fell by", low=0, high=1, nullable=True),
    Hyperparameter("age_days", "integer", None, "Days since it was trained", low=1, high=3650, nullable=True),
    Hyperparameter("new_rows", "integer", None, "New rows at least", low=1, high=1e9, nullable=True),
    Hyperparameter("least_verdicts", "integer", 30, "Verdicts needed to speak of quality", low=1, high=999_999),
    Hyperparameter(
        "most_per_subject", "integer", MOST_OF_A_SUBJECT, "Verdicts that count of one", low=1, high=999_999, nullable=True
    ),
    Hyperparameter("weekly", "boolean", True, "Retrain on Sundays if anything has come"),
    Hyperparameter("cooldown_hours", "number", 20, "Hours between two retrainings", low=0, high=8784),
    Hyperparameter("per_month", "integer", 10, "Retrainings within 30 days", low=1, high=1000, nullable=True),
    Hyperparameter("promotion", "choice", "automatic", "A version that passes the gate", choices=PROMOTIONS),
    Hyperparameter(
        "watch_days", "integer", 14, "Days within which a promotion is taken back", low=1, high=365, nullable=True
    ),
)


def checked(settings: tuple[Hyperparameter, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings, defaults filled in; raise `InvalidInput` that names each bad one, NaN and infinity among them."""
    odd = {name: str(value) for name, value in given.items() if isinstance(value, float) and not isfinite(value)}
    return clean_parameters(settings, {**given, **odd}, pointer="")


@dataclass(frozen=True)
class Policy:
    """When a model is retrained by itself; a condition is off where its threshold is None.

    `satisfaction` and the falls are shares; `drift` is the share of the model's importance that drifts, 0 for any alarm. A fall
    is in points of a measure where more is better, else a share of its error. `weekly` is the backup: the run on Sundays retrains
    whatever the conditions say, unless nothing has come since. `cooldown_hours` is under a day by default,
    since a daily check that came a second early would be put off by a day. `promotion` is one of `PROMOTIONS`; `watch_days` is
    for how long a promotion by the gate is taken back when labels show a surely worse version, None for never.
    """

    is_enabled: bool = True
    mode: str = "all"
    window_days: int = 30
    feedback: int | None = 100
    negatives: int | None = 20
    satisfaction: float | None = 0.7
    drift: float | None = None
    realised_fall: float | None = None
    estimated_fall: float | None = None
    age_days: int | None = None
    new_rows: int | None = None
    least_verdicts: int = 30
    most_per_subject: int | None = MOST_OF_A_SUBJECT
    weekly: bool = True
    cooldown_hours: float = 20
    per_month: int | None = 10
    promotion: str = "automatic"
    watch_days: int | None = 14

    def __post_init__(self) -> None:
        checked(SETTINGS, asdict(self))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read a policy; what is not given is as by default."""
        return cls(**checked(SETTINGS, stored))

    def as_json(self) -> dict[str, Any]:
        """Return every setting."""
        return asdict(self)


@dataclass(frozen=True)
class Facts:
    """What is known of a model now; None where nothing is.

    `positives` and `negatives` are the verdicts within the policy's window. `subjects` tells them (positives, negatives) by who
    gave them, then counts instead, and holds every verdict: one without a subject stands under the user or key that sent it.
    `realised_rows` are the labelled rows behind `realised_fall`. Where labels contradict the newest estimate (`is_estimate_void`)
    `estimated_fall` is None: it neither begins a retraining nor is it taken for calm. `data_changed_at` is when rows or verdicts last came,
    `learned_until` when the newest training that ended well read them; `is_learned_by_live` says whether its version is the live one.
    `retrainings` are when those by policy or by force began, failed ones too.
    """

    positives: int | None = None
    negatives: int | None = None
    subjects: Mapping[str, tuple[int, int]] | None = None
    drift_alarm: bool | None = None
    drift_share: float | None = None
    realised_fall: float | None = None
    realised_rows: int | None = None
    estimated_fall: float | None = None
    is_estimate_void: bool = False
    trained_at: datetime | None = None
    new_rows: int | None = None
    learned_until: datetime | None = None
    is_learned_by_live: bool = True
    data_changed_at: datetime | None = None
    retrainings: tuple[datetime, ...] = ()
    has_version: bool = True
    is_archived: bool = False
    is_running: bool = False
    is_judging: bool = False
    is_waiting: bool = False


@dataclass(frozen=True)
class Condition:
    """One trigger: `threshold` is None where it is off, `met` None where that is so or the value is not known."""

    name: str
    value: float | None
    threshold: float | None
    unit: str
    met: bool | None
    sentence: str


@dataclass(frozen=True)
class Guard:
    """What may stand in the way of a retraining, whatever the conditions say; `blocks` says whether it does."""

    name: str
    blocks: bool
    sentence: str


@dataclass(frozen=True)
class Decision:
    """Whether to retrain: `reasons` speak for it, `why_not` against it, and is empty where it is; `notes` tell what counted."""

    retrain: bool
    mode: str
    forced: bool
    conditions: tuple[Condition, ...]
    guards: tuple[Guard, ...]
    reasons: tuple[str, ...]
    why_not: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what is shown and stored."""
        return {name: list(told) if isinstance(told, tuple) else told for name, told in asdict(self).items()}


def decide(policy: Policy, facts: Facts, *, now: datetime, force: bool = False, is_weekly: bool = False) -> Decision:
    """Decide whether a model is to be retrained now.

    `force` goes past conditions, cooldown, data that did not change, a challenger that waits for approval and a policy that is
    switched off; never past a running training, a judgement under way or the budget, so that a schedule that always forces does
    not train for ever. `is_weekly` is the run on Sundays: where the policy wants it, it goes past the conditions alone.
    """
    now = _utc(now)
    verdicts = _counted(policy, facts)
    conditions = (*_of_verdicts(policy, verdicts), *_of_quality(policy, facts), *_of_data(policy, facts, now))
    guards = tuple(
        replace(one, blocks=False) if force and one.name in _FORCED else one for one in _guards(policy, facts, now)
    )
    on = [one for one in conditions if one.threshold is not None]
    met = [one for one in on if one.met]
    is_backup = is_weekly and policy.weekly
    wanted = force or is_backup or (bool(met) and (policy.mode == "any" or len(met) == len(on)))
    against = [one.sentence for one in guards if one.blocks]
    if not wanted:
        against += [one.sentence for one in on if not one.met] or ["No condition is on: it is retrained by hand alone."]
    return Decision(
        retrain=not against,
        mode=policy.mode,
        forced=force,
        conditions=conditions,
        guards=guards,
        reasons=(*([_ASKED] if force else []), *([_BACKUP] if is_backup else []), *(one.sentence for one in met)),
        why_not=tuple(against),
        notes=tuple(verdicts.notes),
    )


@dataclass(frozen=True)
class _Verdicts:
    """The verdicts that count; `count` is None where none are known."""

    count: int | None
    negatives: int | None
    notes: tuple[str, ...] = ()


def _counted(policy: Policy, facts: Facts) -> _Verdicts:
    """Count verdicts, no subject's beyond the cap: of one who gave more, positives and negatives shrink alike."""
    most = policy.most_per_subject
    if facts.subjects is None:
        if facts.positives is None or facts.negatives is None:
            return _Verdicts(None, None)
        count = facts.positives + facts.negatives
        notes = ("It is not known who gave the verdicts: all of them count.",) if most and count else ()
        return _Verdicts(count, facts.negatives, notes)
    given = sum(map(sum, facts.subjects.values()))
    pairs = [_capped(*pair, most) for pair in facts.subjects.values()]
    count, negatives = sum(map(sum, pairs)), sum(pair[1] for pair in pairs)
    note = f"Of {given} verdicts {count} count, no more than {most} of each of {len(pairs)} subjects."
    if len(pairs) == 1:
        note = f"Of {given} verdicts {count} count, no more than {most} of the one subject that gave them."
    return _Verdicts(count, negatives, (note,) if count < given else ())


def _capped(positives: int, negatives: int, most: int | None) -> tuple[int, int]:
    given = positives + negatives
    if most is None or given <= most:
        return positives, negatives
    kept = (2 * most * negatives + given) // (2 * given)  # rounded, halves up
    return most - kept, kept


def _judged(
    policy: Policy, name: str, value: float | None, unit: str, unknown: str, told: Callable[[Any, Any, bool], str]
) -> Condition:
    """Judge one value by the policy's threshold: satisfaction is met below it, all else from it on, but never by 0."""
    threshold = getattr(policy, name)
    value = value if value is not None and isfinite(value) else None
    if threshold is None:
        return Condition(name, value, None, unit, None, "This condition is off.")
    if value is None:
        return Condition(name, None, threshold, unit, None, unknown)
    met = value < threshold if name == "satisfaction" else value >= threshold and value > 0
    return Condition(name, value, threshold, unit, met, told(value, threshold, met))


def _of_verdicts(policy: Policy, verdicts: _Verdicts) -> tuple[Condition, ...]:
    days, least, none = policy.window_days, policy.least_verdicts, "No verdicts are known."
    count, negatives = verdicts.count, verdicts.negatives
    few = f"{count} of {least} verdicts in {days} days that are needed to speak of satisfaction."
    satisfied = None if count is None or negatives is None or count < least else (count - negatives) / count
    return (
        _judged(policy, "feedback", count, "verdicts", none, lambda value, asked, met: (
            f"{value} of {asked} verdicts in {days} days: {'enough' if met else 'not yet'}."
        )),
        _judged(policy, "negatives", negatives, "verdicts", none, lambda value, asked, met: (
            f"{value} of {asked} negative verdicts in {days} days: {'enough' if met else 'not yet'}."
        )),
        _judged(policy, "satisfaction", satisfied, "share", none if count is None else few, lambda value, asked, met: (
            f"{_percent(value)} of {count} verdicts in {days} days are positive: "
            f"{'below' if met else 'not below'} {_percent(asked)}."
        )),
    )  # fmt: skip


_VOID = "Labels contradict the newest estimate of its performance, so it counts for nothing: go by the labels."


def _of_quality(policy: Policy, facts: Facts) -> tuple[Condition, ...]:
    rows, least, alarm = facts.realised_rows or 0, policy.least_verdicts, facts.drift_alarm
    few = f"{rows} of {least} labelled rows that are needed to speak of performance."
    none = "No labels have come to measure its performance by."
    drift, unit = (facts.drift_share, "share") if policy.drift else (None if alarm is None else float(alarm), "alarm")
    told = f"{_percent(drift or 0)} of the model's importance drifts, and nothing in two checks in a row: it may be chance."
    once = bool(policy.drift) and alarm is False and drift is not None
    unseen = told if once else "No drift report is known."
    return (
        _judged(policy, "drift", None if once else drift, unit, unseen, lambda value, asked, met: (
            f"{_percent(value)} of the model's importance drifts: {'at least' if met else 'less than'} {_percent(asked)}."
            if asked else f"Drift was {'found' if met else 'not found'}."
        )),
        _judged(
            policy, "realised_fall", facts.realised_fall if rows >= least else None, "share",
            none if facts.realised_fall is None else few, lambda value, asked, met: (
                f"Performance on {rows} labelled rows fell by {_percent(value)}: "
                f"{'at least' if met else 'less than'} {_percent(asked)}."
            ),
        ),
        _judged(
            policy, "estimated_fall", facts.estimated_fall, "share",
            _VOID if facts.is_estimate_void else "Its performance has not been estimated.", lambda value, asked, met: (
                f"Estimated performance fell by {_percent(value)}: {'at least' if met else 'less than'} {_percent(asked)}."
            ),
        ),
    )  # fmt: skip


def _of_data(policy: Policy, facts: Facts, now: datetime) -> tuple[Condition, ...]:
    """Judge age and new rows; age to the nearest day, else a check a minute early would put a weekly one off by a day."""
    trained = None if facts.trained_at is None else _utc(facts.trained_at)
    age = None if trained is None or trained > now else round((now - trained) / _DAY)
    return (
        _judged(policy, "age_days", age, "days", "It is not known when it was trained.", _of_age),
        _judged(policy, "new_rows", facts.new_rows, "rows", "It is not known how many rows are new.", (
            lambda value, asked, met: f"{value} of {asked} rows that are new to the live version: {'enough' if met else 'not yet'}."
        )),
    )  # fmt: skip


_ASKED = "It was asked for, whatever the conditions say."
_WAITS = "A challenger passed the gate and waits for approval: decide on it first."
_LEARNED = (
    "Nothing has come since the newest training, whose version is not live: it has learned from what is new to the live one."
)
_BACKUP = "It is the backup of Sundays, whatever the conditions say."
_FORCED = {"enabled", "unchanged", "waiting", "cooldown"}


def _guards(policy: Policy, facts: Facts, now: datetime) -> tuple[Guard, ...]:
    archived, running, on = facts.is_archived, facts.is_running, policy.is_enabled
    judging, waiting = facts.is_judging, facts.is_waiting
    trained = "A version is trained." if facts.has_version else "No version is trained: train the first one by hand."
    return (
        Guard("enabled", not on, f"The policy is switched {'on' if on else 'off'}."),
        Guard("archived", archived, f"The model is {'archived' if archived else 'not archived'}."),
        Guard("version", not facts.has_version, trained),
        Guard("running", running, f"{'A' if running else 'No'} training of this model is under way."),
        Guard("judging", judging, f"{'A' if judging else 'No'} challenger of this model is being judged."),
        Guard("waiting", waiting, _WAITS if waiting else "No challenger waits for approval."),
        _unchanged(facts),
        *_of_past(policy, sorted(began for one in facts.retrainings if (began := _utc(one)) <= now), now),
    )


def _unchanged(facts: Facts) -> Guard:
    if facts.learned_until is None or facts.data_changed_at is None:
        return Guard("unchanged", False, "It is not known whether anything has come since it was trained.")
    if _utc(facts.data_changed_at) > _utc(facts.learned_until):
        return Guard("unchanged", False, "New data have come since it was trained.")
    return Guard("unchanged", True, "Nothing has come since it was trained." if facts.is_learned_by_live else _LEARNED)


def _of_past(policy: Policy, began: list[datetime], now: datetime) -> tuple[Guard, Guard]:
    """Judge cooldown and budget by when retrainings began (ascending)."""
    free = began[-1] + timedelta(hours=policy.cooldown_hours) if began else now
    waits, spent = free > now, len([one for one in began if one > now - MONTH])
    cooldown = "It was never retrained."
    if began:
        last = _short(began[-1])
        cooldown = (
            f"The last retraining began at {last}: the next may begin at {_short(free)}."
            if waits
            else f"The last retraining began at {last}: long enough ago."
        )
    if policy.per_month is None:
        return Guard("cooldown", waits, cooldown), Guard("budget", False, "There is no limit to retrainings.")
    none_left = spent >= policy.per_month
    left = f"{spent} of {policy.per_month} retrainings in 30 days: {'none is left' if none_left else 'not all are spent'}."
    return Guard("cooldown", waits, cooldown), Guard("budget", none_left, left)


def _utc(when: datetime) -> datetime:
    """Return a time in UTC: two times of one zone would be subtracted by what its clocks show, an hour off over a change."""
    if when.tzinfo is None:
        raise ValueError("Give a time with its zone.")
    return when.astimezone(UTC)


def _short(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _of_age(age: int, asked: int, met: bool) -> str:
    if age == 1:
        return "It was trained 1 day ago: at least 1 day." if met else f"It was trained 1 day ago: less than {asked} days."
    if asked == 1:
        return (
            f"It was trained {age} days ago: at least 1 day." if met else f"It was trained {age} days ago: less than 1 day."
        )
    if met:
        return f"It was trained {age} days ago: at least {asked} days."
    return f"It was trained {age} days ago: less than {asked} days."


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"
