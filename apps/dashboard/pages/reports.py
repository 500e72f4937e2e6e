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
_SHARES = {"within_tolerance", "interval_coverage"}


def report_of(version: ModelVersion) -> dict[str, Any]:
    """Return what `_report.html` shows; nothing of it is there for a version made before reports were."""
    return {
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
