"""What people say of answers becomes what the next version learns from, and what the gate judges it by."""

from datetime import timedelta

import numpy as np
import pytest

from apps.algorithms.schema import TableSchema
from apps.core import clock
from apps.core.errors import InvalidInput
from apps.feedback.actions import Verdict, give_many
from apps.feedback.learning import count_to_learn, rows_to_learn
from apps.feedback.models import Feedback
from apps.feedback.selectors import MOST_OF_A_GIVER, outcomes
from apps.predictions import actions as predictions
from apps.predictions.erasing import take_out
from apps.predictions.models import PredictionLog
from apps.registry.actions import promote_version
from apps.registry.models import ModelVersion
from apps.retraining import actions, tasks
from apps.retraining.selectors import facts_of
from apps.retraining.triggers import Policy
from apps.training.actions import start_campaign
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from tests.factories import make_model
from tests.forecasts.conftest import few_origins, stores, trained_campaign, upload  # noqa: F401  (fixtures)
from tests.retraining.test_judging import GOOD, as_csv, judged, live, rows, train, truth

TWO = {"yes": "no", "no": "yes"}


def now_true(row):
    """Tell what is true since the world has changed: in Lyon the opposite of what was."""
    return TWO[truth(row)] if row["town"] == "Lyon" else truth(row)


@pytest.fixture
def model(cast, stores):  # noqa: F811
    """Return a model with a good champion, of a world that was."""
    data = upload(cast, as_csv(rows(1_500, seed=0)), name="clients.csv")
    model = make_model(cast.acme, target="late", algorithm="random_forest", parameters=GOOD)
    train(model, data)
    return model


def ask(model, asked):
    """Have the model answer rows; return (id of the answer, answer) of each."""
    done = [
        predictions.predict(model_id=model.pk, rows=asked[at : at + 200], actor=SYSTEM) for at in range(0, len(asked), 200)
    ]
    predictions.recorder.flush()
    return [pair for one in done for pair in zip(one.prediction_ids, one.predictions, strict=True)]


def say(model, verdicts):
    give_many(model=model, verdicts=verdicts, source="api", actor=SYSTEM)


def thumbs(model, asked):
    """Have each of many users say whether an answer was right, and no more."""
    answered = ask(model, asked)
    say(model, [
        Verdict(one, correct=bool(answer == now_true(row)), subject=f"u{place // 3}")
        for place, ((one, answer), row) in enumerate(zip(answered, asked, strict=True))
    ])  # fmt: skip


def test_a_model_learns_from_its_users_and_the_gate_sees_it(model):
    in_lyon = [row for row in rows(3_600, seed=5) if row["town"] == "Lyon"]  # twice as many as tell of the world that was
    thumbs(model, in_lyon)
    actions.set_policy(model=model, settings={"satisfaction": 0.8, "gate": {"latency_ratio": None}}, actor=SYSTEM)
    dry = actions.evaluate(model=model)

    tasks.check_all()
    campaign = trained_campaign(TrainingCampaign.objects.get(status="pending").pk)
    report = judged()

    assert dry.retrain
    assert campaign.status == "completed", campaign.error
    split = ModelVersion.objects.get(number=2).evaluation["split"]
    assert split["feedback_rows"] == len(in_lyon)
    assert split["train_rows"] + split["test_rows"] + split["frozen_rows"] == 1_500 + len(in_lyon)
    assert report.outcome == "promoted", report.verdict
    assert 200 < report.holdout["rows"] < 350  # a tenth of both, of which the champion has learned from none
    asked = rows(300, seed=6)
    right = np.mean([answer == now_true(row) for (_, answer), row in zip(ask(model, asked), asked, strict=True)])
    assert (live(model), right > 0.8) == (2, True)


def test_a_flood_of_one_user_counts_up_to_the_limit_and_overrules_nobody(model):
    answered = ask(model, rows(100, seed=5))
    say(model, [Verdict(one, label=answer, subject=f"other-{place}") for place, (one, answer) in enumerate(answered)])
    say(model, [Verdict(one, label=TWO[answer], subject="one") for one, answer in answered])

    told = {one.key: one.label for one in rows_to_learn(model, clock.now())}

    overruled = [one for one, answer in answered if told[one] != answer]
    assert (len(told), len(overruled)) == (100, MOST_OF_A_GIVER)


def test_thumbs_without_a_subject_count_as_those_of_who_called_and_labels_of_a_system_all_count(model):
    answered = ask(model, rows(100, seed=5))
    say(model, [Verdict(one, correct=True) for one, _ in answered[:50]])
    assert len(rows_to_learn(model, clock.now())) == count_to_learn(model, since=None) == MOST_OF_A_GIVER
    assert len(outcomes(ModelVersion.objects.get(), since=clock.now() - timedelta(days=1))) == MOST_OF_A_GIVER

    say(model, [Verdict(one, label="yes") for one, _ in answered[50:]])

    assert len(rows_to_learn(model, clock.now())) == count_to_learn(model, since=None) == MOST_OF_A_GIVER + 50


def test_what_is_taken_back_is_not_learned_from(model, monkeypatch):
    monkeypatch.setattr(
        "apps.feedback.learning._classes_of_versions", lambda model: {ModelVersion.objects.get().pk: ("yes", "no", "?")}
    )
    ((one, _),) = ask(model, rows(1, seed=5))
    say(model, [Verdict(one, correct=True, subject="a")])
    assert len(rows_to_learn(model, clock.now())) == 1

    say(model, [Verdict(one, correct=False, subject="a")])

    assert rows_to_learn(model, clock.now()) == []


def test_one_subject_makes_no_fall_of_performance_alone(model):
    answered = ask(model, rows(60, seed=5))
    say(model, [Verdict(one, label=TWO[answer], subject="one") for one, answer in answered])

    assert facts_of(model, Policy()).realised_rows == MOST_OF_A_GIVER


def test_what_a_verdict_says_of_the_truth(model):
    asked = rows(4, seed=5)
    (right, own), (wrong, other), (named, _), (silent, _) = ask(model, asked)
    say(model, [Verdict(right, correct=True), Verdict(wrong, correct=False), Verdict(named, label="yes")])

    told = {one.key: (one.row, one.label) for one in rows_to_learn(model, clock.now())}

    assert told == {right: (asked[0], own), wrong: (asked[1], TWO[other]), named: (asked[2], "yes")}
    assert silent not in told


def test_what_is_learned_is_what_was_known_at_the_time(model, monkeypatch):
    ((first, _), (second, _)) = ask(model, rows(2, seed=5))
    say(model, [Verdict(first, label="yes"), Verdict(second, label="yes")])
    then = clock.now()
    before = rows_to_learn(model, then)
    monkeypatch.setattr(clock, "now", lambda: then + timedelta(hours=1))
    say(model, [Verdict(first, label="no"), Verdict(second, label="yes", known_at=Feedback.objects.last().known_at)])

    assert rows_to_learn(model, then) == before
    assert [one.label for one in rows_to_learn(model, clock.now())] == ["no", "yes"]


def test_an_erased_row_is_learned_from_no_more_and_the_gate_still_judges(model):
    asked = rows(600, seed=5)
    answered = ask(model, asked)
    say(model, [Verdict(one, label=now_true(row)) for (one, _), row in zip(answered, asked, strict=True)])
    campaign = start_campaign(
        model=model, dataset_version=ModelVersion.objects.get().dataset_version, feedback=True, actor=SYSTEM
    )
    assert trained_campaign(campaign.pk).status == "completed"
    entry = PredictionLog.objects.order_by("at").first()
    take_out(entry.pk, list(range(50)))

    assert len(rows_to_learn(model, campaign.feedback_until)) == 550
    actions.start_judgement(model=model, actor=SYSTEM)
    report = judged()

    assert report.status == "completed", report.error
    assert report.holdout["rows"] > 150


def test_labels_that_cannot_be_learned_from_are_told(model):
    say(model, [Verdict(one, label="perhaps") for one, _ in ask(model, rows(3, seed=5))])
    campaign = start_campaign(
        model=model, dataset_version=ModelVersion.objects.get().dataset_version, feedback=True, actor=SYSTEM
    )

    assert trained_campaign(campaign.pk).status == "completed"

    version = ModelVersion.objects.get(number=2)
    assert version.evaluation["split"]["feedback_rows"] == 0
    assert version.evaluation["warnings"][0].startswith("3 labelled answers were left out: they do not fit")


def test_labels_count_as_new_rows_and_those_that_were_learned_do_not(model):
    asked = rows(40, seed=5)
    say(model, [Verdict(one, label="yes") for one, _ in ask(model, asked)])

    assert facts_of(model, Policy()).new_rows == 40
    campaign = start_campaign(
        model=model, dataset_version=ModelVersion.objects.get().dataset_version, feedback=True, actor=SYSTEM
    )
    trained_campaign(campaign.pk)
    promote_version(version=ModelVersion.objects.get(number=2), actor=SYSTEM)
    assert facts_of(model, Policy()).new_rows == 0


def test_a_training_by_hand_learns_from_labels_where_it_is_asked_to(model, cast, api):
    say(model, [Verdict(one, label="no") for one, _ in ask(model, rows(40, seed=5))])
    data = str(ModelVersion.objects.get().dataset_version.dataset_id)

    def start(**more):
        return api(cast.trainer).post(f"/api/v1/models/{model.pk}/train/", {"dataset": data, **more}, format="json").json()

    assert start()["feedback_until"] is None
    assert start(feedback=True)["feedback_until"] is not None
    assert start(feedback="perhaps")["errors"][0]["pointer"] == "/feedback"


def test_the_form_offers_labelled_answers_and_learning_from_them_is_a_difference(model, cast, client):
    client.force_login(cast.trainer)
    page = f"/models/{model.pk}/train/"
    assert "labelled answers" not in client.get(page).content.decode()
    say(model, [Verdict(one, label="no") for one, _ in ask(model, rows(40, seed=5))])
    assert "Learn from labelled answers too: 40" in client.get(page).content.decode()
    version = ModelVersion.objects.get()
    sent = {"dataset": str(version.dataset_version_id), "seed": 0, "start": "1"}

    assert client.post(page, sent).status_code == 422  # nothing differs
    begun = client.post(page, {**sent, "feedback": "on"})

    assert begun.status_code == 302, begun.content.decode()
    assert TrainingCampaign.objects.get(status="pending").feedback_until is not None


def test_what_was_left_out_stays_left_out_though_posted_rows_do_not_hold_it(cast, stores):  # noqa: F811
    """Neither an id, nor a column of one value, is asked for by the version that learned from labels."""
    told = [{**row, "id": f"client {place}", "country": "FR"} for place, row in enumerate(rows(1_200, seed=0))]
    lines = ["a,b,town,id,country,late", *(f"{','.join(map(str, row.values()))},{truth(row)}" for row in told)]
    data = upload(cast, "\n".join(lines) + "\n", name="clients.csv")
    model = make_model(cast.acme, target="late", algorithm="random_forest", parameters=GOOD)
    train(model, data)
    say(model, [Verdict(one, label=answer) for one, answer in ask(model, rows(400, seed=5))])

    train(model, data, feedback=True)

    schemas = [TableSchema.from_json(version.schema) for version in ModelVersion.objects.order_by("number")]
    assert [{column.name for column in schema.columns} for schema in schemas] == [{"a", "b", "town"}] * 2


def test_a_label_that_is_nearly_a_class_is_asked_back(model):
    ((one, _),) = ask(model, rows(1, seed=5))

    with pytest.raises(InvalidInput, match=r"no class 'Yes '. Did you mean 'yes'\?"):
        say(model, [Verdict(one, label="Yes ")])
    say(model, [Verdict(one, label="perhaps")])  # a new class may come up
