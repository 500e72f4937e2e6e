"""How a model does since it went live: what people say, whether its data drift, and when it is trained again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.core import clock
from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import checked
from apps.dashboard.pages.models import find_model
from apps.dashboard.pages.quality import ANSWERS, changes_of, estimated, histograms
from apps.dashboard.words import translated
from apps.feedback.actions import Verdict, give_feedback
from apps.feedback.api.serializers import VerdictSerializer
from apps.feedback.models import Feedback
from apps.feedback.selectors import MOST_OF_A_GIVER, realised, satisfaction
from apps.monitoring.actions import start_check
from apps.monitoring.detectors.verdict import TOGETHER
from apps.monitoring.models import DriftReport
from apps.monitoring.selectors import recent_checks
from apps.predictions.actions import SPLIT_TASKS
from apps.predictions.models import TrafficSplit
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of, version_now
from apps.retraining.actions import evaluate
from apps.retraining.models import GateReport, RetrainingDecision
from apps.retraining.selectors import policy_of, shown_so_far
from apps.retraining.triggers import Condition

_WINDOW = timedelta(days=30)
_STATES = {
    "unknown": gettext_lazy("not enough data"),
    "steady": gettext_lazy("steady"),
    "drifting": gettext_lazy("drifts"),
    "alarm": gettext_lazy("alarm"),
}
_SHOWN_CHECKS, _SHOWN_COLUMNS, _SHOWN_DECISIONS, _SHOWN_JUDGEMENTS = 12, 30, 8, 5
_SHOWN_SPLITS = 3


@page
def watch(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show how a model does since it went live; a POST asks for a drift check."""
    model = find_model(visit, pk)
    champion = champion_of(model)
    if champion is None:
        messages.info(visit.request, _("It answers once its first version is trained."))
        return redirect("dashboard:model", pk=pk)
    if visit.request.method == "POST":
        visit.require(Act.TRAIN, model.workspace_id)
        with visit.showing_refusals():
            start_check(model=model, actor=visit.access.actor)
            messages.success(visit.request, _("The check was asked for. Load this page again in a moment."))
        return redirect("dashboard:watch", pk=pk)
    now, traffic = clock.now(), list(_traffic(model))
    return visit.render(
        "watch.html",
        model=model,
        said=satisfaction(model, since=now - _WINDOW),
        most_of_a_giver=MOST_OF_A_GIVER,
        realised=realised(model, since=now - _WINDOW, known_by=now),
        champion=champion,
        drift=_drift(champion),
        policy=_policy(model),
        decisions=RetrainingDecision.objects.filter(model=model).select_related("campaign")[:_SHOWN_DECISIONS],
        challenger=version_now(model, Alias.Name.CHALLENGER),
        traffic=[{"of": one, "so_far": shown_so_far(one)} for one in traffic],
        may_share=model.task in SPLIT_TASKS and all(one.ended_at for one in traffic),
        judgements=_judgements(model),
    )


def _traffic(model: RegisteredModel) -> QuerySet[TrafficSplit]:
    """Return the last comparisons on live requests, an open one first."""
    return TrafficSplit.objects.filter(model=model).select_related("model", "champion__model", "challenger__model")[
        :_SHOWN_SPLITS
    ]


def _judgements(model: RegisteredModel) -> list[GateReport]:
    """Return the last judgements; what waits for approval stands first, however old it is."""
    found = GateReport.objects.filter(model=model).select_related("champion", "challenger")
    waiting = list(found.filter(outcome=GateReport.Outcome.WAITING))
    return [*waiting, *found.exclude(outcome=GateReport.Outcome.WAITING)[:_SHOWN_JUDGEMENTS]]


def _drift(champion: ModelVersion) -> dict[str, Any]:
    """Return the last checks of the live version as a map, columns by checks, and what the newest of them says."""
    checks = recent_checks(champion, _SHOWN_CHECKS)
    done = [check for check in checks if check.status == DriftReport.Status.COMPLETED]
    found: dict[str, Any] = {"checks": done, "newest": checks[0] if checks else None, "rows": [], "moving": []}
    if not done:
        return found
    last = next((check for check in done if _tells(check)), done[0])
    newest = last.verdict
    found |= {
        "is_told": _tells(last),
        "since_then": done[0] if last != done[0] else None,
        "estimated": estimated(last),
        "changes": changes_of(done[0]),
        "histograms": histograms(last),
        "notes": [translated(note) for note in last.notes],
    }
    columns = sorted(newest["columns"], key=lambda one: -one["weight"])[:_SHOWN_COLUMNS]
    shown = [(one["column"], one["column"], "columns") for one in columns]
    shown += [(one["column"], ANSWERS[one["column"]], "answers") for one in newest["answers"]]
    shown += [(TOGETHER, _("all columns at once"), "together")] if newest.get("together") else []
    for name, label, part in shown:
        states = [_state_of(_told_of(check, part), name) for check in done]
        cells = [{"state": state, "word": _STATES[state]} for state in states]
        found["rows"].append({"name": label, "cells": cells})
    moving = [(one["column"], one) for one in newest["columns"]]
    moving += [(ANSWERS[one["column"]], one) for one in newest["answers"]]
    moving += [(_("all columns at once"), newest["together"])] if newest.get("together") else []
    found["moving"] = [
        {**one, "name": name, "word": _STATES[one["state"]], "said": " ".join(map(translated, one["said"]))}
        for name, one in moving
        if one["state"] in {"drifting", "alarm"}
    ]
    return found


def _tells(check: DriftReport) -> bool:
    """Say whether a check had rows enough to tell of any column."""
    judged = [*_told_of(check, "columns"), *_told_of(check, "answers")]
    return any(one["state"] == "steady" or one["causes"] for one in judged)


def _told_of(check: DriftReport, part: str) -> list[dict[str, Any]]:
    told = check.verdict.get(part) or []
    return told if isinstance(told, list) else [told]


def _state_of(verdicts: list[dict[str, Any]], name: str) -> str:
    return next((str(one["state"]) for one in verdicts if one["column"] == name), "unknown")


def _policy(model: RegisteredModel) -> dict[str, Any] | None:
    """Return what the policy would decide now, each condition with how near it is; None without a policy."""
    if policy_of(model) is None:
        return None
    decision = evaluate(model=model)
    on = [one for one in decision.conditions if one.threshold is not None]
    return {"decision": decision, "conditions": [{"of": one, "share": _share(one)} for one in on]}


def _share(one: Condition) -> float | None:
    """Return how much of the way to its threshold a value has come, 0 to 1; None of one that is met below it."""
    if one.value is None or not one.threshold or one.name == "satisfaction":
        return None
    return max(0.0, min(1.0, one.value / one.threshold))


@require_POST
@page
def verdict(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Take a verdict on an answer of the try-it form."""
    model = find_model(visit, pk)
    visit.require(Act.ANNOTATE, model.workspace_id)
    posted = visit.request.POST
    try:
        given = checked(VerdictSerializer(data={name: posted[name] for name in ("prediction", "correct") if name in posted}))
        give_feedback(model=model, verdict=Verdict(**given), source=Feedback.Source.PAGE, actor=visit.access.actor)
    except PlatformError as error:
        return visit.render("_thanks.html", fault=error.detail)
    return visit.render("_thanks.html")
