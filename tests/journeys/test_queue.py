"""Trainings that wait, are sent twice, are cancelled, never end, or have no owner."""

import time
from uuid import UUID

import pytest
from celery import Celery

from tests.journeys.running import RunningPlatform, wait_for
from tests.journeys.story import assert_one_story
from tests.journeys.tables import as_csv, invoices
from tests.journeys.test_kills import start_patient
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_message_that_comes_four_times_makes_one_version(visitor: Visitor, running: RunningPlatform, clients: str):
    model, campaign = start_patient(visitor, clients, seconds=3)
    sender = Celery(broker=running.broker_url, set_as_current=False)
    for _ in range(3):
        sender.send_task("training.run_campaign", args=[campaign], queue="ml_training")
    visitor.wait_until_fitting(campaign)
    sender.send_task("training.run_campaign", args=[campaign], queue="ml_training")

    visitor.completed(campaign)
    sender.send_task("training.run_campaign", args=[campaign], queue="ml_training", kwargs={"sent_by": "a newer release"})
    follower = start_patient(visitor, clients, seconds=0)
    visitor.completed(follower[1])

    assert [event["status"] for event in visitor.events(campaign)].count("completed") == 1
    assert_one_story(visitor, model, follower[0])


def test_messages_for_nothing_leave_the_worker_as_it_was(visitor: Visitor, running: RunningPlatform, clients: str):
    worker = running.process_of("training").pid
    sender = Celery(broker=running.broker_url, set_as_current=False)
    sender.send_task("training.run_campaign", args=["00000000-0000-0000-0000-000000000009"], queue="ml_training")
    sender.send_task("training.run_campaign", args=["no id"], queue="ml_training")
    sender.send_task("training.run_campaign", queue="ml_training")
    sender.send_task("training.nothing_such", args=[1], queue="ml_training")

    model, campaign = start_patient(visitor, clients, seconds=0)

    visitor.completed(campaign)
    assert running.process_of("training").pid == worker
    assert_one_story(visitor, model)


def test_a_training_that_always_dies_fails_with_its_reason_and_the_queue_goes_on(visitor: Visitor, clients: str):
    model = visitor.model("Dies", algorithm="poison_killed")
    campaign = visitor.train(model, clients)
    follower = start_patient(visitor, clients, seconds=0)

    ended = visitor.wait_until_ended(campaign)

    assert (ended["status"], ended["attempt"]) == ("failed", 3)
    assert "killed (signal 9)" in ended["error"]
    visitor.completed(follower[1])
    assert_one_story(visitor, model, follower[0])


def test_short_work_does_not_wait_behind_a_long_training(visitor: Visitor, clients: str):
    model, campaign = start_patient(visitor, clients, seconds=25)
    visitor.wait_until_fitting(campaign)

    for seed in range(5):
        assert visitor.upload(as_csv(invoices(100, seed=seed)))["status"] == "ready"

    assert visitor.campaign(campaign)["status"] == "training"
    visitor.post(f"campaigns/{campaign}/cancel/")
    assert visitor.wait_until_ended(campaign)["status"] == "cancelled"
    assert_one_story(visitor, model)


def test_cancel_in_the_middle_and_before_the_start_ends_each_once_and_leaves_no_file(visitor: Visitor, clients: str):
    long = start_patient(visitor, clients, seconds=120)
    waiting = start_patient(visitor, clients, seconds=0)
    visitor.wait_until_fitting(long[1])

    at_once = visitor.post(f"campaigns/{waiting[1]}/cancel/")
    began = time.monotonic()
    visitor.post(f"campaigns/{long[1]}/cancel/")
    visitor.post(f"campaigns/{long[1]}/cancel/", None, 200, 409)
    ended = visitor.wait_until_ended(long[1], seconds=20)

    assert time.monotonic() - began < 10
    assert (at_once["status"], ended["status"]) == ("cancelled", "cancelled")
    visitor.post(f"campaigns/{long[1]}/cancel/", None, 409)
    visitor.post(f"campaigns/{waiting[1]}/cancel/", None, 409)
    assert [event["status"] for event in visitor.events(waiting[1])] == ["pending", "cancelled"]
    assert [event["status"] for event in visitor.events(long[1])].count("cancelled") == 1
    assert_one_story(visitor, long[0], waiting[0])


def test_a_cancel_after_the_end_changes_nothing(visitor: Visitor, clients: str):
    model, campaign = start_patient(visitor, clients, seconds=0)
    visitor.completed(campaign)

    refused = visitor.post(f"campaigns/{campaign}/cancel/", None, 409)

    assert "completed" in refused["detail"]
    assert_one_story(visitor, model)


def test_a_row_in_training_that_nobody_ever_owned_is_taken_up(visitor: Visitor, running: RunningPlatform, clients: str):
    long = start_patient(visitor, clients, seconds=4)
    visitor.wait_until_fitting(long[1])
    model, campaign = start_patient(visitor, clients, seconds=0)
    with running.witness() as witness:
        changed = witness.change(
            "UPDATE training_trainingcampaign SET status = 'training', token = NULL, lease_until = NULL, owner = '{}' "
            "WHERE id = ? AND status = 'pending'",
            UUID(campaign).hex,
        )
        assert changed == 1
        # As its run would have: the log says so too.
        witness.change(
            "UPDATE training_trainingevent SET status = 'training' WHERE campaign_id = ? AND seq > 1", UUID(campaign).hex
        )

    ended = visitor.completed(campaign)

    assert (ended["attempt"], ended["version"]) == (2, 1)
    visitor.completed(long[1])
    assert_one_story(visitor, long[0])
    assert visitor.get(f"models/{model}/")["champion"] == 1


def test_the_platform_says_it_is_ready_and_which_worker_is_not(visitor: Visitor, running: RunningPlatform):
    ready = wait_for(lambda: visitor.http.get(f"{running.url}/readyz").status_code == 200, seconds=60, what="readiness")

    assert ready
    assert visitor.http.get(f"{running.url}/healthz").status_code == 200
    assert b"# HELP" in visitor.http.get(f"{running.url}/metrics").content
