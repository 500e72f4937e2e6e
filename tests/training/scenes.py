"""Campaigns in the states that a test begins with, and a key to ask about them."""

from typing import Any

from apps.training import lifecycle
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from tests.factories import make_campaign, make_model


def waiting(workspace, **fields: Any) -> TrainingCampaign:
    campaign = make_campaign(make_model(workspace), stage="queued", **fields)
    lifecycle.record_creation(campaign)
    return campaign


def running(workspace) -> tuple[TrainingCampaign, lifecycle.Claim]:
    campaign = waiting(workspace)
    claim = lifecycle.claim(campaign.pk, {})
    assert claim is not None
    return campaign, claim


def key_of(user) -> str:
    return issue_key(user=user, workspace=None, name="test", scope="read", actor=SYSTEM)[1]
