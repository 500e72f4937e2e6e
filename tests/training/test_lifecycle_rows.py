"""What each change of a campaign leaves in its row and in its log, field by field."""

import math
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from apps.core import clock
from apps.training import lifecycle
from apps.training.models import TrainingCampaign, TrainingEvent
from tests.factories import make_campaign, make_model, make_workspace
from tests.training.test_lifecycle import OWNER, TOKEN, make, make_version

pytestmark = pytest.mark.django_db
Status = TrainingCampaign.Status


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch, settings: Any) -> datetime:
    """Stop the clock, with a lease of 30 seconds."""
    settings.TRAINING_LEASE_SECONDS = 30
    stopped = clock.now()
    monkeypatch.setattr(clock, "now", lambda: stopped)
    return stopped


def last_event(campaign: TrainingCampaign) -> TrainingEvent:
    return TrainingEvent.objects.filter(campaign=campaign).order_by("-seq")[0]


def finish(campaign: TrainingCampaign, **fields: Any) -> None:
    with transaction.atomic():
        held = lifecycle.hold(campaign.pk, TOKEN)
        lifecycle.complete(held, version=make_version(held), **{"metrics": {}, "improvement": None, **fields})
    campaign.refresh_from_db()


def test_a_claim_says_who_runs_since_when_and_until_when(now):
    campaign = make(attempt=3)

    claim = lifecycle.claim(campaign.pk, OWNER)

    campaign.refresh_from_db()
    assert claim == lifecycle.Claim(campaign.pk, campaign.token, 3)
    assert (campaign.owner, campaign.stage, campaign.started_at) == (OWNER, "starting", now)
    assert campaign.lease_until == now + timedelta(seconds=30)


def test_what_was_cancelled_while_it_waited_ends_when_it_is_claimed():
    campaign = make(cancel_requested=True)

    assert lifecycle.claim(campaign.pk, OWNER) is None

    campaign.refresh_from_db()
    assert (campaign.status, last_event(campaign).status) == ("cancelled", "cancelled")


def test_a_renewal_is_of_one_campaign_and_of_its_run(now):
    campaign, other = make(Status.TRAINING), make(Status.TRAINING, token=uuid.uuid4())
    soon = now + timedelta(seconds=1)
    TrainingCampaign.objects.update(lease_until=soon)

    assert lifecycle.renew(campaign.pk, TOKEN) is True
    assert lifecycle.renew(other.pk, TOKEN) is False

    for row in (campaign, other):
        row.refresh_from_db()
    assert (campaign.lease_until, other.lease_until) == (now + timedelta(seconds=30), soon)


def test_what_has_ended_cannot_be_renewed_even_with_its_token():
    campaign = make(Status.FAILED, token=TOKEN)

    assert lifecycle.renew(campaign.pk, TOKEN) is False


def test_a_report_is_kept_in_the_row_and_as_an_event(now):
    campaign = make(Status.TRAINING, attempt=2)

    lifecycle.report(campaign.pk, TOKEN, progress=0.25, stage="fitting", step=7, metrics={"loss": 0.5, "odd": math.inf})

    campaign.refresh_from_db()
    assert (campaign.progress, campaign.stage) == (0.25, "fitting")
    event = last_event(campaign)
    assert (event.seq, event.at, event.attempt, event.kind, event.status) == (2, now, 2, "metric", "training")
    assert (event.stage, event.progress, event.step, event.message) == ("fitting", 0.25, 7, "")
    assert event.metrics == {"loss": 0.5, "odd": None}


def test_a_report_without_metrics_is_one_of_progress():
    campaign = make(Status.TRAINING)

    lifecycle.report(campaign.pk, TOKEN, progress=0.25, stage="reading")

    assert (last_event(campaign).kind, last_event(campaign).metrics) == ("progress", {})


def test_events_are_numbered_within_their_campaign():
    busy, quiet = make(Status.TRAINING), make(Status.TRAINING)
    for _ in range(3):
        lifecycle.report(busy.pk, TOKEN, progress=0.1, stage="fitting")

    lifecycle.report(quiet.pk, TOKEN, progress=0.1, stage="fitting")

    assert (last_event(busy).seq, last_event(quiet).seq) == (4, 2)


def test_a_completion_keeps_version_metrics_and_improvement(now):
    campaign = make(Status.TRAINING, stage="filing")

    finish(campaign, metrics={"auc": 0.9, "odd": math.nan}, improvement=0.125)

    assert campaign.version is not None
    assert (campaign.metrics, campaign.improvement) == ({"auc": 0.9, "odd": None}, 0.125)
    assert (campaign.progress, campaign.stage, campaign.finished_at) == (1.0, "done", now)
    event = last_event(campaign)
    assert (event.kind, event.status, event.progress, event.stage) == ("status", "completed", 1.0, "done")
    assert event.metrics == {"auc": 0.9, "odd": None}


def test_metrics_that_a_database_cannot_hold_are_none():
    told = {"a": 1, "b": math.nan, "c": -math.inf, "d": None}

    assert lifecycle.finite(told) == {"a": 1.0, "b": None, "c": None, "d": None}


def test_a_campaign_that_nobody_runs_cannot_be_completed():
    campaign = make(Status.PENDING)

    with pytest.raises(ValueError, match="cannot go from pending to completed"):
        lifecycle.complete(campaign, version=make_version(campaign), metrics={}, improvement=None)

    campaign.refresh_from_db()
    assert campaign.status == "pending"


def test_a_failure_says_why_in_the_row_and_in_the_log(now):
    campaign = make(Status.TRAINING, stage="fitting")

    assert lifecycle.fail(campaign.pk, TOKEN, reason="It broke.") is True

    campaign.refresh_from_db()
    assert (campaign.error, campaign.stage, campaign.finished_at) == ("It broke.", "", now)
    assert (campaign.token, campaign.lease_until) == (None, None)
    assert last_event(campaign).message == "It broke."


def test_a_cancelled_run_ends_without_an_error():
    campaign = make(Status.TRAINING)

    assert lifecycle.cancel_running(campaign.pk, TOKEN) is True

    campaign.refresh_from_db()
    assert (campaign.status, campaign.error, campaign.token) == ("cancelled", "", None)


def test_what_is_given_back_waits_as_if_it_had_never_run():
    campaign = make(Status.TRAINING, owner=OWNER, stage="fitting", progress=0.7, sent_at=clock.now(), attempt=4)

    assert lifecycle.give_back(campaign.pk, TOKEN, reason="Stopped.", is_death=False) is True

    campaign.refresh_from_db()
    assert (campaign.token, campaign.lease_until, campaign.sent_at, campaign.owner) == (None, None, None, {})
    assert (campaign.attempt, campaign.deaths, campaign.progress, campaign.stage) == (5, 0, 0.0, "queued")
    event = last_event(campaign)
    assert (event.status, event.attempt, event.message, event.progress) == ("pending", 5, "Stopped.", 0.0)


@pytest.mark.parametrize(("deaths", "status"), [(0, "pending"), (1, "failed")])
def test_it_fails_with_the_last_death_that_is_allowed(deaths, status, settings):
    settings.TRAINING_MAX_ATTEMPTS = 2
    campaign = make(Status.TRAINING, deaths=deaths)

    assert lifecycle.give_back(campaign.pk, TOKEN, reason="It died.", is_death=True) is True

    campaign.refresh_from_db()
    assert (campaign.status, campaign.deaths) == (status, deaths + 1)
    if status == "failed":
        assert campaign.error == last_event(campaign).message == "It died. It was tried 2 times."


def test_a_run_that_died_after_a_cancel_is_no_longer_asked_for():
    campaign = make(Status.TRAINING, cancel_requested=True)

    assert lifecycle.give_back(campaign.pk, TOKEN, reason="Stopped.", is_death=False) is True

    campaign.refresh_from_db()
    assert (campaign.status, campaign.token) == ("cancelled", None)


def test_a_lease_renewed_since_it_was_seen_is_alive(now):
    campaign = make(Status.TRAINING)
    seen = TrainingCampaign.objects.get(pk=campaign.pk)
    TrainingCampaign.objects.update(lease_until=now + timedelta(seconds=99))

    assert lifecycle.give_back(campaign.pk, TOKEN, reason="Late.", is_death=True, seen=seen) is False
    seen.refresh_from_db()
    assert seen.status == "training"

    assert lifecycle.give_back(campaign.pk, TOKEN, reason="Late.", is_death=True, seen=seen) is True
    seen.refresh_from_db()
    assert seen.status == "pending"


def test_nothing_is_given_back_of_what_is_gone_or_of_another_run():
    campaign = make(Status.TRAINING)

    for given in ((uuid.uuid4(), TOKEN), (campaign.pk, uuid.uuid4()), (campaign.pk, None)):
        assert lifecycle.give_back(*given, reason="Died.", is_death=True) is False

    assert not lifecycle.fail(uuid.uuid4(), TOKEN, reason="It broke.")
    campaign.refresh_from_db()
    assert (campaign.status, campaign.deaths) == ("training", 0)


@pytest.mark.parametrize(("status", "told"), [("pending", "cancelled"), ("training", "training"), ("failed", None)])
def test_who_asks_for_a_cancel_is_told_what_becomes_of_it(status, told, now):
    campaign = make(status)

    assert lifecycle.request_cancel(campaign.pk) == told

    campaign.refresh_from_db()
    assert campaign.cancel_requested is (told is not None)
    assert (campaign.finished_at == now) == (status != "training")


def test_a_change_touches_no_other_campaign():
    others = [make_campaign(make_model(make_workspace())) for _ in range(2)]
    campaign = make()
    before = list(TrainingCampaign.objects.filter(pk__in=[other.pk for other in others]).order_by("pk").values())

    claim = lifecycle.claim(campaign.pk, OWNER)
    assert claim is not None
    lifecycle.report(campaign.pk, claim.token, progress=0.5, stage="fitting")
    lifecycle.request_cancel(campaign.pk)
    lifecycle.cancel_running(campaign.pk, claim.token)

    assert list(TrainingCampaign.objects.exclude(pk=campaign.pk).order_by("pk").values()) == before
