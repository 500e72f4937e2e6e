"""What raises alerts: trainings that end, and drift checks that alarm."""

from apps.alerts.models import Alert
from apps.training import lifecycle
from tests.dashboard.conftest import run
from tests.factories import make_campaign, make_model
from tests.monitoring.conftest import (  # noqa: F401  (fixtures)
    ask,
    few_origins,
    rows_of,
    run_waiting,
    stores,
    watched,
)


def fails(model, reason):
    campaign = make_campaign(model)
    claim = lifecycle.claim(campaign.pk, {})
    assert lifecycle.fail(campaign.pk, claim.token, reason=reason)
    assert not lifecycle.fail(campaign.pk, claim.token, reason=reason)
    return campaign


def test_failed_trainings_of_a_model_are_one_alert(cast):
    model = make_model(cast.acme, name="Late payers")
    fails(model, "It needs more rows.")
    last = fails(model, "It needs more memory.")

    alert = Alert.objects.get()

    assert (alert.workspace, alert.kind, alert.severity, alert.count) == (cast.acme, "training_failed", "warning", 2)
    assert (alert.title, alert.sentence) == ("The training of Late payers failed.", "It needs more memory.")
    assert (alert.model_id, alert.model_name, alert.details["campaign"]) == (model.pk, "Late payers", str(last.pk))


def test_a_cancelled_training_is_no_alert(cast):
    campaign = make_campaign(make_model(cast.acme))

    lifecycle.request_cancel(campaign.pk)

    assert not Alert.objects.exists()


def test_a_training_whose_worker_died_too_often_is_one(cast, settings):
    settings.TRAINING_MAX_ATTEMPTS = 1
    campaign = make_campaign(make_model(cast.acme))
    claim = lifecycle.claim(campaign.pk, {})

    assert lifecycle.give_back(campaign.pk, claim.token, reason="The worker that ran this training died.", is_death=True)

    assert "It was tried 1 times." in Alert.objects.get().sentence


def test_a_completed_training_ends_the_alert_of_those_that_failed_and_an_alarm_of_drift_lasts(watched):  # noqa: F811
    done = Alert.objects.get()
    assert (done.kind, done.severity, done.sentence) == ("training_completed", "info", "Version 1 of it was filed.")
    assert done.details["version"] == 1
    fails(watched, "It needs more rows.")
    first = watched.campaigns.order_by("created_at").first()
    again = make_campaign(watched, dataset_version=first.dataset_version, parameters=first.parameters)
    assert run(again).status == "completed", again.error
    assert Alert.objects.get(kind="training_failed").ended_at is not None
    assert Alert.objects.get(kind="training_completed").count == 2
    for seed in (1, 2, 3):
        ask(watched, rows_of(300, seed=seed, moved=1.0))
        from apps.monitoring.actions import start_checks

        start_checks()
        run_waiting()

    alert = Alert.objects.get(kind="drift")

    assert (alert.count, alert.severity, alert.ended_at) == (2, "warning", None)
    assert alert.title == f"The data of {watched.name} drift."
    assert "In alarm: a" in alert.sentence
    assert "a" in alert.details["columns"]
    ask(watched, rows_of(600, seed=9))
    start_checks()
    run_waiting()
    alert.refresh_from_db()
    assert alert.ended_at is not None
