"""A campaign's page at every stage of its life."""

import json
import re

import pytest
from django.urls import reverse

from apps.dashboard.pages.campaigns import is_a_curve
from apps.training import lifecycle
from apps.training.selectors import last_seq
from tests.dashboard.reading import Page
from tests.factories import make_campaign, make_model


def address_of(campaign) -> str:
    return reverse("dashboard:campaign", args=[campaign.pk])


def facts_of(page: Page) -> dict:
    return json.loads(page.one("script", id="facts").text)


def test_one_that_waits_can_be_watched_and_cancelled(cast, invoices_of_acme, browser):
    campaign = make_campaign(make_model(cast.acme, target="late"), dataset_version=invoices_of_acme, stage="queued")
    lifecycle.record_creation(campaign)
    client = browser(cast.trainer)

    page = Page(client.get(address_of(campaign)))
    after = Page(client.post(reverse("dashboard:cancel_campaign", args=[campaign.pk]), follow=True))

    assert page.faults == []
    assert "Waiting for a worker" in page.text
    assert facts_of(page)["status"] == "pending"
    assert "Cancelled" in after.text
    campaign.refresh_from_db()
    assert campaign.status == "cancelled"
    assert reverse("dashboard:cancel_campaign", args=[campaign.pk]) not in after.posts_to


def test_cancelling_what_has_ended_is_said_in_words(cast, late_payers, browser):
    campaign = late_payers.campaigns.get()

    page = Page(browser(cast.trainer).post(reverse("dashboard:cancel_campaign", args=[campaign.pk]), follow=True))

    assert "completed already" in page.text
    campaign.refresh_from_db()
    assert campaign.status == "completed"


def test_one_that_runs_hands_its_curve_and_place_in_the_log_to_the_script(cast, invoices_of_acme, browser):
    campaign = make_campaign(make_model(cast.acme, target="late"), dataset_version=invoices_of_acme)
    lifecycle.record_creation(campaign)
    claim = lifecycle.claim(campaign.pk, {})
    for step in (10, 20, 30):
        lifecycle.report(
            campaign.pk, claim.token, progress=step / 100, stage="fitting", step=step, metrics={"validation_loss": 1 / step}
        )

    page = Page(browser(cast.viewer, "fr").get(address_of(campaign)))
    facts = facts_of(page)

    assert [point["step"] for point in facts["history"]] == [10, 20, 30]
    assert (facts["status"], facts["progress"], facts["seq"]) == ("training", 0.3, last_seq(campaign.pk))
    assert page.one("progress").get("value") == "0.3"
    assert "Apprentissage" in page.text


def test_one_that_is_done_shows_what_came_of_it(cast, late_payers, browser):
    campaign = late_payers.campaigns.get()

    page = Page(browser(cast.viewer).get(address_of(campaign)))

    assert page.faults == []
    assert "Completed" in page.text
    assert reverse("dashboard:model", args=[late_payers.pk]) in page.links
    assert "Baseline: always the share of each class" in page.text
    assert len(facts_of(page)["history"]) > 1


@pytest.mark.parametrize(
    "words", ["The file ran out.", "</script><script>alert(1)</script>", "<!--", "{{ 7|add:7 }}", "\u2028"]
)
def test_one_that_failed_says_why_whatever_the_words(cast, invoices_of_acme, browser, words):
    campaign = make_campaign(make_model(cast.acme, target="late"), dataset_version=invoices_of_acme)
    lifecycle.record_creation(campaign)
    claim = lifecycle.claim(campaign.pk, {})
    lifecycle.fail(campaign.pk, claim.token, reason=words)

    answer = browser(cast.viewer).get(address_of(campaign))
    page = Page(answer)

    assert page.faults == []
    assert " ".join(words.split()) in page.one("div", role="alert").text
    assert facts_of(page)["error"] == words
    assert all(script.get("src") or script.get("type") == "application/json" for script in page.all("script"))


def test_metrics_of_any_name_are_data_not_code(cast, invoices_of_acme, browser):
    campaign = make_campaign(make_model(cast.acme, target="late"), dataset_version=invoices_of_acme)
    lifecycle.record_creation(campaign)
    claim = lifecycle.claim(campaign.pk, {})
    for name in ("__proto__", "constructor", "</script>"):
        lifecycle.report(
            campaign.pk,
            claim.token,
            progress=0.1,
            stage="<b>",
            step=1,
            metrics={name: float("nan") if name == "</script>" else 1.0},
        )

    facts = facts_of(Page(browser(cast.viewer).get(address_of(campaign))))

    assert facts["history"] == [
        {"step": 1, "__proto__": 1.0},
        {"step": 1, "constructor": 1.0},
        {"step": 1, "</script>": None},
    ]


def test_the_list_shows_every_state(cast, invoices_of_acme, late_payers, browser):
    from django.utils import timezone

    for status in ("pending", "training", "failed", "cancelled"):
        ended = timezone.now() if status in {"failed", "cancelled"} else None
        make_campaign(late_payers, dataset_version=invoices_of_acme, status=status, finished_at=ended)

    page = Page(browser(cast.viewer).get(reverse("dashboard:campaigns")))

    assert page.faults == []
    assert {"Pending", "Training", "Failed", "Cancelled", "Completed"} <= {element.text for element in page.all("span")}
    assert len(page.all("progress")) == 1  # what waits or has ended goes nowhere


def failed(model, version, *reasons: str):
    """Make a campaign whose first runs died for these reasons and whose last one failed for the last."""
    campaign = make_campaign(
        model, dataset_version=version, stage="queued", parameters={"n_estimators": 20, "max_depth": None}
    )
    lifecycle.record_creation(campaign)
    for reason in reasons[:-1]:
        claim = lifecycle.claim(campaign.pk, {})
        lifecycle.give_back(campaign.pk, claim.token, reason=reason, is_death=False)
    claim = lifecycle.claim(campaign.pk, {})
    lifecycle.report(campaign.pk, claim.token, progress=0.05, stage="fitting")
    lifecycle.fail(campaign.pk, claim.token, reason=reasons[-1])
    return campaign


def test_one_that_failed_says_why_once_and_shows_no_progress(cast, invoices_of_acme, browser):
    campaign = failed(make_model(cast.acme, target="late"), invoices_of_acme, "The worker that ran this training died.")

    page = Page(browser(cast.viewer).get(address_of(campaign)))

    assert page.text.count("The worker that ran this training died.") == 1
    assert page.all("progress") == []
    assert "Learning curve" not in page.text


def test_each_attempt_is_told_with_its_reason_in_the_reader_s_language(cast, invoices_of_acme, browser):
    stopped = "The worker was stopped; the training starts again when it is back."
    campaign = failed(make_model(cast.acme, target="late"), invoices_of_acme, stopped, "The file is empty.")

    in_english = Page(browser(cast.viewer).get(address_of(campaign)))
    in_french = Page(browser(cast.viewer, "fr").get(address_of(campaign)))

    assert stopped in in_english.text
    assert "attempt 2" in in_english.text
    assert "Le worker a été arrêté" in in_french.text
    assert in_french.one("div", role="alert").text == "Le fichier est vide."


def test_the_page_says_what_was_asked(cast, late_payers, browser):
    campaign = late_payers.campaigns.get()

    page = Page(browser(cast.viewer).get(address_of(campaign)))

    facts = dict(zip([e.text for e in page.all("th")], range(99), strict=False))
    assert {"Data set", "Rows", "Target", "Trees", "Depth", "Seed", "Duration"} <= set(facts)
    assert reverse("dashboard:dataset", args=[campaign.dataset_version.dataset_id]) in page.links
    assert "320 rows to learn from, 80 kept apart" in page.text
    assert re.search(r"Duration \d+\.\d\ss", page.text)


def test_an_algorithm_that_is_gone_still_shows_its_campaigns(cast, invoices_of_acme, browser):
    campaign = failed(make_model(cast.acme, algorithm="oracle"), invoices_of_acme, "No such algorithm.")

    page = Page(browser(cast.viewer).get(address_of(campaign)))

    assert "n_estimators 20" in page.text


@pytest.mark.parametrize(
    ("history", "drawn"),
    [([], False), ([{"step": 1, "loss": 1.0}], False), ([{"step": i} for i in range(9)], False),
     ([{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}], True)],
)  # fmt: skip
def test_a_curve_has_two_points_of_something_measured(history, drawn):
    assert is_a_curve(history) == drawn


@pytest.mark.parametrize(
    ("task", "measures"),
    [("classification", {"out_of_bag_score": "Exactitude"}), ("regression", {"out_of_bag_score": "R²"}), ("anomaly", {})],
)
def test_the_axes_of_the_curve_are_named(cast, invoices_of_acme, browser, task, measures):
    model = make_model(cast.acme, target="late", task=task)
    campaign = make_campaign(model, dataset_version=invoices_of_acme, parameters={"n_estimators": 10})

    page = Page(browser(cast.viewer, "fr").get(address_of(campaign)))

    words = json.loads(page.one("script", id="words").text)
    assert words["step"] == "arbres"
    assert measures.items() <= words["measures"].items()


def test_a_campaign_is_feminine_in_french(cast, late_payers, browser):
    page = Page(browser(cast.viewer, "fr").get(address_of(late_payers.campaigns.get())))

    assert page.all("span", data_part="status")[0].text == "Terminée"
