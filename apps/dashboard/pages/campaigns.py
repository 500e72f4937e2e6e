"""Campaigns: the list, and one as it runs."""

import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.api.renderers import dump_json
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import checked, page_of
from apps.dashboard.pages.trials import asked_of, search_of
from apps.dashboard.selectors import campaign_rows, named_parameters, scores_of
from apps.dashboard.words import CURVES, MEASURES, METRICS, STAGES, STATUSES
from apps.training.actions import cancel_campaign, start_campaign
from apps.training.api.serializers import SearchSerializer
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.training.selectors import campaign_as_json, campaigns_of, last_seq


@workspace_page
def campaign_list(visit: Visit) -> HttpResponseBase:
    """Show the campaigns of the workspace, newest first."""
    return visit.render("campaigns.html", campaigns=page_of(visit, campaign_rows(visit.workspace_ids)))


@page
def campaign_detail(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show one campaign; its page goes on by itself."""
    campaign = _find(visit, pk)
    facts = {**campaign_as_json(campaign), "seq": last_seq(campaign.pk)}
    is_over = campaign.finished_at is not None
    algorithm, search = campaign.algorithm or campaign.model.algorithm, search_of(campaign)
    return visit.render(
        "campaign.html",
        campaign=campaign,
        model=campaign.model,
        facts=json.loads(dump_json(facts)),
        words=_words(campaign, search),
        events=_events(campaign),
        algorithm=algorithm,
        search=search,
        settings=named_parameters(algorithm, asked_of(campaign)),
        split=campaign.version.evaluation.get("split", {}) if campaign.version else {},
        seconds=facts["duration_seconds"] if is_over else None,
        stage=STAGES.get(campaign.stage, campaign.stage),
        status_word=STATUSES[campaign.status],
        is_over=is_over,
        has_curve=not is_over or is_a_curve(facts["history"]),
        scores=scores_of(campaign.version) if campaign.version else [],
    )


def is_a_curve(history: list[dict[str, Any]]) -> bool:
    """Say whether there is a line to draw: two points at least of something measured."""
    return sum(bool(point.keys() - {"step"}) for point in history) > 1


def _words(campaign: TrainingCampaign, search: dict[str, Any]) -> dict[str, Any]:
    """Return what the page's script says."""
    measures = {curve: str(METRICS[measure]) for curve, measure in MEASURES.get(campaign.model.task, {}).items()}
    step = _("trees") if "n_estimators" in campaign.parameters else _("step")
    if search:
        measures, step = {"trial_score": search["measure"], "best_score": search["measure"]}, _("trial")
    return {
        "stages": {code: str(text) for code, text in STAGES.items()},
        "statuses": {code: str(text) for code, text in STATUSES.items()},
        "left": _("about {time} left"),
        "step": step,
        "metrics": {code: str(text) for code, text in {**METRICS, **CURVES}.items()},
        "measures": measures,
    }


def _events(campaign: TrainingCampaign) -> list[dict[str, Any]]:
    """Return each change of state; why it failed is told once, above."""
    return [
        {
            "at": event.at,
            "status": event.status,
            "word": STATUSES[event.status],
            "attempt": event.attempt,
            "message": "" if event.message == campaign.error else event.message,
        }
        for event in TrainingEvent.objects.filter(campaign=campaign, kind="status").order_by("seq")
    ]


@require_POST
@page
def cancel(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Cancel a campaign."""
    campaign = _find(visit, pk)
    visit.require(Act.TRAIN, campaign.model.workspace_id)
    with visit.showing_refusals():
        cancel_campaign(campaign=campaign, actor=visit.access.actor)
    return redirect("dashboard:campaign", pk=pk)


@require_POST
@page
def continue_search(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Search on from an ended campaign: its trials are taken over, its rows and what it holds are the same."""
    campaign = _find(visit, pk)
    visit.require(Act.TRAIN, campaign.model.workspace_id)
    shown = pk
    with visit.showing_refusals():
        limits = checked(SearchSerializer(data={"seconds": visit.request.POST.get("seconds"), "continues": pk}))
        shown = start_campaign(
            model=campaign.model,
            dataset_version=campaign.dataset_version,
            seed=campaign.seed,
            parameters=(campaign.search or {}).get("held"),
            search=limits,
            actor=visit.access.actor,
        ).pk
    return redirect("dashboard:campaign", pk=shown)


def _find(visit: Visit, pk: UUID) -> TrainingCampaign:
    campaign = campaigns_of(visit.access.workspace_ids).filter(pk=pk).first()
    if campaign is None:
        raise Http404
    visit.turn_to(campaign.model.workspace_id)
    return campaign
