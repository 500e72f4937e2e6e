"""What a drift check tells of a classifier besides its columns: by real rows, a real training and real labels."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.urls import reverse

from apps.alerts.models import Alert
from apps.core import clock
from apps.datasets.selectors import table_file
from apps.feedback.actions import Verdict, give_many
from apps.monitoring import tasks
from apps.monitoring.actions import start_check
from apps.monitoring.engine.estimating import chances_sample
from apps.monitoring.models import DriftReport
from apps.monitoring.selectors import estimates_to_hold
from apps.predictions import actions as predictions
from apps.predictions.erasing import take_out
from apps.predictions.models import PredictionLog
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of
from apps.retraining import actions as retraining
from apps.retraining.selectors import facts_of
from apps.retraining.triggers import Condition, Decision, Policy
from apps.training.actions import start_campaign
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import browser  # noqa: F401  (fixture)
from tests.dashboard.reading import Page
from tests.factories import make_model
from tests.forecasts.conftest import few_origins, stores, trained_campaign, upload  # noqa: F401  (fixtures)
from tests.retraining.test_policy_api import OFF

Rows = list[dict[str, Any]]


def drawn(count: int, *, seed: int, moved: float = 0.0, together: float = 0.8) -> tuple[Rows, list[str]]:
    """Return rows and their labels: what x says of them is always the same, where x lies is not."""
    chance = np.random.default_rng(seed)
    x = chance.normal(moved, 1.0, count)
    c, d = chance.multivariate_normal([0, 0], [[1, together], [together, 1]], count).T
    likely = 1 / (1 + np.exp(-2.5 * x))
    labels = np.where(chance.random(count) < likely, "yes", "no")
    rows = [{"x": float(x[i]), "c": float(c[i]), "d": float(d[i])} for i in range(count)]
    return rows, labels.tolist()


@pytest.fixture
def classifier(cast, stores) -> RegisteredModel:  # noqa: F811
    """Return a model of three columns with one live version, trained by the real engine."""
    rows, labels = drawn(4_000, seed=0)
    lines = [f"{row['x']},{row['c']},{row['d']},{label}" for row, label in zip(rows, labels, strict=True)]
    version = upload(cast, "\n".join(["x,c,d,late", *lines]) + "\n", name="late.csv")
    model = make_model(
        cast.acme,
        target="late",
        algorithm="xgboost",
        parameters={"n_estimators": 80, "max_depth": 3, "learning_rate": 0.2},
        frozen_share=0.0,
    )
    campaign = trained_campaign(start_campaign(model=model, dataset_version=version, actor=SYSTEM).pk)
    assert campaign.status == "completed", campaign.error
    return model


def ask(model: RegisteredModel, rows: Rows) -> list[str]:
    """Have the model answer; return the ids of its answers."""
    ids: list[str] = []
    for at in range(0, len(rows), 500):
        ids += predictions.predict(model_id=model.pk, rows=rows[at : at + 500], actor=SYSTEM).prediction_ids
    predictions.recorder.flush()
    return ids


def say(model: RegisteredModel, ids: list[str], labels: list[str]) -> None:
    """Tell what was true, one by one."""
    verdicts = [Verdict(one, label=label) for one, label in zip(ids, labels, strict=True)]
    give_many(model=model, verdicts=verdicts, source="api", actor=SYSTEM)


def checked(model: RegisteredModel) -> DriftReport:
    report = start_check(model=model, actor=SYSTEM)
    tasks.run_check(str(report.pk))
    report.refresh_from_db()
    assert report.status == "completed", report.error
    return report


def measure(estimate: dict[str, Any], name: str = "accuracy") -> dict[str, Any]:
    return next(one for one in estimate["measures"] if one["measure"] == name)


def condition(decision: Decision, name: str) -> Condition:
    return next(one for one in decision.conditions if one.name == name)


def told(api, user, report: DriftReport) -> dict[str, Any]:
    """Return a report as the API shows it."""
    return api(user).get(f"/api/v1/models/{report.model_id}/drift/{report.pk}/").json()


def test_what_is_expected_without_labels_is_true_where_rows_move_and_what_they_mean_does_not(cast, api, classifier):
    for seed, moved in ((1, 0.0), (2, 0.7), (3, -1.0)):
        rows, labels = drawn(2_000, seed=seed, moved=moved)
        ids = ask(classifier, rows)
        report = checked(classifier)
        before = told(api, cast.viewer, report)["estimate"]
        assert (before["rows"], before["is_void"]) == (2_000, False)
        assert not before["held"] or before["held"]["labels"] == 200  # of the window before

        say(classifier, ids, labels)
        tasks.hold_estimates()

        shown = told(api, cast.viewer, report)["estimate"]
        held = {one["measure"]: one for one in shown["held"]["told"]}
        assert abs(held["accuracy"]["labelled"] - measure(shown)["value"]) <= 0.02, (moved, shown)
        assert (shown["held"]["labels"], shown["is_void"]) == (2_000, False)
        version = champion_of(classifier)
        assert {one["measure"]: one["measured"] for one in shown["measures"]} == {
            name: version.metrics[name] for name in ("accuracy", "roc_auc", "log_loss")
        }
        fall = facts_of(classifier, Policy()).estimated_fall
        assert fall == pytest.approx(version.metrics["accuracy"] - measure(shown)["value"])


def test_labels_of_another_concept_make_the_estimate_void_wherever_it_is_told(cast, api, browser, classifier):  # noqa: F811
    retraining.set_policy(model=classifier, settings={**OFF, "estimated_fall": 0.001, "mode": "any"}, actor=SYSTEM)
    rows, labels = drawn(1_000, seed=4, moved=0.05)
    ids = ask(classifier, rows)
    report = checked(classifier)
    trusted = retraining.evaluate(model=classifier)
    page = Page(browser(cast.viewer, "en").get(reverse("dashboard:watch", args=[classifier.pk])))
    assert "Expected, before labels come" in page.text
    assert "no longer to be trusted" not in page.text
    assert condition(trusted, "estimated_fall").value is not None

    turned = [{"yes": "no", "no": "yes"}[label] for label in labels]
    say(classifier, ids[:200], turned[:200])
    tasks.hold_estimates()

    shown = told(api, cast.viewer, report)["estimate"]
    assert (shown["is_void"], shown["held"]["labels"]) == (True, 200)
    assert any("the estimate is no longer to be trusted" in one["sentence"] for one in shown["held"]["told"])
    asked = condition(retraining.evaluate(model=classifier), "estimated_fall")
    assert (asked.value, asked.met) == (None, None)
    assert "Labels contradict" in asked.sentence
    for language, words in (
        ("en", "This estimate is no longer to be trusted"),
        ("fr", "Cette estimation n\u2019est plus fiable"),
    ):
        page = Page(browser(cast.viewer, language).get(reverse("dashboard:watch", args=[classifier.pk])))
        assert page.faults == []
        assert words in page.text, page.text

    say(classifier, ids, labels)  # they were told wrong
    tasks.hold_estimates()
    assert told(api, cast.viewer, report)["estimate"]["is_void"] is False


def test_a_window_without_labels_of_its_own_is_held_against_the_latest_that_there_are(classifier):
    rows, labels = drawn(300, seed=5)
    say(classifier, ask(classifier, rows), [{"yes": "no", "no": "yes"}[label] for label in labels])
    checked(classifier)
    ask(classifier, drawn(300, seed=6)[0])

    later = checked(classifier)

    assert later.estimate["is_void"]
    assert later.estimate["held"]["labels"] == 200
    assert facts_of(classifier, Policy()).is_estimate_void
    assert later in estimates_to_hold(champion_of(classifier))  # a label of this minute may not be written yet
    DriftReport.objects.update(held_at=clock.now() + timedelta(minutes=11))
    assert estimates_to_hold(champion_of(classifier)) == []  # nothing came since


def test_a_model_that_becomes_worse_is_told_of_once_and_when_it_is_over(cast, api, browser, classifier):  # noqa: F811
    rows, labels = drawn(900, seed=7)
    ids = ask(classifier, rows)
    turned = [{"yes": "no", "no": "yes"}[label] for label in labels]
    say(classifier, ids[:400], labels[:400])
    assert checked(classifier).performance == {"labels": 400, "measure": "error_rate", "changes": []}
    say(classifier, ids[400:500], turned[400:500])

    report, again = checked(classifier), checked(classifier)

    (change,) = told(api, cast.viewer, report)["performance"]["changes"]
    assert abs(change["at_label"] - 401) <= 10
    assert 401 < change["seen_label"] <= 500
    assert (change["is_worse"], change["before"] < 0.3, change["after"] > 0.6) == (True, True, True)
    alert = Alert.objects.get(kind="performance")
    assert (alert.severity, alert.count, alert.ended_at) == ("warning", 1, None)
    assert alert.sentence == change["sentence"]
    assert again.performance == report.performance
    page = Page(browser(cast.viewer, "fr").get(reverse("dashboard:watch", args=[classifier.pk])))
    assert f"à l\u2019étiquette {change['at_label']}" in page.text, page.text

    say(classifier, ids[500:], labels[500:])
    better = checked(classifier)

    assert [one["is_worse"] for one in better.performance["changes"]] == [True, False]
    alert.refresh_from_db()
    assert alert.ended_at is not None


def test_columns_that_no_longer_go_together_are_found_though_none_moved_alone(cast, api, browser, classifier):  # noqa: F811
    ask(classifier, drawn(1_000, seed=8)[0])
    same = checked(classifier)
    for seed in (9, 10):
        ask(classifier, drawn(1_000, seed=seed, together=-0.8)[0])
        report = checked(classifier)

    assert (same.state, same.verdict["together"]["state"], same.notes) == ("steady", "steady", [])
    shown = told(api, cast.viewer, report)
    assert {one["column"]: one["state"] for one in shown["verdict"]["columns"]} == dict.fromkeys("xcd", "steady")
    assert (shown["state"], shown["verdict"]["together"]["state"]) == ("alarm", "alarm")
    assert "mainly by" in shown["verdict"]["together"]["said"][0]
    assert Alert.objects.get(kind="drift").details["columns"] == ["columns together"]
    page = Page(browser(cast.viewer, "en").get(reverse("dashboard:watch", args=[classifier.pk])))
    assert "all columns at once" in page.text


def test_a_data_set_whose_file_is_gone_gives_a_note_and_the_rest_of_the_check(cast, api, browser, classifier):  # noqa: F811
    data = champion_of(classifier).dataset_version
    table_file(data).unlink()
    ask(classifier, drawn(300, seed=11)[0])

    report = checked(classifier)

    shown = told(api, cast.viewer, report)
    assert shown["verdict"]["together"] is None
    assert [("cannot be read any more" in note, "version 1" in note) for note in shown["notes"]] == [(True, True)]
    assert (shown["state"], shown["estimate"]["rows"]) == ("steady", 300)
    page = Page(browser(cast.viewer, "fr").get(reverse("dashboard:watch", args=[classifier.pk])))
    assert "ne peut plus être lue" in page.text, page.text


def test_rows_that_were_erased_are_neither_looked_at_nor_held_against(cast, api, classifier):
    rows, labels = drawn(400, seed=12)
    ids = ask(classifier, rows)
    say(classifier, ids, labels)
    entry = PredictionLog.objects.get(pk=ids[0].partition("-")[0])
    with transaction.atomic():
        take_out(entry.pk, range(300))

    report = checked(classifier)

    assert (report.rows, report.estimate["rows"], report.estimate["held"]["labels"]) == (100, 100, 100)


def test_columns_that_drift_are_drawn_then_and_now(cast, api, browser, classifier):  # noqa: F811
    ask(classifier, drawn(600, seed=13, moved=1.5)[0])

    report = checked(classifier)

    shown = {one["column"]: one for one in told(api, cast.viewer, report)["histograms"]}
    assert "x" in shown
    assert not {"c", "d"} & shown.keys()
    bins = shown["x"]["bins"]
    assert len(bins) <= 30
    assert sum(one["then"] for one in bins) == pytest.approx(1, abs=1e-4)
    assert sum(one["now"] for one in bins) == pytest.approx(1, abs=1e-4)
    high = [one for one in bins if one["low"] is not None and one["low"] > 1]
    assert sum(one["then"] for one in high) < 0.2
    assert sum(one["now"] for one in high) > 0.6
    for language, words in (("en", "x: shares of the rows, in training and now"), ("fr", "parts des lignes")):
        page = Page(browser(cast.viewer, language).get(reverse("dashboard:watch", args=[classifier.pk])))
        assert page.faults == []
        assert any(words in one.text for one in page.all("title")), [one.text for one in page.all("title")]


def test_a_model_of_amounts_and_a_window_of_few_rows_are_not_estimated(classifier):
    ask(classifier, drawn(20, seed=14)[0])
    few = checked(classifier)
    RegisteredModel.objects.filter(pk=classifier.pk).update(task="clustering")
    classifier.refresh_from_db()

    assert (few.estimate, few.state) == ({}, "unknown")
    assert chances_sample(classifier, champion_of(classifier)) is None
    assert facts_of(classifier, Policy()).estimated_fall is None
