"""The charts of a version's evaluation, alone or two versions in one."""

from typing import Any

from django.utils.translation import gettext as _

from apps.dashboard import charts
from apps.dashboard.figures import percent
from apps.dashboard.pages.forecasts import drawings_of_forecasts
from apps.dashboard.words import class_word
from apps.registry.models import ModelVersion


def drawings_of(version: ModelVersion) -> list[dict[str, Any]]:
    """Return the charts of a version's evaluation, each with its title and how to read it."""
    curves = version.evaluation.get("curves", {})
    found = {"label": class_word(curves.get("positive", ""))}
    drawn = []
    if bins := curves.get("calibration"):
        points = [(b["predicted"], b["observed"]) for b in bins]
        chart = charts.line(points, title=_("Calibration"), x_label=_("predicted"), y_label=_("observed"))
        text = _(
            "Of the rows given a chance of 70 %, about 70 % should turn out so: the closer to the dashed line, the better."
        )
        if found["label"]:
            more = _("It is the chance of the class %(label)s.")
            text = f"{text} {more % found}"
        drawn.append({"title": _("Calibration"), "chart": chart, "text": text})
    if points := curves.get("roc"):
        chart = charts.line(points, title=_("ROC curve"), x_label=_("false alarms"), y_label=_("hits"))
        text = _("Hits against false alarms as the threshold falls; the dashed line is guessing.")
        if found["label"]:
            more = _("Hits are rows of the class %(label)s, the rarer one; so is the average precision.")
            text = f"{text} {more % found}"
        drawn.append({"title": _("ROC curve"), "chart": chart, "text": text})
    if points := curves.get("predicted_observed"):
        chart = charts.scatter(points, title=_("Predicted and observed"), x_label=_("predicted"), y_label=_("observed"))
        text = _("Each dot is a row kept apart; on the dashed line the prediction is exact.")
        drawn.append({"title": _("Predicted and observed"), "chart": chart, "text": text})
    if found_map := curves.get("map"):
        dots = [(x, y, group) for x, y, group in found_map["points"]]
        chart = charts.groups(dots, title=_("Groups"), x_label=_("first direction"), y_label=_("second direction"))
        text = _(
            "Each dot is a row kept apart, in the two directions in which they differ most; its colour is its group, grey is none."
        )
        share = _("They hold %(share)s of the differences.") % {"share": percent(found_map["share"])}
        drawn.append({"title": _("Groups"), "chart": chart, "text": f"{text} {share}"})
    return [*drawn, *drawings_of_forecasts(curves)]


def confusion_of(version: ModelVersion) -> list[tuple[str, list[int]]]:
    """Return the confusion table, a row an observed class."""
    table = version.evaluation.get("curves", {}).get("confusion")
    return list(zip(table["labels"], table["counts"], strict=True)) if table else []


def overlays_of(first: ModelVersion, second: ModelVersion) -> list[dict[str, Any]]:
    """Return the charts in which two versions can be laid over one another."""
    drawn = []
    one, other = (version.evaluation.get("curves", {}) for version in (first, second))
    names = [f"v{first.number}", f"v{second.number}"]
    if one.get("roc") and other.get("roc"):
        chart = charts.lines(
            [one["roc"], other["roc"]], names, title=_("ROC curve"), x_label=_("false alarms"), y_label=_("hits")
        )
        drawn.append({"title": _("ROC curve"), "chart": chart})
    if one.get("calibration") and other.get("calibration"):
        both = [[(b["predicted"], b["observed"]) for b in curves["calibration"]] for curves in (one, other)]
        chart = charts.lines(both, names, title=_("Calibration"), x_label=_("predicted"), y_label=_("observed"))
        drawn.append({"title": _("Calibration"), "chart": chart})
    return drawn
