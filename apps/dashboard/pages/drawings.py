"""The charts of a version's evaluation, alone or two versions in one."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from apps.dashboard import charts
from apps.dashboard.figures import figure, percent
from apps.dashboard.pages.forecasts import drawings_of_forecasts
from apps.dashboard.words import class_word
from apps.registry.models import ModelVersion


def drawings_of(version: ModelVersion) -> list[dict[str, Any]]:
    """Return the charts of a version's evaluation, each with its title and how to read it."""
    curves = version.evaluation.get("curves", {})
    tables = [*_of_chances(curves), *_of_amounts(curves), *_of_scores(curves), *_of_groups(curves)]
    return [*tables, *drawings_of_forecasts(curves)]


def _of_chances(curves: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = {"label": class_word(curves.get("positive", ""))}
    if bins := curves.get("calibration"):
        shares = [(b["predicted"], b["observed"]) for b in bins]
        chart = charts.line(shares, title=_("Calibration"), x_label=_("predicted"), y_label=_("observed"))
        text = _(
            "Of the rows given a chance of 70 %, about 70 % should turn out so: the closer to the dashed line, the better."
        )
        if found["label"]:
            more = _("It is the chance of the class %(label)s.")
            text = f"{text} {more % found}"
        yield {"title": _("Calibration"), "chart": chart, "text": text}
    if points := curves.get("roc"):
        chart = charts.line(points, title=_("ROC curve"), x_label=_("false alarms"), y_label=_("hits"))
        text = _("Hits against false alarms as the threshold falls; the dashed line is guessing.")
        if found["label"]:
            more = _("Hits are rows of the class %(label)s, the rarer one; so is the average precision.")
            text = f"{text} {more % found}"
        yield {"title": _("ROC curve"), "chart": chart, "text": text}
    if points := curves.get("precision_recall"):
        x_label, y_label = _("found of those there are"), _("right among those found")
        chart = charts.line(points, title=_("Precision and recall"), x_label=x_label, y_label=y_label, diagonal=False)
        text = _("The further down a list sorted by the score one reads, the more is found and the more is found in error.")
        yield {"title": _("Precision and recall"), "chart": chart, "text": text}


def _of_amounts(curves: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if points := curves.get("predicted_observed"):
        chart = charts.scatter(points, title=_("Predicted and observed"), x_label=_("predicted"), y_label=_("observed"))
        text = _("Each dot is a row kept apart; on the dashed line the prediction is exact.")
        yield {"title": _("Predicted and observed"), "chart": chart, "text": text}
        missed = [(predicted, observed - predicted) for predicted, observed in points]
        chart = charts.residuals(missed, title=_("Residuals"), x_label=_("predicted"), y_label=_("observed less predicted"))
        text = _("Evenly about the dashed line is good; a bend or a widening fan is something that the model misses.")
        yield {"title": _("Residuals"), "chart": chart, "text": text}
    if bars := curves.get("residuals"):
        title = _("How far off it is")
        chart = charts.distribution(
            bars["edges"], bars["counts"], title=title, x_label=_("observed less predicted"), y_label=_("rows"), mark=0.0
        )
        yield {"title": title, "chart": chart, "text": _("Rows beyond the ends count in the last bar.")}


def _of_scores(curves: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if bars := curves.get("scores"):
        title = _("Scores and the threshold")
        chart = charts.distribution(
            bars["edges"], bars["counts"], title=title, x_label=_("score"), y_label=_("rows"), mark=bars.get("threshold")
        )
        yield {"title": title, "chart": chart, "text": _("Rows to the right of the dashed line are called unusual.")}


def _of_groups(curves: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if found_map := curves.get("map"):
        dots = [(x, y, group) for x, y, group in found_map["points"]]
        chart = charts.groups(dots, title=_("Groups"), x_label=_("first direction"), y_label=_("second direction"))
        text = _(
            "Each dot is a row kept apart, in the two directions in which they differ most; its colour is its group, grey is none."
        )
        share = _("They hold %(share)s of the differences.") % {"share": percent(found_map["share"])}
        yield {"title": _("Groups"), "chart": chart, "text": f"{text} {share}"}
    if sizes := curves.get("sizes"):
        yield {"title": _("Sizes of the groups"), "chart": "", "text": _said_of_sizes(sizes)}


def _said_of_sizes(sizes: dict[str, Any]) -> str:
    text = _("Rows kept apart, by group: %(counts)s.") % {"counts": ", ".join(map(figure, sizes["counts"])) or figure(0)}
    if sizes["more"]:
        text += " " + _("In smaller groups: %(count)s.") % {"count": figure(sizes["more"])}
    return text + " " + _("In none: %(count)s.") % {"count": figure(sizes["none"])}


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
