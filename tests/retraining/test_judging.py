"""Champion and challenger on rows that neither has learned from: what passes goes live, what falls comes back."""

import json
from pathlib import Path

import numpy as np
import pytest

from apps.alerts.models import Alert
from apps.core import clock
from apps.datasets.actions import declare_subject
from apps.datasets.selectors import table_file
from apps.feedback.actions import Verdict as Said
from apps.feedback.actions import give_many
from apps.predictions import actions as predictions
from apps.registry.actions import promote_version, rollback_model
from apps.registry.models import Alias, ModelVersion
from apps.registry.selectors import champion_of, version_folder
from apps.retraining import actions, tasks
from apps.retraining.models import GateReport, RetrainingDecision
from apps.retraining.selectors import facts_of
from apps.retraining.triggers import Policy
from apps.training.actions import start_campaign
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.models import AuditEntry
from tests.factories import make_model
from tests.forecasts.conftest import few_origins, stores, trained_campaign, upload  # noqa: F401  (fixtures)

POOR, GOOD = {"n_estimators": 10, "max_depth": 1}, {"n_estimators": 20, "max_depth": 20}


BY_CHANCE_OF_FEW = {"latency_ratio": None, "calibration_loss": 1}  # else one run says this, another that


def rows(count, *, seed):
    """Return rows whose class follows a bent line, so that a shallow forest misses much of it."""
    chance = np.random.default_rng(seed)
    points = chance.normal(size=(count, 2))
    town = chance.choice(["Lyon", "Brest", "Nice"], count)
    return [{"a": float(a), "b": float(b), "town": str(t)} for (a, b), t in zip(points, town, strict=True)]


def truth(row):
    return "yes" if row["a"] * row["b"] > 0 else "no"


def as_csv(of):
    return "\n".join(["a,b,town,late", *(f"{r['a']},{r['b']},{r['town']},{truth(r)}" for r in of)]) + "\n"


def train(model, data, **more):
    campaign = trained_campaign(
        start_campaign(model=model, dataset_version=data, actor=more.pop("actor", SYSTEM), **more).pk
    )
    assert campaign.status == "completed", campaign.error
    return campaign


@pytest.fixture
def model(cast, stores):  # noqa: F811
    """Return a model with a poor champion and a good challenger, both trained by the real engine."""
    data = upload(cast, as_csv(rows(1_500, seed=0)), name="clients.csv")
    model = make_model(cast.acme, target="late", algorithm="random_forest", parameters=POOR)
    train(model, data, parameters=POOR)
    train(model, data, parameters=GOOD, actor=Actor(cast.trainer.pk))
    return model


def retrained(model, **policy):
    """Note the newest training as one that a policy has begun."""
    gate = {**BY_CHANCE_OF_FEW, **policy.pop("gate", {})}
    actions.set_policy(model=model, settings={**policy, "gate": gate}, actor=SYSTEM)
    campaign = model.campaigns.order_by("-created_at").first()
    return RetrainingDecision.objects.create(
        model=model, at=clock.now(), origin="schedule", retrain=True, decision={"reasons": []}, campaign=campaign
    )


def judged():
    """Run what waits as the worker does; return the newest report."""
    tasks.dispatch_judgements()
    for report in GateReport.objects.filter(status="pending"):
        tasks.run_judgement(str(report.pk))
    return GateReport.objects.order_by("-created_at").first()


def live(model):
    return champion_of(model).number


def test_no_version_learns_from_the_frozen_rows(model):
    for version in ModelVersion.objects.filter(model=model):
        split = version.evaluation["split"]
        assert 110 < split["frozen_rows"] < 190
        assert split["train_rows"] + split["test_rows"] + split["frozen_rows"] == 1_500


def test_a_better_challenger_of_a_policy_goes_live_with_its_reasons(model):
    retrained(model)

    report = judged()

    assert (report.status, report.outcome) == ("completed", "promoted"), (report.error, report.verdict)
    assert report.holdout["rows"] > 110
    assert report.holdout["left_out"] == 0
    assert all(check["passed"] for check in report.verdict["checks"])
    assert live(model) == 2
    assert Alias.objects.get(model=model, name="champion", until=None).reason.startswith("Gate: ")
    assert [entry.verb for entry in AuditEntry.objects.order_by("id") if "gate" in entry.verb] == [
        "gate.judge",
        "gate.verdict",
    ]
    judged()
    assert GateReport.objects.count() == 1  # a decision is judged once


def test_a_worse_challenger_is_refused_and_the_champion_stays(model):
    actions.start_judgement(model=model, actor=SYSTEM)
    judged()
    ModelVersion.objects.get(model=model, number=2)
    from apps.registry.actions import promote_version

    promote_version(version=ModelVersion.objects.get(model=model, number=2), actor=SYSTEM)
    train(model, ModelVersion.objects.get(model=model, number=1).dataset_version, parameters=POOR)
    retrained(model)

    report = judged()

    assert report.outcome == "kept"
    assert any(check["name"] == "gain" and not check["passed"] for check in report.verdict["checks"])
    assert live(model) == 2


@pytest.mark.parametrize(("promotion", "outcome"), [("approval", "waiting"), ("hand", "advised")])
def test_the_policy_says_what_becomes_of_what_passed(promotion, outcome, model):
    retrained(model, promotion=promotion)

    report = judged()

    assert report.outcome == outcome, report.verdict
    assert live(model) == 1


def test_another_person_than_who_trained_approves(model, cast, api):
    retrained(model, promotion="approval")
    report = judged()
    address = f"/api/v1/models/{model.pk}/gate_reports/{report.pk}/approve/"
    ModelVersion.objects.filter(pk=report.challenger_id).update(created_by=cast.approver)

    assert api(cast.approver).post(address).status_code == 409
    assert api(cast.trainer).post(address).status_code == 403
    approved = api(cast.owner).post(address)

    assert (approved.status_code, approved.json()["outcome"]) == (200, "promoted"), approved.json()
    assert live(model) == 2
    assert api(cast.owner).post(address).status_code == 409


def test_who_declines_keeps_the_champion_and_no_longer_holds_up_the_schedule(model, cast, api):
    retrained(model, promotion="approval")
    report = judged()
    address = f"/api/v1/models/{model.pk}/gate_reports/{report.pk}/decline/"
    waiting = Alert.objects.get(key=f"gate:{report.challenger_id}")
    assert facts_of(model, Policy()).is_waiting
    assert waiting.ended_at is None

    assert api(cast.trainer).post(address).status_code == 403
    assert api(cast.owner).post(address, {"reason": "x" * 501}).status_code == 422
    declined = api(cast.owner).post(address, {"reason": "Audited next week"})

    assert (declined.status_code, declined.json()["outcome"]) == (200, "declined"), declined.json()
    assert declined.json()["declined_because"] == "Audited next week"
    waiting.refresh_from_db()
    assert waiting.ended_at is not None  # nobody is waited for
    assert live(model) == 1
    assert not facts_of(model, Policy()).is_waiting
    assert api(cast.owner).post(address).status_code == 409
    assert api(cast.owner).post(address.replace("decline", "approve")).status_code == 409
    assert AuditEntry.objects.filter(verb="gate.decline").count() == 1


def test_asked_by_a_person_the_gate_tells_and_promotes_nothing(model, cast, api):
    actions.set_policy(model=model, settings={"gate": BY_CHANCE_OF_FEW}, actor=SYSTEM)
    asked = api(cast.trainer).post(f"/api/v1/models/{model.pk}/judge_challenger/")
    again = api(cast.trainer).post(f"/api/v1/models/{model.pk}/judge_challenger/")
    judged()

    told = api(cast.viewer).get(asked["Location"]).json()

    assert (asked.status_code, again.json()["id"]) == (202, asked.json()["id"])
    assert (told["outcome"], told["champion"], told["challenger"]) == ("advised", 1, 2)
    assert told["verdict"]["promote"] is True
    assert live(model) == 1
    refused = api(cast.approver).post(f"{asked['Location']}approve/")
    assert (refused.status_code, "promote the version by hand" in refused.json()["detail"]) == (409, True)


def test_without_a_challenger_there_is_nothing_to_judge(cast, api):
    empty = make_model(cast.acme, target="late")

    refused = api(cast.trainer).post(f"/api/v1/models/{empty.pk}/judge_challenger/")

    assert refused.status_code == 409
    assert "train another version" in refused.json()["detail"]


def test_rows_that_the_champion_has_learned_from_do_not_count(model, cast):
    """A champion from before rows were frozen has learned from all of its data set; only what came since is left to judge by."""
    champion = ModelVersion.objects.get(model=model, number=1)
    split = {**champion.evaluation["split"], "frozen_rows": 0, "frozen_share": 0.0}
    ModelVersion.objects.filter(pk=champion.pk).update(evaluation={**champion.evaluation, "split": split})
    retrained(model)

    report = judged()

    assert report.outcome == "kept"
    assert report.holdout["rows"] == 0
    assert report.holdout["left_out"] > 110
    assert "are missing" in report.verdict["reasons"][0]
    assert "by hand once" in report.verdict["reasons"][1]


def test_the_column_of_subjects_that_was_declared_between_two_trainings_is_told(model):
    first = ModelVersion.objects.get(model=model, number=1)
    declare_subject(dataset=first.dataset_version.dataset, column="town", actor=SYSTEM)
    train(model, first.dataset_version, parameters=GOOD)
    retrained(model)

    report = judged()

    assert report.outcome == "kept"
    (reason,) = report.verdict["reasons"]
    assert reason.startswith("Between the trainings of versions 1 and 3 it was declared anew which column says whose data")


def test_two_that_left_out_the_same_column_of_subjects_are_judged(model):
    data = ModelVersion.objects.get(model=model, number=1).dataset_version
    declare_subject(dataset=data.dataset, column="town", actor=SYSTEM)
    train(model, data, parameters=POOR)
    promote_version(version=ModelVersion.objects.get(model=model, number=3), actor=SYSTEM)
    train(model, data, parameters=GOOD)
    retrained(model)
    declare_subject(dataset=data.dataset, column="", actor=SYSTEM)  # what both left out they still did

    report = judged()

    assert (report.outcome, live(model)) == ("promoted", 4), report.verdict
    assert report.holdout["rows"] > 110


def test_a_policy_counts_what_was_said_of_the_live_version(model, cast):
    ids = predictions.predict(model_id=model.pk, rows=rows(40, seed=5), actor=SYSTEM).prediction_ids
    predictions.recorder.flush()
    said = [Said(one, correct=place >= 25, subject=f"s{place}") for place, one in enumerate(ids)]
    give_many(model=model, verdicts=said, source="api", actor=Actor(cast.annotator.pk))
    before = facts_of(model, Policy())

    promote_version(version=ModelVersion.objects.get(model=model, number=2), actor=SYSTEM)

    after = facts_of(model, Policy())
    assert (before.positives, before.negatives, len(before.subjects)) == (15, 25, 40)
    assert (after.positives, after.negatives, len(after.subjects)) == (0, 0, 0)


def test_rows_of_a_newer_data_set_are_judged_by_too(model, cast):
    newer = upload(cast, as_csv(rows(1_500, seed=0) + rows(1_500, seed=1)), name="more.csv")
    train(model, newer, parameters=GOOD)
    retrained(model)

    report = judged()

    assert report.outcome == "promoted"
    assert 240 < report.holdout["rows"] < 360


def test_a_gain_that_the_policy_asks_for_and_is_not_there_refuses(model):
    retrained(model, gate={"gain": 0.9})

    report = judged()

    assert report.outcome == "kept"
    assert report.verdict["reasons"][0].startswith("The champion leaves no more than ")
    assert "where 90 points are asked for" in report.verdict["reasons"][0]


def test_a_bad_margin_is_refused_by_name(model, cast, api):
    address = f"/api/v1/models/{model.pk}/retraining_policy/"

    refused = api(cast.trainer).put(address, {"gate": {"gain": 7}}, format="json")
    odd = api(cast.trainer).put(address, {"gate": [1]}, format="json")
    taken = api(cast.trainer).put(address, {"gate": {"gain": 0.05}, "promotion": "approval"}, format="json")

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/gate/gain")
    assert (odd.status_code, odd.json()["errors"][0]["pointer"]) == (422, "/gate")
    assert (taken.json()["gate"]["gain"], taken.json()["promotion"]) == (0.05, "approval")


def test_damaged_files_fail_the_judgement_in_words_and_the_champion_stays(model, settings):
    retrained(model)
    challenger = ModelVersion.objects.get(model=model, number=2)
    file = next((Path(settings.ML_MODELS_DIR) / challenger.folder / "predictor").glob("*"))
    file.write_bytes(file.read_bytes() + b"x")

    report = judged()

    assert report.status == "failed"
    assert "checksum" in report.error
    assert live(model) == 1


def test_a_data_set_that_is_gone_fails_the_judgement_in_words(model):
    retrained(model)
    table_file(ModelVersion.objects.get(model=model, number=1).dataset_version).unlink()

    report = judged()

    assert report.status == "failed"
    assert "Upload the file again" in report.error


def test_a_champion_that_changed_meanwhile_is_not_replaced(model):
    from apps.registry.actions import promote_version

    retrained(model)
    tasks.dispatch_judgements()
    train(model, ModelVersion.objects.get(model=model, number=1).dataset_version, parameters=GOOD)
    promote_version(version=ModelVersion.objects.get(model=model, number=3), actor=SYSTEM)

    report = judged()

    assert report.outcome == "overtaken"
    assert live(model) == 3


def test_a_run_that_lost_its_lease_promotes_nothing(model):
    from apps.retraining import engine
    from apps.retraining.lifecycle import judgements

    retrained(model)
    tasks.dispatch_judgements()
    report = GateReport.objects.get()
    first = judgements.claim(report.pk)
    GateReport.objects.update(lease_until=clock.now())
    judgements.take_back_expired()
    second = judgements.claim(report.pk)

    engine.judge(report.pk, first)

    assert live(model) == 1
    engine.judge(report.pk, second)
    assert live(model) == 2


def labels(model, count, *, wrong, seed):
    """Have the live version answer rows, and their labels come: so many of them other than answered."""
    done = predictions.predict(model_id=model.pk, rows=rows(count, seed=seed), actor=SYSTEM)
    predictions.recorder.flush()
    other = {"yes": "no", "no": "yes"}
    said = [
        Said(one, label=other[answer] if place < wrong else answer)
        for place, (one, answer) in enumerate(zip(done.prediction_ids, done.predictions, strict=True))
    ]
    chance = np.random.default_rng(seed)
    give_many(model=model, verdicts=[said[i] for i in chance.permutation(count)], source="api", actor=SYSTEM)


def test_a_promotion_that_labels_show_to_be_worse_is_taken_back_once(model):
    labels(model, 200, wrong=20, seed=2)
    retrained(model)
    judged()
    labels(model, 40, wrong=40, seed=3)
    tasks.watch_promotions()
    early = live(model)
    labels(model, 160, wrong=60, seed=4)

    tasks.watch_promotions()
    tasks.watch_promotions()

    assert (early, live(model)) == (2, 1)
    assert GateReport.objects.get().outcome == "rolled_back"
    assert "surely worse" in Alias.objects.get(model=model, name="champion", until=None).reason
    assert AuditEntry.objects.filter(verb="model.rollback").count() == 1


def test_what_a_person_promoted_again_is_not_taken_back(model):
    labels(model, 200, wrong=20, seed=2)
    retrained(model)
    judged()
    rollback_model(model=model, actor=SYSTEM, reason="too early")
    promote_version(version=model.versions.get(number=2), actor=SYSTEM, reason="now it may")
    labels(model, 200, wrong=100, seed=3)

    tasks.watch_promotions()

    assert live(model) == 2


def test_a_worse_promotion_that_cannot_be_taken_back_is_told_once(model):
    labels(model, 200, wrong=20, seed=2)
    retrained(model)
    judged()
    labels(model, 200, wrong=100, seed=3)
    damaged = version_folder(model.versions.get(number=1)) / "predictor" / "predictor.json"
    damaged.chmod(0o600)
    damaged.write_bytes(b"{}")

    tasks.watch_promotions()
    tasks.watch_promotions()

    assert (live(model), GateReport.objects.get().outcome) == (2, "promoted")
    assert [one.title for one in Alert.objects.filter(kind="rolled_back")] == [
        f"Version 2 of {model.name} is surely worse, and could not be rolled back."
    ]


def test_a_promotion_as_good_as_before_stays(model):
    labels(model, 200, wrong=20, seed=2)
    retrained(model)
    judged()
    labels(model, 200, wrong=22, seed=3)

    tasks.watch_promotions()

    assert live(model) == 2


def test_a_policy_without_days_to_watch_takes_nothing_back(model):
    labels(model, 200, wrong=20, seed=2)
    retrained(model, watch_days=None)
    judged()
    labels(model, 200, wrong=150, seed=3)

    tasks.watch_promotions()

    assert live(model) == 2


def test_the_report_is_plain_json(model):
    actions.start_judgement(model=model, actor=SYSTEM)

    report = judged()

    assert json.loads(json.dumps(report.verdict)) == report.verdict
    assert set(report.holdout) == {"rows", "left_out", "sha256"}
