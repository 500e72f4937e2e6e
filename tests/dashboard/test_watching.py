"""The page of what became of a model since it went live, and the verdicts that people give below an answer."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.core import clock
from apps.feedback.models import Feedback
from apps.monitoring.actions import start_check
from apps.monitoring.models import DriftReport
from apps.predictions.models import TrafficSplit
from apps.registry.actions import promote_version
from apps.registry.selectors import champion_of
from apps.retraining import actions as retraining
from apps.retraining.models import GateReport
from apps.retraining.selectors import facts_of
from apps.retraining.triggers import Policy
from apps.training.actions import start_campaign
from apps.workspaces.access import SYSTEM, Actor
from tests.dashboard.reading import Page
from tests.factories import make_model
from tests.forecasts.conftest import trained_campaign
from tests.monitoring.conftest import ask, few_origins, rows_of, run_waiting, stores, watched  # noqa: F401  (fixtures)
from tests.retraining.test_policy_api import OFF, complain


def address(model, name="watch"):
    return reverse(f"dashboard:{name}", args=[model.pk])


def test_before_anything_happened_each_part_says_how_it_begins(cast, browser, watched):  # noqa: F811
    page = Page(browser(cast.viewer, "en").get(address(watched)))

    assert page.faults == []
    assert "No verdicts in the last 30 days." in page.text
    assert "Not checked since it is live." in page.text
    assert "It has no policy" in page.text
    assert "Check for drift now" not in page.text  # a viewer may not


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["80 %", "alarm", "standard deviations", "It is not due.", "Left as it is", "40 of 100 verdicts"]),
        ("fr", ["80 %", "alarme", "écarts types", "Il n\u2019est pas dû.", "Laissé tel quel", "40 sur 100"]),
    ],
)
def test_it_shows_verdicts_drift_and_the_policy_with_its_decisions(language, words, cast, browser, watched):  # noqa: F811
    complain(watched, Actor(cast.annotator.pk), 40, wrong=8)
    client = browser(cast.trainer, language)
    for seed in (1, 2):
        ask(watched, rows_of(300, seed=seed, moved=1.0))
        assert client.post(address(watched)).status_code == 302
        run_waiting()
    retraining.set_policy(model=watched, settings={}, actor=SYSTEM)
    retraining.retrain_what_is_due()

    page = Page(client.get(address(watched)))

    assert page.faults == []
    assert all(word in page.text.replace("\u00a0", " ").replace("\u202f", " ") for word in words), page.text
    assert DriftReport.objects.count() == 2
    assert len(page.all("td", class_="alarm")) >= 1


def test_drift_of_the_version_before_is_not_shown_as_of_the_live_one(cast, browser, watched):  # noqa: F811
    first = champion_of(watched)
    for seed in (1, 2):
        ask(watched, rows_of(300, seed=seed, moved=1.0))
        start_check(model=watched, actor=SYSTEM)
        run_waiting()
    before = Page(browser(cast.viewer, "en").get(address(watched)))
    policy = Policy(drift=0.0)
    alarm = facts_of(watched, policy).drift_alarm

    again = trained_campaign(start_campaign(model=watched, dataset_version=first.dataset_version, actor=SYSTEM).pk)
    promote_version(version=again.version, actor=SYSTEM)

    page = Page(browser(cast.viewer, "en").get(address(watched)))
    assert "Drift of version 1" in before.text
    assert "standard deviations" in before.text
    assert "Drift of version 2" in page.text
    assert "Not checked since it is live." in page.text
    assert "standard deviations" not in page.text
    assert (alarm, facts_of(watched, policy).drift_alarm) == (True, None)


def test_an_alarm_from_before_the_window_begins_nothing(cast, watched):  # noqa: F811
    for seed in (1, 2):
        ask(watched, rows_of(300, seed=seed, moved=1.0))
        start_check(model=watched, actor=SYSTEM)
        run_waiting()
    policy = Policy(drift=0.0)
    now = facts_of(watched, policy)

    DriftReport.objects.update(until=clock.now() - timedelta(days=policy.window_days + 1))

    assert (now.drift_alarm, facts_of(watched, policy).drift_alarm) == (True, None)


def test_beginning_a_comparison_twice_ends_none(cast, browser, watched):  # noqa: F811
    first = champion_of(watched)
    trained_campaign(start_campaign(model=watched, dataset_version=first.dataset_version, actor=SYSTEM).pk)
    client = browser(cast.approver, "en")
    for _ in range(2):
        client.post(address(watched, "traffic"), {"mode": "shadow", "on_win": "tell"})

    split = TrafficSplit.objects.get()
    assert split.ended_at is None
    client.post(address(watched, "traffic"), {"end": "1"})
    split.refresh_from_db()
    assert split.ended_at is not None


def test_a_judgement_that_waits_for_approval_stays_in_sight(cast, browser, watched):  # noqa: F811
    first = champion_of(watched)
    again = trained_campaign(start_campaign(model=watched, dataset_version=first.dataset_version, actor=SYSTEM).pk)
    sides = {"model": watched, "champion": first, "challenger": again.version, "status": "completed"}
    verdict = {"promote": True, "checks": [], "reasons": ["It is better."], "notes": ["It reads one column more."]}
    GateReport.objects.create(**sides, outcome="waiting", verdict=verdict)
    for _ in range(6):
        GateReport.objects.create(**sides, outcome="kept", verdict={})

    page = Page(browser(cast.approver, "en").get(address(watched)))

    assert "Decline: the champion stays" in page.text
    assert "It reads one column more." in page.text


def test_a_failed_check_says_why(cast, browser, watched):  # noqa: F811
    browser(cast.trainer, "en").post(address(watched))
    died = "The process that compared these rows died three times. Look at the worker's log."
    DriftReport.objects.update(status="failed", error=died)

    assert "mort trois fois" in Page(browser(cast.viewer, "fr").get(address(watched))).text


def test_a_verdict_is_given_below_an_answer(cast, browser, watched):  # noqa: F811
    client = browser(cast.annotator, "fr")
    row = {f"row.{name}": str(value) for name, value in rows_of(1, seed=4)[0].items()}

    answer = Page(client.post(address(watched, "try_model"), row))
    prediction = answer.one("input", name_="prediction").attributes["value"]
    thanks = Page(client.post(address(watched, "verdict"), {"prediction": prediction, "correct": "false"}))

    assert "Noté." in thanks.text
    kept = Feedback.objects.get()
    assert (kept.prediction_id, kept.correct, kept.source, kept.user) == (prediction, False, "page", cast.annotator)


def test_a_viewer_is_not_asked_for_a_verdict_and_a_forged_one_is_refused_in_words(cast, browser, watched):  # noqa: F811
    row = {f"row.{name}": str(value) for name, value in rows_of(1, seed=4)[0].items()}
    seen = Page(browser(cast.viewer, "en").post(address(watched, "try_model"), row))

    refused = Page(
        browser(cast.annotator, "en").post(address(watched, "verdict"), {"prediction": "0" * 32 + "-0", "correct": "true"})
    )

    assert "Is it right?" not in seen.text
    assert "has made no prediction" in refused.text
    assert not Feedback.objects.exists()


def test_a_model_that_answers_nothing_yet_leads_back_to_its_page(cast, browser):
    model = make_model(cast.acme)

    answer = browser(cast.viewer, "en").get(address(model))

    assert (answer.status_code, answer["Location"]) == (302, reverse("dashboard:model", args=[model.pk]))


def test_a_policy_of_one_condition_shows_how_near_it_is(cast, browser, watched):  # noqa: F811
    retraining.set_policy(model=watched, settings={**OFF, "feedback": 50}, actor=SYSTEM)
    complain(watched, Actor(cast.annotator.pk), 25, wrong=0)

    page = Page(browser(cast.viewer, "en").get(address(watched)))

    assert page.one("progress").attributes["value"] == "0.500"
    assert "not met" in page.text
