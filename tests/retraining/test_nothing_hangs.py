"""What was tried is not tried again each night, nothing goes on for ever, and nothing ends in silence."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from apps.alerts.models import Alert
from apps.core import clock
from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import Conflict
from apps.feedback.actions import Verdict, give_many
from apps.predictions import actions as predictions
from apps.predictions.actions import start_split
from apps.predictions.cache import predictors
from apps.predictions.models import TrafficSplit
from apps.registry.actions import promote_version
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.retraining import actions, engine, tasks
from apps.retraining.gate.fall import judge_fall
from apps.retraining.lifecycle import judgements
from apps.retraining.models import GateReport, RetrainingDecision
from apps.retraining.selectors import answered_again, facts_of, policy_of
from apps.workspaces.access import SYSTEM
from tests.factories import make_model
from tests.forecasts.conftest import few_origins, stores  # noqa: F401  (fixtures)
from tests.retraining.test_judging import GOOD, judged, live, model, retrained, rows, train, truth  # noqa: F401  (fixtures)

pytestmark = pytest.mark.usefixtures("few_origins")


def guards(model):  # noqa: F811
    """Return the names of what stands in the way of a retraining now."""
    return {one.name for one in actions.evaluate(model=model).guards if one.blocks}


def asked(model, count, *, seed):  # noqa: F811
    """Have the live version answer rows whose true labels come."""
    given = rows(count, seed=seed)
    done = predictions.predict(model_id=model.pk, rows=given, actor=SYSTEM)
    predictions.recorder.flush()
    said = [Verdict(one, label=truth(row)) for one, row in zip(done.prediction_ids, given, strict=True)]
    give_many(model=model, verdicts=said, source="api", actor=SYSTEM)


def damage(version, root):
    file = next((Path(root) / version.folder / "predictor").glob("*"))
    other = file.with_name("other")
    held = file.read_bytes()
    other.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    other.replace(file)  # never written in place: a process may have it mapped
    predictors.clear()


def alert():
    return Alert.objects.latest("last_at")


def test_what_the_gate_refused_is_not_trained_again_until_something_comes(model):  # noqa: F811
    """A verdict came after the champion was trained and before the training that was refused: that one has learned from it."""
    asked(model, 5, seed=2)
    before = guards_with_policy(model)
    decision = retrained(model, gate={"gain": 0.9})
    type(decision.campaign).objects.filter(pk=decision.campaign_id).update(feedback_until=clock.now())
    judged()

    after = guards(model)
    asked(model, 5, seed=3)

    assert GateReport.objects.get().outcome == "kept"
    assert ("unchanged" in before, "unchanged" in after, "unchanged" in guards(model)) == (False, True, False)


def guards_with_policy(model):  # noqa: F811
    actions.set_policy(model=model, settings={}, actor=SYSTEM)
    return guards(model)


def test_what_came_while_it_was_trained_is_new(model):  # noqa: F811
    """The champion was filed after the verdicts came, but its training had been asked for before."""
    actions.set_policy(model=model, settings={}, actor=SYSTEM)
    asked(model, 5, seed=2)
    ModelVersion.objects.filter(model=model, number=1).update(created_at=clock.now() + timedelta(hours=3))

    assert "unchanged" not in guards(model)
    facts = facts_of(model, policy_of(model))
    assert facts.learned_until < facts.data_changed_at < facts.trained_at


def test_a_challenger_at_the_gate_or_waiting_holds_back_another_training(model):  # noqa: F811
    retrained(model, promotion="approval")
    actions.judge_what_was_retrained()
    at_the_gate = guards(model)
    judged()

    waiting = guards(model)
    promote_version(version=ModelVersion.objects.get(model=model, number=2), actor=SYSTEM)
    tasks.dispatch_judgements()

    assert ("judging" in at_the_gate, "waiting" in at_the_gate) == (True, False)
    assert ("judging" in waiting, "waiting" in waiting) == (False, True)
    assert GateReport.objects.get().outcome == "overtaken"
    assert "waiting" not in guards(model)


def test_a_policy_switched_off_meanwhile_promotes_nothing(model, monkeypatch):  # noqa: F811
    retrained(model)
    judge = engine._judged

    def switched_off_meanwhile(report, hold):
        found = judge(report, hold)
        RegisteredModel.objects.filter(pk=model.pk).update(auto_retrain=False)
        return found

    monkeypatch.setattr(engine, "_judged", switched_off_meanwhile)

    assert judged().outcome == "advised"
    assert live(model) == 1


def test_a_challenger_that_nobody_decided_on_is_not_judged_for_a_decision(model):  # noqa: F811
    decision = retrained(model)
    train(model, ModelVersion.objects.get(model=model, number=1).dataset_version, parameters=GOOD)

    with pytest.raises(Conflict, match="newer version has become the challenger"):
        actions.start_judgement(model=model, actor=SYSTEM, decision=decision)

    assert not GateReport.objects.exists()


def test_a_judgement_that_fails_is_told_of(model, settings):  # noqa: F811
    retrained(model)
    damage(ModelVersion.objects.get(model=model, number=2), settings.ML_MODELS_DIR)

    report = judged()

    assert (report.status, alert().kind, alert().sentence) == ("failed", "gate_refused", report.error)
    assert alert().title == f"Version 2 of {model.name} could not be judged."


def test_a_judgement_whose_runs_died_is_told_of_once(model):  # noqa: F811
    retrained(model)
    actions.judge_what_was_retrained()
    GateReport.objects.update(status="running", attempt=3, lease_until=clock.now() - timedelta(minutes=1))

    for _ in range(2):
        tasks.dispatch_judgements()

    assert (alert().count, alert().sentence) == (1, judgements.died)


def test_a_retraining_that_cannot_begin_is_told_of(model, settings):  # noqa: F811
    off = dict.fromkeys(("feedback", "negatives", "satisfaction"))
    actions.set_policy(model=model, settings={**off, "new_rows": 1}, actor=SYSTEM)
    asked(model, 5, seed=2)
    settings.TRAINING_MAX_QUEUED = 0

    (kept,) = actions.retrain_what_is_due()

    assert kept.error
    assert (alert().kind, alert().sentence) == ("training_failed", kept.error)


def test_an_unforeseen_fault_of_one_model_keeps_no_other_from_its_turn(cast, caplog):
    broken, other = (make_model(cast.acme, name=name) for name in ("broken", "other"))
    for one in (broken, other):
        actions.set_policy(model=one, settings={}, actor=SYSTEM)
    broken.retraining_policy.policy = {"feedback": {"no": "number"}, "mode": []}
    broken.retraining_policy.save()
    type(broken).objects.filter(pk=broken.pk).update(task="unheard of")

    actions.retrain_what_is_due()

    assert list(RetrainingDecision.objects.values_list("model__name", flat=True)) == ["other"]
    assert str(broken.pk) in caplog.text


def test_whatever_fails_is_logged_and_the_next_has_its_turn(model, caplog):  # noqa: F811
    def do(one):
        if one.number == 1:
            raise ZeroDivisionError
        return one.number

    assert actions._in_turn(model.versions.order_by("number"), do, "Version %s is not done") == [2]
    assert "ZeroDivisionError" in caplog.text


def test_damaged_files_end_a_comparison_in_words(model, settings):  # noqa: F811
    split = start_split(model=model, actor=SYSTEM, mode="shadow")
    asked(model, 5, seed=2)
    damage(split.challenger, settings.ML_MODELS_DIR)

    assert actions.weigh_traffic() == [split]

    split.refresh_from_db()
    assert split.standing["sentence"] == "The files of version 2 cannot be read: the comparison ends."
    assert (split.standing["winner"], alert().sentence) == (None, split.standing["sentence"])
    assert actions.weigh_traffic() == []


def test_a_winner_with_damaged_files_does_not_go_live_and_the_comparison_ends(model, settings):  # noqa: F811
    split = start_split(model=model, actor=SYSTEM, mode="shadow", on_win="promote")
    asked(model, 200, seed=8)
    loaded = predictors.get(split.challenger_id)  # before its files are damaged
    damage(split.challenger, settings.ML_MODELS_DIR)
    predictors._keep(loaded)

    actions.weigh_traffic()

    split.refresh_from_db()
    assert "cannot be read" in split.standing["sentence"]
    assert (split.ended_at is None, live(model)) == (False, 1)


def test_a_row_that_the_challenger_refuses_counts_as_wrong(model, monkeypatch):  # noqa: F811
    split = start_split(model=model, actor=SYSTEM, mode="shadow")
    asked(model, 5, seed=2)
    loaded = predictors.get(split.challenger_id)
    before = answered_again(split)[1]
    column = next(one for one in loaded.predictor.schema.columns if one.name == "a")
    given = rows(5, seed=2)
    refused = {row["a"] for row in given[:2]}
    real = loaded.predictor.predict

    def predict(many):
        from apps.core.errors import InvalidInput

        if any(row[column.name] in refused for row in many):
            raise InvalidInput("This row is not to be answered.")
        return real(many)

    monkeypatch.setattr(type(loaded.predictor), "predict", lambda _self, many: predict(many))

    champion, challenger = answered_again(split)

    assert len(champion) == len(challenger) == 5
    assert challenger[:2] == [0.0, 0.0]
    assert challenger[2:] == before[2:]


def test_a_comparison_that_cannot_be_weighed_ends_in_time(model, monkeypatch):  # noqa: F811
    split = start_split(model=model, actor=SYSTEM, mode="shadow", max_days=14)
    asked(model, 5, seed=2)

    def fail(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr("apps.retraining.selectors.predictors.get", fail)
    early = actions.weigh_traffic()
    Alias.objects.filter(model=model).update(since=clock.now() - timedelta(days=15))
    TrafficSplit.objects.update(began_at=clock.now() - timedelta(days=14))

    assert (early, actions.weigh_traffic()) == ([], [split])
    split.refresh_from_db()
    assert split.standing["sentence"] == "It ends after 14 days: it could not be weighed."
    assert alert().sentence == split.standing["sentence"]


def right(seed, *, share, count):
    return (np.random.default_rng(seed).random(count) < share).astype(float).tolist()


def test_equal_versions_are_rarely_rolled_back_though_labels_come_late_on_both_sides():
    """Looked at after each forty labels of the one before and two of the present one: at most one in twenty, and its spread."""
    wrong = 0
    for seed in range(300):
        present, before = (right([seed, arm], share=0.8, count=3_300) for arm in (0, 1))
        wrong += any(
            judge_fall(present[: 50 + late // 20], before[: 50 + late], are_shares=True).roll_back
            for late in range(0, 3_200, 40)
        )

    assert wrong <= 20


def test_a_surely_worse_version_is_still_found():
    found = 0
    for seed in range(100):
        present, before = (right([seed, arm], share=share, count=800) for arm, share in enumerate((0.65, 0.8)))
        found += any(judge_fall(present[:seen], before, are_shares=True).roll_back for seen in (50, 100, 200, 400, 800))

    assert found >= 95


@pytest.mark.parametrize("count", [0, 1, 50_000, 50_001, 99_999, 250_000])
def test_of_very_many_rows_no_more_are_judged_by_than_is_said(count):
    taken = engine.evenly(np.arange(count), engine.MOST_ROWS)

    assert len(taken) == len(set(taken.tolist())) == min(count, engine.MOST_ROWS)
    assert count == 0 or (taken[0], taken[-1]) == (0, count - 1)


def test_damaged_is_what_a_changed_file_raises(model, settings):  # noqa: F811
    version = ModelVersion.objects.get(model=model, number=2)
    damage(version, settings.ML_MODELS_DIR)

    with pytest.raises(ArtifactDamaged):
        predictors.get(version.pk)
