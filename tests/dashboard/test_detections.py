"""The review queue: what was found, why, verdicts by button or many at once, and how sure the share of false alarms is."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.core import clock
from apps.detections import tasks
from apps.detections.models import Detection
from apps.predictions import recorder as recording
from tests.dashboard.reading import Page
from tests.detections.conftest import ask, forest, make_watched, stores, unusual, usual, watched  # noqa: F401  (fixtures)

LIST = reverse("dashboard:detections")
REVIEW = reverse("dashboard:review_detections")


@pytest.fixture(autouse=True)
def prediction_log():
    """Keep the log that the platform has: `ask` writes it here and now."""
    return recording.recorder


@pytest.fixture
def found(watched):  # noqa: F811
    ask(watched, [*usual(20), *unusual(3), *unusual(1, town="Nice")])
    tasks.collect()
    tasks.statistics()
    return list(Detection.objects.order_by("place"))


def words(page):
    return page.text.replace("\u00a0", " ").replace("\u202f", " ")


def test_before_anything_is_found_the_page_says_where_it_comes_from(cast, browser):
    page = Page(browser(cast.viewer, "en").get(LIST))

    assert page.faults == []
    assert "Nothing found yet." in page.text
    assert "none of 30 days is reviewed" in page.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["Review queue", "4 to be reviewed", "All values", "amount", "of 24 answers were alerts", "Real"]),
        ("fr", ["Détections", "4 à revoir", "Toutes les valeurs", "des 24 réponses étaient des alertes", "Réelle"]),
    ],
)
def test_each_detection_stands_with_its_reason_values_and_buttons(language, said, cast, browser, found, watched):  # noqa: F811
    page = Page(browser(cast.annotator, language).get(f"{LIST}?model={watched.pk}"))

    assert page.faults == []
    assert [one for one in said if one not in words(page)] == []
    assert len([box for box in page.all("input", type_="checkbox") if box.get("name") == "ids"]) == 4
    assert "2 %" in words(page)  # what it was to alert on
    assert "Nice" in page.text
    charts = [svg for svg in page.all("svg") if svg.get("class") == "chart plot wide days"]
    assert len(charts) == 1


def test_a_viewer_reads_and_has_no_buttons(cast, browser, found):
    page = Page(browser(cast.viewer, "en").get(LIST))

    assert "amount" in page.text
    assert [button for button in page.all("button") if button.get("name") in {"one", "status"}] == []


def test_a_button_gives_its_own_detection_a_verdict_whatever_is_chosen(cast, browser, found):
    client = browser(cast.annotator, "en")
    page = Page(client.get(f"{LIST}?order=score"))
    pressed = next(button.get("value") for button in page.all("button", name="one") if "false" in button.get("value"))
    body = {"workspace": cast.acme.pk, "one": pressed, "ids": [one.pk for one in found], "note": "A test of ours."}

    answer = client.post(f"{REVIEW}?order=score", body)

    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}?order=score")
    (judged,) = Detection.objects.exclude(status="new")
    assert (judged.status, judged.note, judged.reviewed_by) == ("false_positive", "A test of ours.", cast.annotator)
    assert pressed.startswith(str(judged.pk))
    after = Page(client.get(LIST))
    assert "Reviewed: 1." in after.text
    assert "false alarms among the 1 reviewed of 30 days; 20.7 % to 100 %" in words(after)


def test_many_are_judged_at_once_and_shown_with_their_verdict(cast, browser, found):
    client = browser(cast.annotator, "fr")

    client.post(REVIEW, {"workspace": cast.acme.pk, "status": "confirmed", "ids": [one.pk for one in found[:3]]})

    assert Detection.objects.filter(status="confirmed").count() == 3
    shown = Page(client.get(f"{LIST}?status=confirmed"))
    assert "Revues : 3." in words(shown)
    assert words(shown).count("annotator-of-acme, ") == 3
    assert "Retirer le verdict" in shown.text


def test_who_was_slower_is_told_so(cast, browser, found):
    client, pk = browser(cast.annotator, "fr"), found[0].pk
    for status in ("confirmed", "false_positive"):
        client.post(REVIEW, {"workspace": cast.acme.pk, "one": f"{pk} {status} new"})

    assert Detection.objects.get(pk=pk).status == "confirmed"
    assert "Rien n\u2019a été changé." in Page(client.get(LIST)).text


@pytest.mark.parametrize(
    "body", [{}, {"status": "confirmed"}, {"one": "x"}, {"one": "x confirmed new"}, {"status": "fine", "ids": "x"}, {"ids": "\x00"}]
)  # fmt: skip
def test_a_forged_form_changes_nothing_and_is_refused_in_words(body, cast, browser, found):
    client = browser(cast.annotator, "en")

    answer = client.post(REVIEW, {"workspace": cast.acme.pk, **body})

    assert answer.status_code == 302
    assert Page(client.get(LIST)).all("div", class_="note error")
    assert not Detection.objects.exclude(status="new").exists()


def test_what_is_hidden_is_shown_when_asked_for(cast, browser, found):
    Detection.objects.filter(pk=found[3].pk).update(is_suppressed=True)
    client = browser(cast.viewer, "en")

    plain, hidden = Page(client.get(LIST)), Page(client.get(f"{LIST}?hidden=1"))

    assert "Nice" not in plain.text
    assert "Nice" in hidden.text
    assert "1 hidden by suppression rules" in plain.text


def test_pages_and_orders_keep_what_is_chosen(cast, browser, found):
    one = found[0]
    kept = {field.attname: getattr(one, field.attname) for field in Detection._meta.concrete_fields if field.name != "id"}
    at = clock.now() - timedelta(days=1)
    Detection.objects.bulk_create(Detection(**{**kept, "place": 100 + n, "occurred_at": at}) for n in range(30))
    client = browser(cast.viewer, "en")

    first = Page(client.get(f"{LIST}?order=score&model={one.model_id}"))
    last = Page(client.get(f"{LIST}?order=score&model={one.model_id}&page=2"))
    told = Page(client.get(f"{LIST}?order=next"))

    (further,) = [link.get("href") for link in first.all("a") if link.get("rel") == "next"]
    assert {"order=score", f"model={one.model_id}", "page=2"} <= set(further.lstrip("?").split("&"))
    assert len(last.all("details")) - len(told.all("details")) == 9 - 25
    assert "tells most" in told.text


def test_a_model_of_anomalies_leads_to_its_queue(cast, browser, watched):  # noqa: F811
    page = Page(browser(cast.viewer, "en").get(reverse("dashboard:model", args=[watched.pk])))

    assert f"{LIST}?model={watched.pk}" in page.links
