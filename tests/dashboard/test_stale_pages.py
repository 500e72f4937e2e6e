"""Pages that had been open for long: a session that ended, a form older than the sign-in, an address only forms know."""

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from apps.dashboard.urls import urlpatterns
from tests.architecture.test_routes import SAMPLES
from tests.dashboard.reading import Page
from tests.factories import make_model

SIGN_IN = reverse("dashboard:sign_in")


def sample(route: URLPattern) -> str:
    named = {name: SAMPLES[type(converter)] for name, converter in route.pattern.converters.items()}
    return reverse(f"dashboard:{route.name}", kwargs=named)


@pytest.fixture
def model(cast):
    return make_model(cast.acme)


def test_a_part_of_a_page_asked_for_after_the_session_ended_leads_the_whole_page_to_the_sign_in(model, browser):
    page = reverse("dashboard:model", args=[model.pk])
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}?tab=2"}

    answer = browser().post(reverse("dashboard:try_model", args=[model.pk]), {"row.x": "1"}, headers=headers)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["HX-Redirect"] == f"{SIGN_IN}?next={page}%3Ftab%3D2"


@pytest.mark.parametrize("place", ["https://evil.example/x", "javascript:alert(1)", "", "http://testserver"])
def test_the_sign_in_leads_back_to_our_own_pages_only(model, browser, place):
    headers = {"HX-Request": "true", "HX-Current-URL": place}

    answer = browser().post(reverse("dashboard:try_model", args=[model.pk]), headers=headers)

    assert answer["HX-Redirect"] == f"{SIGN_IN}?next=/"


def test_a_whole_page_is_sent_to_the_sign_in_as_ever(model, browser):
    answer = browser().get(reverse("dashboard:model", args=[model.pk]))

    assert (answer.status_code, answer.url) == (302, f"{SIGN_IN}?next=/models/{model.pk}/")


@pytest.mark.parametrize("route", urlpatterns, ids=lambda route: route.name)
def test_no_address_of_the_pages_answers_a_reader_with_a_bare_refusal(cast, browser, route):
    answer = browser(cast.owner).get(sample(route), follow=True)

    assert answer.status_code in {200, 404}
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("name", "above"),
    [("rollback", "model"), ("try_model", "model"), ("upload", "datasets"), ("sign_out", "home")],
)
def test_an_address_that_only_takes_a_form_leads_to_its_page(cast, model, browser, name, above):
    given = [model.pk] if above == "model" else []

    answer = browser(cast.owner).get(reverse(f"dashboard:{name}", args=given))

    assert (answer.status_code, answer.url) == (302, reverse(f"dashboard:{above}", args=given))


def test_what_is_neither_read_nor_sent_is_still_refused(cast, model, browser):
    assert browser(cast.owner).put(reverse("dashboard:train", args=[model.pk])).status_code == 405
    assert browser(cast.owner).get("/api/v1/auth/token/").status_code == 405


@pytest.mark.parametrize(
    ("language", "words"), [("en", "You signed in again since this page was opened"), ("fr", "Vous vous êtes reconnecté")]
)
def test_a_form_older_than_the_sign_in_is_a_page_of_words_that_leads_back(cast, model, language, words):
    client = Client(enforce_csrf_checks=True, headers={"accept-language": language})
    client.force_login(cast.owner)
    page = reverse("dashboard:model", args=[model.pk])
    client.get(page)

    answer = client.post(f"{page}train/", {"csrfmiddlewaretoken": "x" * 64}, headers={"referer": f"http://testserver{page}"})

    shown = Page(answer)
    assert (answer.status_code, shown.faults) == (403, [])
    assert words in shown.text
    assert shown.one("html").get("lang") == language
    assert page in shown.links
    assert "DEBUG" not in shown.text


def test_a_browser_without_cookies_and_a_form_of_another_host_are_told_apart(cast):
    client = Client(enforce_csrf_checks=True)

    without = Page(client.post(SIGN_IN, {"username": "x"}))
    foreign = Page(client.post(SIGN_IN, {"username": "x"}, headers={"origin": "https://evil.example"}))

    assert "keeps no cookies" in without.text
    assert "X-Forwarded-Proto" in foreign.text
    assert not any("evil" in link for link in foreign.links)


def test_a_stale_part_of_a_page_has_the_page_loaded_anew_and_says_so(cast, model):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)
    page = reverse("dashboard:model", args=[model.pk])
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}

    answer = client.post(f"{page}try/", headers=headers)

    assert (answer.status_code, answer["HX-Redirect"]) == (403, page)
    assert "It was loaded anew" in Page(client.get(page)).text
