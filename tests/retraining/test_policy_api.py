"""A model's policy over HTTP: set, asked what it would decide, and followed by the nightly task."""

from datetime import timedelta

import pytest

from apps.core import clock
from apps.feedback.actions import Verdict, give_many
from apps.registry.models import ModelVersion
from apps.retraining import actions, tasks
from apps.retraining.models import RetrainingDecision
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.models import AuditEntry
from tests.factories import make_model
from tests.monitoring.conftest import few_origins, rows_of, stores, watched  # noqa: F401  (fixtures)

OFF = dict.fromkeys(
    ("feedback", "negatives", "satisfaction", "drift", "realised_fall", "estimated_fall", "age_days", "new_rows")
)


def address(model, more=""):
    return f"/api/v1/models/{model.pk}/retraining_policy/{more}"


def put(api, user, model, **settings):
    return api(user).put(address(model), settings, format="json")


def condition(decision, name):
    return next(one for one in decision["conditions"] if one["name"] == name)


def later(monkeypatch, **span):
    now = clock.now() + timedelta(**span)
    monkeypatch.setattr(clock, "now", lambda: now)


def complain(model, actor, count, *, wrong):
    """Have the model answer rows, and people judge the answers: so many of them wrong."""
    from apps.predictions import actions as predictions

    ids = predictions.predict(model_id=model.pk, rows=rows_of(count, seed=9), actor=SYSTEM).prediction_ids
    predictions.recorder.flush()
    verdicts = [Verdict(one, correct=place >= wrong, subject=f"s{place}") for place, one in enumerate(ids)]
    give_many(model=model, verdicts=verdicts, source="api", actor=actor)


def test_a_policy_is_set_whole_and_shown(cast, api, watched):  # noqa: F811
    nobody = api(cast.viewer).get(address(watched))
    made = put(api, cast.trainer, watched, feedback=50, age_days=30)

    assert nobody.status_code == 404
    assert made.status_code == 200, made.json()
    body = api(cast.viewer).get(address(watched)).json()
    assert body == made.json()
    assert (body["feedback"], body["age_days"], body["negatives"], body["mode"]) == (50, 30, 20, "all")
    assert AuditEntry.objects.filter(verb="policy.set").count() == 1


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"feedback": 0}, "/feedback"),
        ({"satisfaction": 2}, "/satisfaction"),
        ({"drift": True}, "/drift"),
        ({"weekly": 1}, "/weekly"),
        ({"when": 3}, "/when"),
        ({"mode": "some"}, "/mode"),
        ({"gate": {"gain": 2}}, "/gate/gain"),
        ({"gate": {"rows": "many"}}, "/gate/rows"),
    ],
)
def test_a_bad_setting_is_refused_by_name(settings, pointer, cast, api, watched):  # noqa: F811
    refused = put(api, cast.trainer, watched, **settings)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert api(cast.viewer).get(address(watched)).status_code == 404


def test_every_bad_setting_is_named_at_once_those_of_the_gate_too(cast, api, watched):  # noqa: F811
    refused = put(api, cast.trainer, watched, feedback=0, window_days="x", gate={"gain": 7, "rows": 1})

    assert refused.status_code == 422
    assert {one["pointer"] for one in refused.json()["errors"]} == {"/feedback", "/window_days", "/gate/gain", "/gate/rows"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"drift": True}, "drift: Give a number between 0 and 1."),
        ({"window_days": "a week"}, "window_days: Give a whole number between 1 and 3650."),
        ({"new_rows": 0}, "new_rows: Give a whole number between 1 and 1000000000."),
        ({"promotion": "never"}, "promotion: Choose one of: automatic, approval, hand."),
        ({"feedbak": 3}, "feedbak: There is no parameter 'feedbak' here; did you mean 'feedback'? Known: "),
    ],
)
def test_a_refusal_says_what_is_allowed(settings, said, cast, api, watched):  # noqa: F811
    assert put(api, cast.trainer, watched, **settings).json()["detail"].startswith(said)


def test_each_condition_is_told_with_its_value_and_nothing_is_written(cast, api, watched):  # noqa: F811
    put(api, cast.trainer, watched)
    complain(watched, Actor(cast.annotator.pk), 40, wrong=10)
    before = TrainingCampaign.objects.count()

    told = api(cast.viewer).post(address(watched, "evaluate/")).json()

    assert told["retrain"] is False
    assert (condition(told, "feedback")["value"], condition(told, "feedback")["met"]) == (40, False)
    assert (condition(told, "negatives")["value"], condition(told, "negatives")["met"]) == (10, False)
    assert condition(told, "satisfaction")["value"] == pytest.approx(0.75)
    assert told["why_not"]
    assert (TrainingCampaign.objects.count(), RetrainingDecision.objects.count()) == (before, 0)


def test_the_nightly_task_trains_what_is_due_once_and_keeps_the_reasons(cast, api, watched, monkeypatch):  # noqa: F811
    put(api, cast.trainer, watched, feedback=30, negatives=10)
    complain(watched, Actor(cast.annotator.pk), 40, wrong=20)
    later(monkeypatch, days=2)
    dry = api(cast.viewer).post(address(watched, "evaluate/")).json()

    for _ in range(2):
        tasks.check_all()

    first, second = (RetrainingDecision.objects.get(retrain=retrain) for retrain in (True, False))
    assert dry == first.decision  # a dry run decides as the real one does
    assert first.campaign.status == "pending"
    assert first.campaign.dataset_version == ModelVersion.objects.get(model=watched).dataset_version
    assert any("running" in text or "under way" in text for text in second.decision["why_not"]), second.decision["why_not"]
    assert TrainingCampaign.objects.filter(status="pending").count() == 1
    listed = api(cast.viewer).get(f"/api/v1/models/{watched.pk}/retraining_decisions/").json()
    assert sorted(one["retrain"] for one in listed["results"]) == [False, True]
    assert AuditEntry.objects.filter(verb="model.retrain").count() == 1


def test_age_alone_is_enough_where_it_is_the_only_condition(cast, api, watched, monkeypatch):  # noqa: F811
    put(api, cast.trainer, watched, **{**OFF, "age_days": 7})
    put(api, cast.trainer, make_model(cast.acme, name="never trained"), **{**OFF, "age_days": 7})
    fresh = api(cast.trainer).post(address(watched, "retrain/")).json()
    complain(watched, Actor(cast.annotator.pk), 1, wrong=0)  # something is new since the training
    later(monkeypatch, days=8)

    due = api(cast.trainer).post(address(watched, "retrain/")).json()

    assert (fresh["retrain"], due["retrain"], due["origin"]) == (False, True, "person")
    assert due["campaign"] == str(TrainingCampaign.objects.get(status="pending").pk)


def test_a_model_says_itself_whether_it_is_retrained_by_itself(cast, api, watched):  # noqa: F811
    model = f"/api/v1/models/{watched.pk}/"
    trainer = api(cast.trainer)

    def change(**fields):
        assert trainer.patch(model, fields, format="json").status_code == 200

    assert trainer.get(address(watched)).status_code == 404
    change(auto_retrain=True)
    assert trainer.get(address(watched)).json()["feedback"] == 100
    change(retrain_every_days=30)
    by_age = trainer.get(address(watched)).json()
    assert (by_age["is_enabled"], by_age["age_days"], by_age["feedback"]) == (True, 30, None)
    assert [one.model for one in actions.retrain_what_is_due()] == [watched]
    change(auto_retrain=False)
    assert actions.retrain_what_is_due() == []

    put(api, cast.trainer, watched, feedback=7)
    assert trainer.get(model).json()["auto_retrain"] is True
    change(auto_retrain=False)
    told = trainer.post(address(watched, "evaluate/")).json()
    assert (trainer.get(address(watched)).json()["is_enabled"], told["retrain"]) == (False, False)
    assert "The policy is switched off." in told["why_not"]


def test_the_backup_of_sundays_trains_what_has_something_new_once(cast, api, watched, monkeypatch):  # noqa: F811
    put(api, cast.trainer, watched)
    later(monkeypatch, hours=1)
    tasks.retrain_weekly()
    complain(watched, Actor(cast.annotator.pk), 1, wrong=0)
    later(monkeypatch, hours=1)

    for task in (tasks.retrain_weekly, tasks.check_all):  # at one, then at two
        task()

    weekly, nothing_new, nightly = (one.decision for one in RetrainingDecision.objects.order_by("-retrain", "at"))
    assert "It is the backup of Sundays, whatever the conditions say." in weekly["reasons"]
    assert nothing_new["why_not"] == ["Nothing has come since it was trained."]
    assert "A training of this model is under way." in nightly["why_not"]
    assert TrainingCampaign.objects.filter(status="pending").count() == 1


def test_labels_that_a_training_by_hand_left_out_are_new_data(cast, api, watched, monkeypatch):  # noqa: F811
    from apps.predictions import actions as predictions

    ids = predictions.predict(model_id=watched.pk, rows=rows_of(30, seed=9), actor=SYSTEM).prediction_ids
    predictions.recorder.flush()
    give_many(model=watched, verdicts=[Verdict(one, label="yes") for one in ids], source="api", actor=SYSTEM)
    put(api, cast.trainer, watched, **{**OFF, "new_rows": 30})
    later(monkeypatch, hours=1)
    TrainingCampaign.objects.update(created_at=clock.now() - timedelta(minutes=1))

    told = api(cast.viewer).post(address(watched, "evaluate/")).json()

    assert condition(told, "new_rows")["met"]
    assert "New data have come since it was trained." in [one["sentence"] for one in told["guards"]]
    assert told["retrain"]


def test_a_model_that_was_never_trained_and_one_without_policy_are_left_alone(cast, api, watched):  # noqa: F811
    other = make_model(cast.acme, name="never trained")
    put(api, cast.trainer, other, **{**OFF, "age_days": 1})

    decided = actions.retrain_what_is_due()

    assert [(one.model, one.retrain) for one in decided] == [(other, False)]
    assert api(cast.viewer).post(address(watched, "evaluate/")).status_code == 409


def test_a_training_that_cannot_begin_is_kept_with_its_reason(cast, api, watched, monkeypatch, settings):  # noqa: F811
    put(api, cast.trainer, watched, **{**OFF, "age_days": 7})
    complain(watched, Actor(cast.annotator.pk), 1, wrong=0)
    later(monkeypatch, days=8)
    settings.TRAINING_MAX_QUEUED = 0

    (kept,) = actions.retrain_what_is_due()

    assert (kept.retrain, kept.campaign) == (True, None)
    assert "trainings waiting already" in kept.error
