"""What to review next of a model's answers: those it was least sure of, unlike one another, each with its verdict."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import checked
from apps.dashboard.pages.models import find_model
from apps.feedback.actions import Verdict, give_feedback
from apps.feedback.api.serializers import VerdictSerializer
from apps.feedback.models import Feedback
from apps.feedback.suggestions import Suggestion, suggestions
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of

_SUGGESTED, _SUGGESTED_AMONG_OTHERS = 10, 4
_SHOWN_COLUMNS, _MOST_VALUES = 4, 60


@page
def to_review(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Suggest what to review next; a POST takes a verdict on one of them. A page asks for a few, without the frame, by htmx."""
    model = find_model(visit, pk)
    if visit.request.method == "POST":
        return _take(visit, model)
    is_part = "HX-Request" in visit.request.headers
    try:
        found = suggestions(model, count=_SUGGESTED_AMONG_OTHERS if is_part else _SUGGESTED)
    except PlatformError as error:
        messages.info(visit.request, error.detail)
        return redirect("dashboard:model", pk=pk)
    weights = _weights(model)
    rows = [_row(one, weights) for one in found.chosen]
    return visit.render(
        "_to_review.html" if is_part else "to_review.html", model=model, rows=rows, looked_at=found.looked_at
    )


def _weights(model: RegisteredModel) -> dict[str, float]:
    champion = champion_of(model)
    told = champion.importance.get("features", []) if champion else []
    return {one["name"]: float(one["importance"] or 0.0) for one in told}


def _row(one: Suggestion, weights: dict[str, float]) -> dict[str, Any]:
    """Return a suggestion with the columns that matter most first."""
    values = sorted(one.row.items(), key=lambda item: -weights.get(item[0], 0.0))
    more = max(0, len(values) - _MOST_VALUES)
    return {"of": one, "first": values[:_SHOWN_COLUMNS], "values": values[:_MOST_VALUES], "more": more}


def _take(visit: Visit, model: RegisteredModel) -> HttpResponseBase:
    visit.require(Act.ANNOTATE, model.workspace_id)
    posted, fault = visit.request.POST, ""
    try:
        given = checked(VerdictSerializer(data={name: posted[name] for name in ("prediction", "correct") if name in posted}))
        give_feedback(model=model, verdict=Verdict(**given), source=Feedback.Source.PAGE, actor=visit.access.actor)
    except PlatformError as error:
        fault = error.detail
    if "HX-Request" in visit.request.headers:
        return visit.render("_thanks.html", fault=fault)
    if fault:
        messages.error(visit.request, fault)
    else:
        messages.success(visit.request, _("Noted. It counts among what people say of this model."))
    return redirect("dashboard:to_review", pk=model.pk)
