"""What a drift check tells besides its verdict: the quality that is expected, whether it changed, and columns then and now."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.algorithms.reference import ANSWER, CHANCE
from apps.dashboard import drift_charts
from apps.dashboard.drift_charts import Pair
from apps.dashboard.figures import figure, percent, span, tick_labels, ticks
from apps.dashboard.words import METRICS, class_word, translated
from apps.monitoring.models import DriftReport

ANSWERS = {
    ANSWER: gettext_lazy("what it answered"),
    CHANCE: gettext_lazy("probability of what it answered"),
}
_SHOWN_CHANGES = 3
_IN_95 = 1.959964
_MARKS, _WIDEST = 6, 1e300
_WHOLE = {"integer", "text"}


def estimated(report: DriftReport) -> dict[str, Any]:
    """Return what is expected of the newest window beside what training measured; empty where nothing is."""
    if not report.estimate:
        return {}
    held = report.estimate["held"]
    measures = [
        {
            **one,
            "name": METRICS[one["measure"]],
            "low": max(0.0, one["value"] - _IN_95 * one["spread"]),
            "high": _highest(one["measure"], one["value"] + _IN_95 * one["spread"]),
        }
        for one in report.estimate["measures"]
    ]
    contradicted = (one["sentence"] for one in (held["told"] if held else []) if one["is_contradicted"])
    return {
        **report.estimate,
        "measures": measures,
        "said": translated(next(contradicted, "")),
        "until": report.until,
    }


def _highest(measure: str, value: float) -> float:
    return value if measure == "log_loss" else min(1.0, value)


def changes_of(report: DriftReport) -> list[dict[str, Any]]:
    """Return the last changes of the realised performance, the newest first."""
    told: list[dict[str, Any]] = report.performance.get("changes", [])
    return told[::-1][:_SHOWN_CHANGES]


def histograms(report: DriftReport) -> list[dict[str, Any]]:
    """Return each column that drifts, drawn then and now."""
    return [{"name": _name(one), "chart": _drawn(one)} for one in report.histograms]


def _name(one: dict[str, Any]) -> str:
    return str(ANSWERS.get(one["column"], one["column"])) if one["part"] == "answers" else str(one["column"])


def _drawn(one: dict[str, Any]) -> Any:
    pairs = [_pair(one["kind"], part) for part in one["bins"]]
    title = _("%(column)s: shares of the rows, in training and now") % {"column": _name(one)}
    told = "; ".join(f"{pair.words}: {percent(pair.then)} → {percent(pair.now)}" for pair in pairs)
    ends = [part["high"] for part in one["bins"] if part.get("high") is not None]
    if not ends:
        return drift_charts.levels(pairs, title=title, told=told)
    marks = _whole_marks(ends) if _is_whole(one["kind"], ends) else _marks(ends)
    return drift_charts.ranges(pairs, marks, title=title, told=told)


def _is_whole(kind: str, ends: list[float]) -> bool:
    """Say whether each range holds one whole number."""
    return kind in _WHOLE and all(end % 1 == 0.5 for end in ends)


def _marks(ends: list[float]) -> list[tuple[float, str]]:
    """Return round numbers and their places; the first range ends at the first of `ends`, and all are equally wide."""
    first, width = ends[0], (ends[-1] / len(ends) - ends[0] / len(ends)) * len(ends) / max(len(ends) - 1, 1)
    if not (0 < width < _WIDEST):
        return [(1.0, figure(first))]
    places = ticks(first, ends[-1], about=3)
    return [((value - first) / width + 1, label) for value, label in zip(places, tick_labels(places), strict=True)]


def _whole_marks(ends: list[float]) -> list[tuple[float, str]]:
    numbers = [end - 0.5 for end in ends] + [ends[-1] + 0.5]
    every = -(-len(numbers) // _MARKS)
    return [(place + 0.5, figure(numbers[place])) for place in range(0, len(numbers), every)]


def _pair(kind: str, part: dict[str, Any]) -> Pair:
    shares = {"then": part["then"], "now": part["now"]}
    if part["sort"] == "range":
        low, high = part["low"], part["high"]
        is_whole = _is_whole(kind, [end for end in (low, high) if end is not None])
        return Pair(_whole_words(low, high) if is_whole else _words(low, high), **shares)
    sorts = {"other": _("others"), "known": _("with a value"), "missing": _("missing")}
    words = class_word(part["level"]) if part["sort"] == "level" else sorts[part["sort"]]
    return Pair(words, is_range=False, **shares)


def _words(low: float | None, high: float | None) -> str:
    if low is None:
        return _("below %(value)s") % {"value": figure(high)}
    return _("from %(value)s") % {"value": figure(low)} if high is None else span(low, high, short=False)


def _whole_words(low: float | None, high: float | None) -> str:
    if low is None and high is not None:
        return _("%(value)s or less") % {"value": figure(high - 0.5)}
    if high is None and low is not None:
        return _("%(value)s or more") % {"value": figure(low + 0.5)}
    return figure((low or 0.0) + 0.5)
