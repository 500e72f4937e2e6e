"""Whether a challenger takes the champion's place, by what both answered to the same rows kept apart.

**Gain.** Where more is better (accuracy, ROC AUC, R²) it is a difference: 0.02 is 2 points of the measure's own scale. Where
less is better (root mean squared error, log loss, MASE) it is the share of the champion's error that is gone: 0.02 is 2 %
less error. The lower bound of the gain must lie above the wanted gain, not the gain itself. A wanted gain of 0 asks for
"surely no worse"; below 0 it says how much may be lost, as when a model is learned again without somebody's rows.

**Sureness.** Both are measured on the same resamples, so what is hard for both cancels out; whole groups are drawn where rows
come in groups. The bound is the resamples' quantile, its bias taken off, widened for few rows or groups by Student's
distribution (the expanded percentile interval: Hesterberg 2015).

**Slices and calibration** are held against a challenger that is worse by more than the margin, and surely worse at all. To
ask each slice to be surely no worse would let nothing pass: slices are small. Each of m slices is judged at a chance of
(1 - confidence) / m (Bonferroni), so that one that is as good everywhere is refused by luck no more often than for one slice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.engine.bootstrap import Doubles, Index, Measure, resampling
from apps.retraining.gate.margins import Margins
from apps.retraining.gate.verdict import Check, Verdict, row_check

if TYPE_CHECKING:
    from apps.algorithms.engine.judged import Judged  # its module loads scikit-learn

RESAMPLES, FEWER = 1_000, 400  # fewer where a difference is only held against a challenger
LEAST_OF_A_CLASS, LEAST_GROUPS, LEAST_OF_A_SLICE = 10, 10, 30
UNFELT_MS, UNFELT_BYTES = 1.0, 1_000_000  # more than the champion's: passes whatever the ratio
_LEAST_KNOWN = 0.9  # of the resamples
_BEYOND = 20  # resamples beyond a bound, for their quantile to be it
_TINY = 1e-12
LEVEL_OF_BOUNDS = 0.90  # where the answers do not say
_ANSWERS = ("chances", "values", "scores", "absolute", "found")  # where each task's judged object holds them
_UNJUDGED = {"alert_rate", "noise_share"}  # without labels no answer is better than another
_OF_A_KIND = 5  # rows to be found and others, for a slice to be ranked


@dataclass(frozen=True)
class Contender:
    """A model on the rows kept apart: what it answered, and the hash of the rows that it answered to.

    `learned_rows` is how many of these rows it has learned from. Latency is of one row, of both measured on one machine.
    """

    judged: "Judged"
    holdout: str
    learned_rows: int
    latency_ms: float | None = None
    size_bytes: float | None = None


@dataclass(frozen=True)
class _Pair:
    champion: "Judged"
    challenger: "Judged"
    metric: str
    more: bool
    groups: Index | None
    seed: int

    def take(self, rows: Index) -> "_Pair":
        champion, challenger = self.champion.take(rows), self.challenger.take(rows)
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, champion=champion, challenger=challenger, groups=groups)


@np.errstate(over="ignore", invalid="ignore")  # amounts too large to square: the gain is then not measured
def judge_challenger(
    champion: Contender | None,
    challenger: Contender,
    *,
    metric: str,
    greater_is_better: bool,
    holdout: str,
    margins: Margins | None = None,
    groups: npt.NDArray[np.generic] | None = None,
    slices: Mapping[str, Index] | None = None,
    seed: int = 0,
) -> Verdict:
    """Judge a challenger by the main metric on the rows whose hash is `holdout` now; the same for the same seed.

    `groups` says of each row what it belongs to, `slices` which rows each holds. What cannot be compared is not measured:
    the verdict then ends with the check that failed.
    """
    margins = margins or Margins()
    codes = None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64)
    checks: list[Check] = []
    for check in _comparable(champion, challenger, metric, holdout, margins, codes):
        checks.append(check)
        if not check.passed:
            return Verdict(False, tuple(checks), (check.sentence,))
    assert champion is not None
    pair = _Pair(champion.judged, challenger.judged, metric, greater_is_better, codes, seed)
    checks += [_gain(pair, margins), *_slices(pair, margins, slices or {})]
    checks += [*_calibration(pair, margins), *_costs(champion, challenger, margins)]
    failed = tuple(check.sentence for check in checks if not check.passed)
    return Verdict(not failed, tuple(checks), failed or tuple(check.sentence for check in checks))


def _comparable(
    champion: Contender | None, challenger: Contender, metric: str, holdout: str, margins: Margins, groups: Index | None
) -> Iterator[Check]:
    """Yield what must hold before anything is measured; each relies on those before it."""
    known = champion is not None and metric in champion.judged.measures and metric not in _UNJUDGED
    text = f"The champion is measured by {metric}." if known else f"The champion has no {metric} to be compared with."
    yield Check("champion", known, None, None, text)
    assert champion is not None
    ours, theirs, learned = champion.judged, challenger.judged, max(champion.learned_rows, challenger.learned_rows)
    same = bool(holdout) and champion.holdout == challenger.holdout == holdout
    good, bad = "Both answered to the same rows kept apart.", "The rows kept apart changed, or are not the same for both."
    yield Check("holdout", same, None, None, good if same else bad)
    text = (
        f"{learned} of the rows kept apart were learned from, where none may be."
        if learned
        else "None of them was learned from."
    )
    yield Check("untouched", not learned, float(learned), 0.0, text)
    truths = [_first(judged, "truth", "labels", "steps") for judged in (ours, theirs)]
    same = ours.rows == theirs.rows and metric in theirs.measures and np.array_equal(*truths)
    good, bad = "Both are held against the same truth.", f"The challenger is held against another truth, or by no {metric}."
    yield Check("truth", same, None, None, good if same else bad)
    yield _enough(ours, metric, margins, groups)
    yield from _sound(ours, theirs)


def _sound(champion: "Judged", challenger: "Judged") -> Iterator[Check]:
    """Yield that both answer with numbers and that the challenger tells rows apart."""
    for name, judged in (("champion", champion), ("challenger", challenger)):
        answers = _first(judged, *_ANSWERS)
        bad = int((~np.isfinite(answers.reshape(judged.rows, -1))).any(axis=1).sum())
        text = f"Answers of the {name} that are no number: {bad} of {judged.rows}."
        yield Check(f"{name}_answers", not bad, float(bad), 0.0, text)
    own, other = (len(np.unique(_first(judged, "best", *_ANSWERS))) for judged in (champion, challenger))
    answers = _first(challenger, *_ANSWERS)
    constant = bool((answers == answers[:1]).all()) or other == 1 < own
    text = "The challenger gives every row the same answer." if constant else "The challenger tells rows apart."
    yield Check("constant", not constant, None, None, text)


def _enough(judged: "Judged", metric: str, margins: Margins, groups: Index | None) -> Check:
    """Check that there are rows enough: in all, of the rarest class where the metric leans on it, and groups."""
    unit, found, least = judged.unit, judged.rows, margins.rows if judged.unit == "rows" else LEAST_GROUPS
    if found >= least and groups is not None:
        unit, found, least = "groups", len(np.unique(groups)), LEAST_GROUPS
    if found >= least and judged.unit == "rows" and judged.shares.get(metric, judged.rows) < LEAST_OF_A_CLASS:
        unit, found, least = "rows of the rarest class", judged.shares[metric], LEAST_OF_A_CLASS
    return row_check(unit, found, least)


@dataclass(frozen=True)
class _Apart:
    """How far apart both are on all rows, and the bounds of that, each at the chance asked for; `units` were drawn."""

    value: float
    low: float
    high: float
    units: int
    of_champion: float
    points: bool


def _apart(
    pair: _Pair,
    measure_of: Callable[["Judged"], Measure | None],
    compare: Callable[[Doubles, Doubles], Doubles],
    *,
    chance: float,
    behind: int = 0,
    strata: Index | None = None,
    resamples: int = RESAMPLES,
) -> _Apart | None:
    """Compare champion and challenger by one measure, carried by `behind` rows (0: all); None where it says too little."""
    rows, both = pair.champion.rows, {"champion": pair.champion, "challenger": pair.challenger}
    plan = resampling(rows, seed=pair.seed, strata=strata, groups=pair.groups)
    measures = {name: measure for name, judged in both.items() if (measure := measure_of(judged)) is not None}
    if plan is None or len(measures) < 2:
        return None
    some = {name: measure for name, judged in both.items() if (measure := measure_of(judged.take(plan.rows))) is not None}
    whole = [measure(np.ones((1, rows))) for measure in measures.values()]
    value = float(compare(*whole)[0])
    found = compare(*plan.measured(some, resamples).values())
    known = found[np.isfinite(found)]
    if not isfinite(value) or len(known) < _LEAST_KNOWN * resamples:
        return None
    units = plan.groups or behind or rows
    return _Apart(value, *_bounds(value, known, units=units, chance=chance), units, float(whole[0][0]), compare is _more)


def _bounds(value: float, resampled: Doubles, *, units: int, chance: float) -> tuple[float, float]:
    """Return the bounds that a difference lies below or above with this chance each: by quantiles where enough lie beyond."""
    normal = NormalDist().inv_cdf(1 - chance)
    wide = _student(normal, units - 1) * float(units / (units - 1)) ** 0.5
    if chance * len(resampled) < _BEYOND:
        reach = wide * float(resampled.std())
        return value - reach, value + reach
    low, high = np.quantile(resampled, [chance, 1 - chance], method="weibull") - resampled.mean()
    return value + wide / normal * float(min(low, 0.0)), value + wide / normal * float(max(high, 0.0))


def _student(z: float, freedom: int) -> float:
    """Return the quantile of Student's distribution at that of the normal one (Abramowitz and Stegun 26.7.5)."""
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / float(freedom) ** 3


def _gain(pair: _Pair, margins: Margins) -> Check:
    """Check that the lower bound of the gain lies above the wanted one."""
    metric, wanted, champion = pair.metric, margins.gain, pair.champion
    compare, chance, behind = _more if pair.more else _less, 1 - margins.confidence, champion.shares.get(metric, 0)
    found = _apart(
        pair, lambda judged: judged.measures[metric], compare, chance=chance, behind=behind, strata=champion.strata
    )
    if found is None:
        return Check("gain", False, None, wanted, f"The gain in {metric} cannot be measured on these rows.")
    gain, sure, asked = (_amount(value, points=pair.more) for value in (found.value, found.low, wanted))
    if found.low > wanted:
        text = f"The gain in {metric} is {gain}, surely more than {sure}, where {asked} are asked for."
    elif pair.more and wanted >= (room := champion.bounds(metric)[1] - found.of_champion):
        text = f"The champion leaves no more than {_amount(room, points=True)} of {metric} to gain, where {asked} are asked for: ask for less."
    elif found.value > wanted:
        rows = _rounded_up(found.units * ((found.value - found.low) / (found.value - wanted)) ** 2)
        unit = (
            "groups"
            if pair.groups is not None
            else "rows of the rarest class"
            if 0 < behind < champion.rows
            else champion.unit
        )
        text = f"The gain in {metric} is {gain}, but only {sure} is sure, where {asked} are asked for: about {rows} {unit} would tell."
    else:
        text = f"The gain in {metric} is {gain}, where {asked} are asked for."
    return Check("gain", found.low > wanted, found.low, wanted, text)


def _slices(pair: _Pair, margins: Margins, slices: Mapping[str, Index]) -> Iterator[Check]:
    """Yield each slice on which the challenger surely loses more than it may, or that there is none."""
    loss, chance = margins.slice_loss, (1 - margins.confidence) / max(1, len(slices))
    judged = {name: _apart_on(pair.take(np.asarray(rows, dtype=np.int64)), chance) for name, rows in slices.items()}
    found = {name: one for name, one in judged.items() if one is not None}
    bad = {name: one for name, one in found.items() if one.high < 0 and one.value < -loss}
    for name, one in bad.items():
        lost, least, allowed = (_amount(value, points=one.points) for value in (-one.value, -one.high, loss))
        text = f"Where {name}, it loses {lost}, surely more than {least}; no more than {allowed} may be lost."
        yield Check("slice", False, one.value, -loss, text)
    if not bad:
        few = len(judged) - len(found)
        text = f"On none of {len(found)} slices does it surely lose more than it may; {few} more have too few rows to say."
        yield Check("slices", True, min((one.value for one in found.values()), default=None), -loss, text)


def _apart_on(pair: _Pair, chance: float) -> _Apart | None:
    """Compare both on a slice, by what slices are compared by: how rows are ranked where there are enough of both kinds."""
    champion, metric, behind, strata = pair.champion, pair.metric, 0, None
    if champion.rows < LEAST_OF_A_SLICE and champion.unit == "rows":
        return None
    measure = champion.slice_measure(metric)
    if measure is not None and measure.truth is not None:
        behind, strata = int(min(measure.truth.sum(), (~measure.truth).sum())), measure.truth.astype(np.int64)
        if behind < _OF_A_KIND:
            metric, behind, strata = "accuracy", 0, None
            measure = champion.slice_measure(metric)
    more = pair.more if measure is None else measure.greater_is_better
    compare = _more if more else _less
    return _apart(
        pair, lambda of: of.slice_measure(metric) or of.measures.get(metric), compare,
        chance=chance, behind=behind, strata=strata, resamples=FEWER,
    )  # fmt: skip


def _calibration(pair: _Pair, margins: Margins) -> Iterator[Check]:
    """Yield that chances, or bounds, are kept about as well as the champion's; nothing where the champion has neither."""
    margin = margins.calibration_loss
    if _miscalibration(pair.champion) is None:
        return
    chance, strata = 1 - margins.confidence, pair.champion.strata
    found = _apart(pair, _miscalibration, _more, chance=chance, strata=strata, resamples=FEWER)
    if found is None:
        yield Check("calibration", False, None, margin, "The calibration of the challenger cannot be measured.")
        return
    bad = found.low > 0 and found.value > margin
    yield Check("calibration", not bad, found.value, margin, _lost_calibration(found.value, margin, surely=found.low > 0))


def _lost_calibration(lost: float, margin: float, *, surely: bool) -> str:
    off, allowed = (_amount(abs(value), points=True) for value in (lost, margin))
    if lost <= 0:
        return f"Its calibration is off by {off} less than the champion's."
    if lost > margin and not surely:
        return f"Its calibration is off by {off} more than the champion's, where {allowed} are allowed: this may be chance."
    return f"Its calibration is off by {off} more than the champion's, where {allowed} are allowed: {'good' if lost <= margin else 'too much'}."


def _miscalibration(judged: "Judged") -> Measure | None:
    """Return how far confidence is from being right, or bounds from holding as often as they say."""
    measures = judged.measures
    if "calibration_error" in measures:
        return measures["calibration_error"]
    if "interval_coverage" not in measures:
        return None
    level, coverage = getattr(judged, "level", LEVEL_OF_BOUNDS), measures["interval_coverage"]
    return lambda weights: np.abs(coverage(weights) - level)


def _costs(champion: Contender, challenger: Contender, margins: Margins) -> Iterator[Check]:
    """Yield latency and size, where they count."""
    asked = (
        ("latency", champion.latency_ms, challenger.latency_ms, margins.latency_ratio, UNFELT_MS),
        ("size", champion.size_bytes, challenger.size_bytes, margins.size_ratio, UNFELT_BYTES),
    )
    for name, own, other, most, unfelt in asked:
        if most is None:
            continue
        if own is None or other is None or not (0 < own < np.inf and 0 <= other < np.inf):
            yield Check(name, False, None, most, f"The {name} of both must be measured to be compared.")
            continue
        within, felt = other <= own * most, other > own + unfelt
        ratio = other / own
        text = f"Its {name} is {ratio:.3g} times the champion's: {'within' if within else 'beyond'} the {most:.3g} allowed."
        if not (within or felt):
            text = f"Its {name} is {ratio:.3g} times the champion's: beyond the {most:.3g} allowed, but so little more is not felt."
        yield Check(name, within or not felt, ratio, most, text)


def _more(champion: Doubles, challenger: Doubles) -> Doubles:
    return challenger - champion


def _less(champion: Doubles, challenger: Doubles) -> Doubles:
    """Return the share of the champion's error that is gone."""
    return (champion - challenger) / np.maximum(champion, _TINY)


def _amount(value: float, points: bool) -> str:
    return f"{100 * value:.3g} points" if points else f"{100 * value:.3g}%"


def _rounded_up(count: float) -> int:
    """Round a count up to two digits."""
    step = 10.0 ** max(0, len(str(int(count))) - 2)
    return round(-(-count // step) * step)


def _first(judged: "Judged", *names: str) -> Any:
    return next((held for name in names if (held := getattr(judged, name, None)) is not None), None)
