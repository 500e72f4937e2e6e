"""The review queue: what was found, why, and people's verdict on it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.core.errors import InvalidInput
from apps.core.permissions import Act
from apps.dashboard.detection_charts import Bar, bars_by_day
from apps.dashboard.figures import figure, on_day
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import checked, page_of, turn_to_the_form_s_workspace
from apps.detections.actions import review_many
from apps.detections.api.serializers import ReviewOfManySerializer
from apps.detections.lifecycle import LEGAL
from apps.detections.models import Detection
from apps.detections.selectors import (
    Period,
    budget_of,
    detections_of,
    local_zone,
    next_to_review,
    statistics_of,
)
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of

_DAYS = 30
_MOST_MODELS, _MOST_SUGGESTED, _MOST_VALUES = 100, 25, 60
VERDICTS = {
    "confirmed": gettext_lazy("Real"),
    "false_positive": gettext_lazy("False alarm"),
    "resolved": gettext_lazy("Dealt with"),
    "new": gettext_lazy("Take back"),
}
_STATES = {
    "new": gettext_lazy("To be reviewed"),
    "confirmed": gettext_lazy("Real"),
    "false_positive": gettext_lazy("False alarms"),
    "resolved": gettext_lazy("Dealt with"),
    "all": gettext_lazy("All"),
}
_ORDERS = {
    "newest": gettext_lazy("Newest first"),
    "next": gettext_lazy("Those that tell most first"),
    "score": gettext_lazy("Most unusual first"),
}
_KINDS = {
    "real": gettext_lazy("real"),
    "false": gettext_lazy("false alarm"),
    "waiting": gettext_lazy("not reviewed"),
}


@workspace_page
def detection_list(visit: Visit) -> HttpResponseBase:
    """Show what was found in the workspace, with how much of it was a false alarm."""
    models = _models(visit)
    chosen = _chosen(visit, models)
    of = RegisteredModel.objects.filter(pk=chosen["model"].pk) if chosen["model"] else _live(visit)
    found = detections_of(visit.workspace_ids)
    found = found.filter(model=chosen["model"]) if chosen["model"] else found
    statistics = statistics_of(of, days=_DAYS, by_day=True)
    shown = page_of(visit, _ordered(found, chosen), most=_MOST_SUGGESTED)
    return visit.render(
        "detections.html",
        models=models,
        chosen=chosen,
        query=_query_of(chosen),
        states=_STATES,
        orders=_ORDERS,
        verdicts=VERDICTS,
        shown=shown,
        rows=[_row(one) for one in shown],
        waiting=found.filter(status=Detection.Status.NEW, is_suppressed=False).count(),
        hidden=found.filter(is_suppressed=True).count(),
        false=statistics.total.false_positive_rate,
        alerts=statistics.total.alert_rate,
        budget=_budget(chosen["model"]),
        chart=_chart(statistics.periods) if statistics.total.detections else "",
        kinds=_KINDS,
        counted_at=statistics.counted_at,
        days=_DAYS,
    )


def _live(visit: Visit) -> QuerySet[RegisteredModel]:
    return RegisteredModel.objects.in_workspaces(visit.workspace_ids).filter(archived_at__isnull=True)


def _models(visit: Visit) -> list[RegisteredModel]:
    """Return the models that something was found of, by name."""
    some = Exists(Detection.objects.filter(model=OuterRef("pk")))
    return list(_live(visit).filter(some).only("name", "workspace_id", "task").order_by("name")[:_MOST_MODELS])


def _chosen(visit: Visit, models: list[RegisteredModel]) -> dict[str, Any]:
    """Return what the address asks for; what it asks wrongly is as if it asked nothing."""
    asked = visit.request.GET
    model = next((one for one in models if str(one.pk) == asked.get("model")), None)
    if model is None and (wanted := _uuid(asked.get("model"))):
        model = _live(visit).filter(pk=wanted).first()
    return {
        "model": model,
        "status": asked["status"] if asked.get("status") in _STATES else "new",
        "order": asked["order"] if asked.get("order") in _ORDERS else "newest",
        "hidden": asked.get("hidden") == "1",
        "rule": _uuid(asked.get("rule")) if asked.get("hidden") == "1" else None,
    }


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _query_of(chosen: dict[str, Any]) -> dict[str, str]:
    """Return what leads back to the same list."""
    kept = {"status": chosen["status"], "order": chosen["order"]}
    if chosen["model"]:
        kept["model"] = str(chosen["model"].pk)
    kept |= {"hidden": "1"} if chosen["hidden"] else {}
    return {**kept, "rule": str(chosen["rule"])} if chosen["rule"] else kept


def _ordered(found: QuerySet[Detection], chosen: dict[str, Any]) -> QuerySet[Detection] | list[Detection]:
    kept = found.filter(is_suppressed=chosen["hidden"])
    kept = kept.filter(suppressed_by=chosen["rule"]) if chosen["rule"] else kept
    if chosen["order"] == "next" and not chosen["hidden"]:
        return next_to_review(kept, _MOST_SUGGESTED)
    if chosen["status"] != "all":
        kept = kept.filter(status=chosen["status"])
    return kept.order_by("-score", "-occurred_at", "pk") if chosen["order"] == "score" else kept


def _row(one: Detection) -> dict[str, Any]:
    """Return a detection with the words and buttons that it is shown with."""
    legal = [status for status in VERDICTS if status in LEGAL[one.status]]
    values = list(one.row.items())
    return {
        "of": one,
        "values": values[:_MOST_VALUES],
        "more": max(0, len(values) - _MOST_VALUES),
        "state": _STATES[one.status],
        "buttons": [(status, VERDICTS[status]) for status in legal],
    }


def _budget(model: RegisteredModel | None) -> float | None:
    champion = champion_of(model) if model else None
    return budget_of(champion) if champion else None


def _chart(periods: tuple[Period, ...]) -> str:
    bars = []
    for one in periods:
        real = one.counts.confirmed + one.counts.resolved
        parts = {"real": real, "false": one.counts.false_positives}
        parts["waiting"] = max(0, one.counts.detections - sum(parts.values()))
        name = on_day(one.start.astimezone(local_zone()))
        told = ", ".join(f"{figure(count)} {_KINDS[kind]}" for kind, count in parts.items() if count)
        bars.append(Bar(name, f"{name}: {told or figure(0)}", tuple(parts.items())))
    return bars_by_day(bars, title=_("Detections by day, with what became of them"))


@require_POST
@page
def review(visit: Visit) -> HttpResponseBase:
    """Take a verdict: of the one whose button was pressed, or of all that are chosen."""
    workspace_id = turn_to_the_form_s_workspace(visit)
    visit.require(Act.ANNOTATE, workspace_id)
    posted = visit.request.POST
    asked: dict[str, Any] = {"ids": posted.getlist("ids"), "status": posted.get("status")}
    if posted.get("one"):
        pk, _space, rest = posted["one"].partition(" ")
        status, _space, was = rest.partition(" ")
        asked = {"ids": [pk], "status": status, "was": was}
    if posted.get("note"):
        asked["note"] = posted["note"]
    with visit.showing_refusals():
        if not asked["ids"]:
            raise InvalidInput(_("Choose at least one detection."))
        given = checked(ReviewOfManySerializer(data=asked))
        verdict = {"note": None, "was": None, **given}
        assert visit.workspace is not None  # the form's
        done = review_many(workspace=visit.workspace, actor=visit.access.actor, **verdict)
        messages.success(visit.request, _("Reviewed: {count}.").format(count=done.changed))
    query = visit.request.GET.urlencode()
    return redirect(f"{reverse('dashboard:detections')}{'?' if query else ''}{query}")
