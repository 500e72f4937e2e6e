"""Archiving a model ends what is done for it."""

import pytest

from apps.core import clock
from apps.core.errors import Conflict
from apps.registry.actions import archive_model
from apps.training import lifecycle
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import AuditEntry
from tests.factories import make_campaign, make_model, make_workspace

Status = TrainingCampaign.Status


def test_what_waits_or_trains_for_an_archived_model_is_cancelled(cast, api):
    model, other = make_model(cast.acme), make_model(cast.acme)
    waits, trains, done = (make_campaign(model) for _ in range(3))
    lifecycle.claim(trains.pk, {})
    TrainingCampaign.objects.filter(pk=done.pk).update(status=Status.COMPLETED, finished_at=clock.now())
    untouched = make_campaign(other)

    assert api(cast.owner).delete(f"/api/v1/models/{model.pk}/").status_code == 204

    for campaign in (waits, trains, done, untouched):
        campaign.refresh_from_db()
    assert (waits.status, done.status, untouched.status) == ("cancelled", "completed", "pending")
    assert (trains.status, trains.cancel_requested) == ("training", True)  # its run stops within a second
    assert AuditEntry.objects.filter(verb="campaign.cancel").count() == 2
    assert api(cast.owner).get(f"/api/v1/models/{model.pk}/").status_code == 404


@pytest.mark.django_db
def test_a_campaign_that_slipped_in_ends_when_it_is_claimed():
    model = make_model(make_workspace(), archived_at=clock.now())
    campaign = make_campaign(model)

    assert lifecycle.claim(campaign.pk, {}) is None

    campaign.refresh_from_db()
    assert campaign.status == "cancelled"


@pytest.mark.django_db
def test_a_model_is_archived_once():
    model = make_model(make_workspace())
    archive_model(model=model, actor=SYSTEM)

    with pytest.raises(Conflict, match="already"):
        archive_model(model=model, actor=SYSTEM)
