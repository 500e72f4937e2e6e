"""The lease, the cancel and the time of a training, looked after while its child runs."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.core import clock
from apps.training import lifecycle, supervision
from apps.training.models import TrainingCampaign
from tests.training.watching.children import claimed, gone

pytestmark = pytest.mark.django_db(transaction=True)  # a run looks whether its connection is still good


@pytest.fixture
def watch(campaign: TrainingCampaign, monkeypatch: pytest.MonkeyPatch) -> supervision._Watch:
    monkeypatch.setattr(supervision, "_RENEW_SECONDS", 5.0)
    monkeypatch.setattr(supervision, "_LOOK_SECONDS", 1.0)
    return supervision._Watch(claimed(campaign), began=0.0, renewed=0.0, looked=0.0)


def lease_of(campaign: TrainingCampaign) -> Any:
    return TrainingCampaign.objects.get(pk=campaign.pk).lease_until


def test_a_lease_is_renewed_when_it_is_time_and_not_before(watch, campaign):
    soon = clock.now() + timedelta(seconds=1)
    seen = []
    for now in (5.0, 5.1, 10.1, 10.2):
        TrainingCampaign.objects.update(lease_until=soon)
        assert watch.reason_to_end(now) is None
        seen.append(lease_of(campaign) != soon)

    assert seen == [False, True, False, True]


def test_a_cancel_is_looked_for_when_it_is_time_and_not_before(watch, campaign):
    assert watch.reason_to_end(1.1) is None
    lifecycle.request_cancel(campaign.pk)

    assert [watch.reason_to_end(now) for now in (2.1, 2.2)] == [None, "cancel"]


def test_the_time_of_a_training_is_over_when_it_is_over(watch, settings):
    settings.TRAINING_TIME_SECONDS = 100

    assert [watch.reason_to_end(now) for now in (100.0, 100.1)] == [None, "time"]


def test_a_database_that_is_away_ends_a_training_only_when_its_lease_is_over(watch, monkeypatch, settings):
    settings.TRAINING_LEASE_SECONDS = 30
    monkeypatch.setattr(lifecycle, "renew", gone)

    assert [watch.reason_to_end(now) for now in (6.0, 30.0, 30.1)] == [None, None, "lost"]


def test_a_lease_that_another_run_took_is_lost(watch):
    TrainingCampaign.objects.update(token=uuid.uuid4())

    assert watch.reason_to_end(5.1) == "lost"


def break_the_connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Leave a connection as a database that was restarted leaves it; return it."""
    monkeypatch.setattr(connection, "errors_occurred", True)
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    return connection.connection


def test_a_connection_that_broke_during_a_training_is_given_up(watch, monkeypatch):
    broken = break_the_connection(monkeypatch)
    monkeypatch.setattr(lifecycle, "renew", gone)

    assert watch.reason_to_end(6.0) is None

    assert connection.connection is not broken


def test_a_connection_that_broke_before_a_training_is_given_up(campaign, monkeypatch):
    lifecycle.request_cancel(campaign.pk)
    broken = break_the_connection(monkeypatch)

    assert supervision.run(campaign.pk) is False

    assert connection.connection is not broken


# children that wait
