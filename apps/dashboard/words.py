"""What the pages call things that the platform names by a code, and what they make of its sentences."""

import re
from datetime import UTC, datetime
from functools import cache

from django.utils.formats import number_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from apps.algorithms.results import Explanation, Quantity
from apps.dashboard.figures import day, moment
from apps.dashboard.sentences import SENTENCES

METRICS = {
    "accuracy": _("Accuracy"),
    "balanced_accuracy": _("Balanced accuracy"),
    "f1_macro": _("F1 (macro)"),
    "f1_weighted": _("F1 (weighted)"),
    "precision": _("Precision"),
    "recall": _("Recall"),
    "log_loss": _("Log loss"),
    "brier": _("Brier score"),
    "calibration_error": _("Calibration error"),
    "roc_auc": _("ROC AUC"),
    "average_precision": _("Average precision"),
    "rmse": _("Root mean squared error"),
    "mae": _("Mean absolute error"),
    "median_absolute_error": _("Median absolute error"),
    "r2": _("R²"),
    "interval_coverage": _("Coverage of the 90 % intervals"),
    "interval_width": _("Mean width of the intervals"),
    "pinball_low": _("Pinball loss of the lower bounds"),
    "pinball_high": _("Pinball loss of the upper bounds"),
    "alert_rate": _("Share of alerts"),
    "precision_of_alerts": _("Precision of alerts"),
    "recall_of_alerts": _("Recall of alerts"),
    "precision_at_budget": _("Precision of the highest scores"),
    "set_coverage": _("Coverage of the 90 % sets"),
    "set_size": _("Mean size of the sets"),
    "rank_correlation": _("Rank correlation"),
    "clusters": _("Groups"),
    "noise_share": _("Share of rows in no group"),
    "silhouette": _("Silhouette"),
    "agreement": _("Stability of the groups"),
    "adjusted_rand": _("Agreement with the labels (adjusted Rand index)"),
    "mase": _("Error beside the seasonal naive forecast (MASE)"),
    "smape": _("Symmetric percentage error (sMAPE)"),
    "within_tolerance": _("Share within 10 % of what was observed"),
    "pinball": _("Pinball loss"),
    "backtest_error": _("Error of the back-test (MASE)"),
}
SMALLER_IS_BETTER = {
    "mase",
    "smape",
    "pinball",
    "set_size",
    "log_loss",
    "brier",
    "calibration_error",
    "rmse",
    "mae",
    "median_absolute_error",
    "interval_width",
    "pinball_low",
    "pinball_high",
}
# Where the trivial answer cannot be beaten, or more is not better: who always says the shares is well calibrated.
NEUTRAL = {
    "set_coverage",
    "set_size",
    "clusters",
    "noise_share",
    "alert_rate",
    "interval_coverage",
    "interval_width",
    "calibration_error",
}
# What keeps a reader from taking a number for good or bad.
REMARKS = {
    "calibration_error": _("Always saying the shares is well calibrated: compare versions by this, not with the baseline."),
    "agreement": _("Grouped anew by four fifths of its dense rows: 1 when both ways give the same groups, 0 by chance."),
    "silhouette": _("From -1 to 1; groups that are no balls have a low one though they are there."),
    "alert_rate": _("Set when the model is made: neither good nor bad."),
    "interval_coverage": _("Best at 90 %, not above."),
    "set_coverage": _("The set holds the right class in so many rows; 90 % is asked for."),
    "set_size": _("The smaller the better, at the same coverage: 1 is a single answer."),
    "interval_width": _("The narrower the better, at the same coverage."),
    "mase": _("Below 1 it is better than repeating the last season of the history."),
    "precision": _("Of the rows called so, the share that is of the rarer class."),
    "recall": _("Of the rows of the rarer class, the share that is called so."),
    "precision_at_budget": _("Among as many of the highest scores as may alert, the share of anomalies."),
    "pinball_low": _("Small when few rows lie below their bound and none lies far above it."),
    "pinball_high": _("Small when few rows lie above their bound and none lies far below it."),
}
CURVES = {
    "train_loss": _("On the rows it learns from"),
    "validation_loss": _("On rows held back"),
    "out_of_bag_score": _("On rows that a tree has not seen"),
    "score_agreement": _("Order of the scores, beside that of fewer trees"),
    "backtest_error": _("On steps that came after those it learned from"),
    "trial_score": _("Score of the trial"),
    "best_score": _("Best so far"),
}
# What a curve measures, by task: the title of its axis.
MEASURES = {
    "classification": {"train_loss": "log_loss", "validation_loss": "log_loss", "out_of_bag_score": "accuracy"},
    "regression": {"train_loss": "rmse", "validation_loss": "rmse", "out_of_bag_score": "r2"},
    "anomaly": {"score_agreement": "rank_correlation"},
    "forecast": {"backtest_error": "backtest_error", "train_loss": "pinball", "validation_loss": "pinball"},
}

QUANTITIES = {
    Quantity.VALUE: "%(label)s",
    Quantity.PROBABILITY: gettext_noop("probability of %(label)s"),
    Quantity.LOG_ODDS: gettext_noop("log-odds of %(label)s"),
    Quantity.SCORE: gettext_noop("score of %(label)s"),
    Quantity.SQUARED_DISTANCE: gettext_noop("squared distance to the nearest dense row (higher: further from its group)"),
    Quantity.MINUS_PATH_LENGTH: gettext_noop("minus the mean path length (higher: more unusual)"),
}
STAGES = {
    "queued": _("Waiting for a worker"),
    "starting": _("Starting"),
    "reading data": _("Reading the data"),
    "splitting": _("Keeping rows apart"),
    "preparing": _("Preparing the columns"),
    "searching": _("Searching for better settings"),
    "fitting": _("Learning"),
    "learning again": _("Learning again, from all rows"),
    "evaluating": _("Measuring on the rows kept apart"),
    "explaining": _("Finding what matters"),
    "saving": _("Writing the version"),
    "checking": _("Checking the version"),
    "done": _("Done"),
    "": "",
}
STATUSES = {
    "pending": _("Pending"),
    "training": _("Training"),
    "completed": _("Completed"),
    "failed": _("Failed"),
    "cancelled": _("Cancelled"),
    "checking": _("Checking"),
    "ready": _("Ready"),
    "refused": _("Refused"),
}
# A trial of a search, and several of them.
TRIAL_STATUSES = {
    "waiting": _("waiting"),
    "running": _("running"),
    "completed": _("finished"),
    "pruned": _("stopped early"),
    "failed": _("failed"),
    "cancelled": _("not finished"),
}
TRIALS_BY_STATUS = {
    **TRIAL_STATUSES,
    "completed": _("went to their end"),
    "pruned": _("were stopped early"),
    "cancelled": _("were not finished"),
}
TASKS = {
    "classification": _("Classification: which class?"),
    "regression": _("Regression: how much?"),
    "anomaly": _("Anomalies: what is unusual?"),
    "clustering": _("Groups: which rows are alike?"),
    "forecast": _("Forecast: what comes next?"),
}
# What a forecast adds up from, besides columns.
PARTS = {
    "trend": _("trend"),
    "yearly": _("season of the year"),
    "weekly": _("season of the week"),
    "daily": _("season of the day"),
    "season": _("season"),
    "holidays": _("holidays"),
    "trend and season": _("trend and season"),
    "network": _("what the network adds"),
}
# The steps of a calendar.
STEPS = {
    "numbered step": _("numbered step"),
    "minute": _("minute"),
    "hour": _("hour"),
    "day": _("day"),
    "weekday": _("working day"),
    "week": _("week"),
    "month": _("month"),
    "quarter": _("quarter"),
    "year": _("year"),
}
KINDS = {
    "integer": _("whole number"),
    "number": _("number"),
    "boolean": _("true or false"),
    "date": _("date"),
    "datetime": _("date and time"),
    "category": _("category"),
    "text": _("text"),
}

_PLACE = re.compile(r"%\((\w+)\)s")
_LONGEST = 4_000
# Places that hold words of the platform, to be translated in turn; what stands in the others is somebody's data.
_WORDS = {
    "detail",
    "share",
    "now",
    "before",
    "reason",
    "hint",
    "why",
    "note",
    "what",
    "instead",
    "wanted",
    "needed",
    "held",
    "how",
    "role",
    "scope",
    "sort",
    "cells",
    "width",
    "kind",
    "other_kind",
    "step",
    "which",
    "task",
    "measured",
}
_FRACTION = re.compile(r"[-+]?\d+\.\d+")
_OF_UTC = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
_AMOUNT = re.compile(r"([-+]?\d+(?:\.\d+)?) ?(%|points)")


def translated(text: str) -> str:
    """Say in the reader's language and zone what the platform said in English; what it never said stays as it is."""
    return _OF_UTC.sub(_local, _in_language(text.strip()))


def _local(found: re.Match[str]) -> str:
    """Write a time of a sentence as all times of a page are written; what is none, as somebody wrote it, stays."""
    try:
        return moment(localtime(datetime.fromisoformat(found[1]).replace(tzinfo=UTC)))
    except (ValueError, OverflowError):
        return found[0]


def _in_language(text: str) -> str:
    if not text or get_language() == "en":
        return text
    known = gettext(text)
    if known != text or len(text) > _LONGEST:
        return known
    for template, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return gettext(template) % {name: _value(name, value) for name, value in found.groupdict().items()}
    return text


def step_word(name: str) -> str:
    """Name the step of a calendar."""
    return str(STEPS.get(name, translated(name)))


def class_word(label: str) -> str:
    """Name a class; those of a column of true and false in words, others as they stand in the data."""
    return {"true": gettext("true"), "false": gettext("false")}.get(label, label)


def adds_up_to(explained: Explanation) -> str:
    """Say what the contributions of a row add up to; the class or target in it is somebody's data and stays."""
    template = QUANTITIES[explained.quantity]
    said = template if explained.quantity == Quantity.VALUE else gettext(template)
    return said % {"label": class_word(explained.of or "")}


def _value(name: str, value: str) -> str:
    if name == "status":
        return str(STATUSES.get(value, value)).lower()
    if name == "day":
        return day(value)
    if name == "metric":
        return str(METRICS.get(value, value))
    if amount := _AMOUNT.fullmatch(value):
        return f"{number_format(amount[1])}\u00a0{amount[2]}"
    if name in _WORDS:
        return translated(value)
    return number_format(value) if _FRACTION.fullmatch(value) else value


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return the templates with values, those that say most themselves first."""
    templates = [template for template in SENTENCES if _PLACE.search(template)]
    templates.sort(key=lambda template: -len(_PLACE.sub("", template)))
    return [(template, re.compile(_as_pattern(template), re.DOTALL)) for template in templates]


def _as_pattern(template: str) -> str:
    parts = _PLACE.split(template)  # text, name, text, name, …, text
    return "".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part.replace("%%", "%")) for i, part in enumerate(parts))
