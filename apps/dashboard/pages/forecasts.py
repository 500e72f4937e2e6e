"""What pages show of forecasts: what comes next, and how earlier forecasts of a version turned out."""

from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from apps.algorithms.predictors.calendar import Calendar
from apps.algorithms.predictors.forecast import ForecastPredictor
from apps.core.errors import PlatformError
from apps.dashboard import charts
from apps.dashboard.figures import day
from apps.dashboard.pages.access import Visit
from apps.dashboard.time_charts import time_chart
from apps.dashboard.words import step_word
from apps.predictions.actions import predictor_of
from apps.registry.models import ModelVersion

_MARKS = 4  # times named on an axis
_SHOWN_STEPS = 400  # asked for on the page
_SHOWN_SERIES = 300  # to choose from


def next_of(visit: Visit, version: ModelVersion) -> dict[str, Any]:
    """Return what a version expects to come next: of `?series=`, the first unless told, `?steps=` ahead.

    What is shown is not logged: nobody asked for a prediction.
    """
    try:
        forecaster = predictor_of(version.pk).forecaster
        assert isinstance(forecaster, ForecastPredictor)
        return _next(visit, forecaster)
    except PlatformError as error:
        return {"fault": error.problems[0].detail if error.problems else error.detail}


def _next(visit: Visit, forecaster: ForecastPredictor) -> dict[str, Any]:
    names, asked = forecaster.known.names, visit.request.GET
    series = asked.get("series", names[0])
    steps = asked.get("steps", "").strip() or str(forecaster.horizon)
    found: dict[str, Any] = {
        "names": names[:_SHOWN_SERIES] if len(names) > 1 else (),
        "series": series,
        "steps": steps,
        "most": min(forecaster.furthest, _SHOWN_STEPS),
        "step_name": step_word(forecaster.calendar.name),
        "covariates": forecaster.covariate_names,
    }
    if forecaster.covariate_names:
        return found
    if not (steps.isdecimal() and 1 <= int(steps) <= found["most"]):
        return {**found, "fault": _("Give a whole number of steps from 1 to {most}.").format(most=found["most"])}
    try:
        answers = forecaster.forecast(horizon=int(steps), series=[series] if len(names) > 1 else None)
    except PlatformError as error:
        return {**found, "fault": error.detail}
    known = forecaster.known.history(names.index(series) if len(names) > 1 else 0)
    start = known.last - len(known.values) + 1
    observed = [(start + i, float(v) if np.isfinite(v) else None) for i, v in enumerate(known.values)]
    ahead = [
        (known.last + 1 + i, *_bounds(detail, value))
        for i, (value, detail) in enumerate(zip(answers.values, answers.details, strict=True))
    ]
    rows = [
        {"time": detail["timestamp"], "value": value, "interval": detail.get("interval")}
        for value, detail in zip(answers.values, answers.details, strict=True)
    ]
    marks = _marks(forecaster.calendar, start, known.last + int(steps))
    title = _("What comes next")
    warnings = answers.details[0].get("warnings", [])
    return {**found, "chart": time_chart(observed, [ahead], marks, title=title), "rows": rows, "warnings": warnings}


def _bounds(detail: dict[str, Any], value: float) -> tuple[float, float, float]:
    low, high = detail.get("interval", (value, value))
    return low, value, high


def drawings_of_forecasts(curves: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the charts of a version's back-tests, each with its title and how to read it."""
    if "backtests" not in curves:
        return []
    calendar, drawn = Calendar.from_json(curves["calendar"]), []
    for test in curves["backtests"]:
        title = _("Back-test of {name}").format(name=test["series"]) if test["series"] else _("Back-test")
        observed = [(test["place"] + i, value) for i, value in enumerate(test["observed"])]
        forecasts = [[(one["place"] + i, *bounds) for i, bounds in enumerate(one["values"])] for one in test["forecasts"]]
        chart = time_chart(observed, forecasts, _marks(calendar, observed[0][0], observed[-1][0]), title=title)
        text = _("What was observed, and what the model said before it knew: the band should hold nine values in ten.")
        drawn.append({"title": title, "chart": chart, "text": text, "is_wide": True})
    if len(ahead := curves["error_ahead"]) > 1:
        title = _("Error by steps ahead")
        chart = charts.rising(ahead, title=title, x_label=_("steps ahead"), y_label=_("error (MASE)"))
        text = _("Below 1 the forecast is better than repeating the last season.")
        drawn.append({"title": title, "chart": chart, "text": text})
    return drawn


def _marks(calendar: Calendar, first: int, last: int) -> list[tuple[int, str]]:
    """Return some places between two, each with its time in the reader's words."""
    places = np.unique(np.linspace(first, last, _MARKS + 2).round().astype(np.int64))[1:-1]
    return list(zip(places.tolist(), [day(str(time)) for time in calendar.written(places)], strict=True))
