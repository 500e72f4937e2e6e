"""Campaigns: the list, and one as it runs."""

import json
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.api.renderers import dump_json
from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.selectors import scores_of
from apps.dashboard.words import CURVES, METRICS, STAGES, STATUSES
from apps.training.actions import cancel_campaign
from apps.training.models import TrainingCampaign
from apps.training.selectors import campaign_as_json, campaigns_of, events_after, last_seq

_MOST = 200


@page
def campaign_list(visit: Visit) -> HttpResponseBase:
    """Show the campaigns of the workspace, newest first."""
    return visit.render("campaigns.html", campaigns=campaigns_of(visit.workspace_ids)[:_MOST])


@page
def campaign_detail(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show one campaign; its page goes on by itself."""
    campaign = _find(visit, pk)
    facts = {**campaign_as_json(campaign), "seq": last_seq(campaign.pk)}
    words = {
        "stages": {code: str(text) for code, text in STAGES.items()},
        "statuses": {code: str(text) for code, text in STATUSES.items()},
        "left": _("about {time} left"),
        "step": _("step"),
        "metrics": {code: str(text) for code, text in {**METRICS, **CURVES}.items()},
    }
    events = [
        {"at": event.at, "status": event.status, "word": STATUSES[event.status], "message": event.message}
        for event in events_after(campaign.pk, 0)
        if event.kind == "status"
    ]
    return visit.render(
        "campaign.html",
        campaign=campaign,
        model=campaign.model,
        has_versions=campaign.model.versions.exists(),
        facts=json.loads(dump_json(facts)),
        words=words,
        events=events,
        stage=STAGES.get(campaign.stage, campaign.stage),
        status_word=STATUSES[campaign.status],
        is_over=campaign.finished_at is not None,
        scores=scores_of(campaign.version) if campaign.version else [],
    )


@require_POST
@page
def cancel(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Cancel a campaign."""
    campaign = _find(visit, pk)
    visit.require(Act.TRAIN, campaign.model.workspace_id)
    try:
        cancel_campaign(campaign=campaign, actor=visit.access.actor)
    except PlatformError as error:
        messages.error(visit.request, error.detail)
    return redirect("dashboard:campaign", pk=pk)


def _find(visit: Visit, pk: UUID) -> TrainingCampaign:
    campaign = campaigns_of(visit.access.workspace_ids).filter(pk=pk).first()
    if campaign is None:
        raise Http404
    visit.turn_to(campaign.model.workspace_id)
    return campaign
