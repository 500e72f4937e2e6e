"""What a version's evaluation says of itself: how sure its numbers are, what it is ahead of, where it does worse."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.dashboard.figures import figure, percent, span
from apps.dashboard.words import METRICS, class_word, translated
from apps.registry.models import ModelVersion

_OF_SERIES = {
    "mase": "MASE",
    "smape": "sMAPE",
    "within_tolerance": gettext_lazy("within 10 %"),
    "interval_coverage": gettext_lazy("in its band"),
}
# What it means to be ahead of a baseline, by the baseline's name and the main metric.
_MEANINGS = {
    ("the largest robust z-score", "roc_auc"): gettext_lazy(
        "This baseline takes a row for as unusual as its most unusual column. Where the model is not surely ahead of it, "
        "watching each column by itself does as well: then the model is not worth having."
    ),
    ("the largest robust z-score", "alert_rate"): gettext_lazy(
        "This baseline takes a row for as unusual as its most unusual column. Without labels nothing tells whether the model "
        "finds more than that: look at the rows that alert, or name a column of known labels to judge it by."
    ),
    ("groups at random, of the same sizes", "adjusted_rand"): gettext_lazy(
        "This baseline deals the rows out to groups of the same sizes by chance, which agrees with the labels by about 0. "
        "Where the model is not surely ahead of it, its groups are not those of the labels."
    ),
    ("groups at random, of the same sizes", "silhouette"): gettext_lazy(
        "This baseline deals the rows out to groups of the same sizes by chance: they hold rows that are no more alike than others. "
        "To be ahead of it is the least. The groups are worth having where they are stable too and mean something to you."
    ),
    ("groups at random, of the same sizes", "noise_share"): gettext_lazy(
        "There is one group only, so it cannot be compared with groups made by chance: the model tells nothing apart but the rows in "
        "no group. It is not worth having for more than that."
    ),
}
_SHARES = {"within_tolerance", "interval_coverage"}


def report_of(version: ModelVersion) -> dict[str, Any]:
    """Return what `_report.html` shows; nothing of it is there for a version made before reports were."""
    return {
        "meaning": _MEANINGS.get((version.baseline.get("name", ""), version.evaluation.get("main", "")), ""),
        "certainty": _certainty(version.evaluation.get("intervals", {})),
        "ahead": [_ahead(one) for one in version.evaluation.get("baselines", []) if one.get("difference")],
        "slices": _slices(version.evaluation.get("slices", {})),
        "series": _series(version.evaluation.get("curves", {}).get("by_series", [])),
    }


def _certainty(intervals: dict[str, Any]) -> str:
    """Say how the intervals beside the numbers were found."""
    if not intervals:
        return ""
    values = {name: figure(intervals[name]) for name in ("resamples", "rows", "groups") if name in intervals}
    if intervals.get("unit") == "blocks of time":
        return (
            _("The intervals come from %(resamples)s resamples of %(groups)s blocks of time of the rows kept apart.")
            % values
        )
    if "groups" in intervals:
        return _("The intervals come from %(resamples)s resamples of the %(groups)s groups of rows kept apart.") % values
    if intervals.get("unit") == "series":
        return _("The intervals come from %(resamples)s resamples of the %(rows)s series.") % values
    return _("The intervals come from %(resamples)s resamples of the %(rows)s rows kept apart.") % values


def _ahead(baseline: dict[str, Any]) -> dict[str, Any]:
    difference = baseline["difference"]
    words = {"yes": _("yes"), "perhaps": _("perhaps: it may be chance"), "no": _("no")}
    return {
        **difference,
        "name": translated(baseline["name"]),
        "label": METRICS.get(difference["metric"], difference["metric"]),
        "tone": {"yes": "better", "no": "worse"}.get(difference["better"], ""),
        "word": words[difference["better"]],
    }


def _slices(slices: dict[str, Any]) -> dict[str, Any]:
    if not slices:
        return {}
    return {
        **slices,
        "label": METRICS.get(slices["metric"], slices["metric"]),
        "worse": [{**one, "words": slice_words(one)} for one in slices["worse"]],
        "columns": [
            {**column, "values": [{**one, "words": slice_words(one)} for one in column["values"]]}
            for column in slices["columns"]
        ],
    }


def _series(worst: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the series that are forecast worst, with the short names of their measures."""
    names = [name for name in _OF_SERIES if worst and name in worst[0]]
    return {
        "labels": [_OF_SERIES[name] for name in names],
        "rows": [{"name": one["series"], "scores": [_score(name, one[name]) for name in names]} for one in worst],
    }


def _score(name: str, value: float) -> str:
    return percent(value) if name in _SHARES else figure(value)


def slice_words(one: dict[str, Any]) -> str:
    """Name the rows of a slice: a category as it stands in the data, a quarter by its ends."""
    if one["missing"]:
        return _("missing")
    if one["from"] is None:
        return figure(one["value"]) if isinstance(one["value"], bool) else class_word(str(one["value"]))
    return span(one["from"], one["to"], short=False)
