"""What to review next: the answers that the live version was least sure of, each with its verdict."""

import pytest
from django.urls import reverse

from apps.feedback.actions import Verdict, give_many
from apps.feedback.models import Feedback
from apps.feedback.suggestions import suggestions
from apps.retraining import actions as retraining
from apps.workspaces.access import SYSTEM, Actor
from tests.dashboard.reading import Page
from tests.factories import make_model
from tests.monitoring.conftest import ask, few_origins, rows_of, stores, watched  # noqa: F401  (fixtures)

HTMX = {"HX-Request": "true"}


def address(model, name="to_review"):
    return reverse(f"dashboard:{name}", args=[model.pk])


def words(page):
    return page.text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.fixture
def answered(watched):  # noqa: F811
    ask(watched, rows_of(40, seed=3))
    return watched


def predictions_on(page):
    return [one.get("value") for one in page.all("input", name_="prediction")]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["What to review next", "Of the 40 newest answers", "Right", "All values"]),
        ("fr", ["À revoir ensuite", "Parmi les 40 dernières réponses", "Toutes les valeurs"]),
    ],
)
def test_ten_answers_stand_there_with_their_buttons(language, said, cast, browser, answered):
    page = Page(browser(cast.annotator, language).get(address(answered)))

    assert page.faults == []
    assert [one for one in said if one not in words(page)] == []
    assert len(set(predictions_on(page))) == 10


def test_the_page_of_the_model_loads_the_list_and_leads_to_it(cast, browser, answered):
    client = browser(cast.annotator, "en")

    page = Page(client.get(address(answered, "watch")))
    (place,) = [one for one in page.elements if one.get("hx-get") == address(answered)]
    part = Page(client.get(address(answered), headers=HTMX))

    assert place.get("hx-trigger") == "load"
    assert address(answered) in page.links
    assert len(predictions_on(part)) == 4
    assert part.all("h1") == []


def test_a_verdict_is_taken_and_its_answer_is_suggested_no_more(cast, browser, answered):
    client = browser(cast.annotator, "en")
    first, second, *_ = predictions_on(Page(client.get(address(answered))))

    by_script = client.post(address(answered), {"prediction": first, "correct": "true"}, headers=HTMX)
    plain = client.post(address(answered), {"prediction": second, "correct": "false"})

    assert "Noted." in Page(by_script).text
    assert (plain.status_code, plain["Location"]) == (302, address(answered))
    kept = {one.prediction_id: (one.correct, one.source, one.user) for one in Feedback.objects.all()}
    assert kept == {first: (True, "page", cast.annotator), second: (False, "page", cast.annotator)}
    after = Page(client.get(address(answered)))
    assert "Noted." in after.text
    assert not {first, second} & set(predictions_on(after))


def test_a_forged_verdict_is_refused_in_words(cast, browser, answered):
    client, forged = browser(cast.annotator, "en"), {"prediction": "0" * 32 + "-0", "correct": "true"}

    assert "has made no prediction" in Page(client.post(address(answered), forged, headers=HTMX)).text
    assert "has made no prediction" in Page(client.post(address(answered), forged, follow=True)).text
    assert not Feedback.objects.exists()


def test_a_viewer_sees_the_list_without_buttons(cast, browser, answered):
    client = browser(cast.viewer, "en")

    page = Page(client.get(address(answered)))

    assert len(page.all("details")) > 10
    assert predictions_on(page) == []
    assert client.post(address(answered), {"prediction": "x", "correct": "true"}).status_code == 403


def test_before_anything_was_answered_the_list_says_so(cast, browser, watched):  # noqa: F811
    assert "Nothing to review" in Page(browser(cast.viewer, "en").get(address(watched))).text


def test_a_model_that_answers_nothing_yet_leads_back_to_its_page(cast, browser):
    model = make_model(cast.acme)

    assert browser(cast.viewer, "en").get(address(model))["Location"] == reverse("dashboard:model", args=[model.pk])


def test_page_and_policy_each_say_how_much_of_one_giver_they_count(cast, browser, watched):  # noqa: F811
    ask(watched, rows_of(60, seed=3))
    ids = [one.prediction for one in suggestions(watched, count=60).chosen]
    verdicts = [Verdict(one, correct=False, subject="one") for one in ids]
    give_many(model=watched, verdicts=verdicts, source="api", actor=Actor(cast.annotator.pk))
    retraining.set_policy(model=watched, settings={}, actor=SYSTEM)

    page = words(Page(browser(cast.viewer, "en").get(address(watched, "watch"))))

    assert "60; people who gave them: 1; 20 count, no more than 20 of each" in page
    assert "Of 60 verdicts 10 count, no more than 10 of the one subject that gave them." in page
