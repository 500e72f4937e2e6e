"""A form that is sent after the session has ended: nothing is lost without a word."""

from django.urls import reverse

from tests.factories import make_model

ENDED = "Your session has ended, and nothing was sent. Sign in, then send it again."


def test_a_form_sent_without_a_session_says_so_where_one_signs_in(cast, client):
    model = make_model(cast.acme)
    answer = client.post(reverse("dashboard:train", args=[model.pk]), {"seed": 77}, follow=True)

    assert "/sign-in/" in answer.redirect_chain[-1][0]
    assert ENDED in answer.content.decode()


def test_a_part_of_a_page_says_so_too(cast, client):
    model = make_model(cast.acme)
    answer = client.post(reverse("dashboard:try_model", args=[model.pk]), {}, headers={"HX-Request": "true"})

    assert ENDED in client.get(answer.headers["HX-Redirect"]).content.decode()


def test_programs_are_answered_in_one_language_and_pages_in_theirs(client, db):
    french = {"accept-language": "fr"}

    assert client.get("/api/v1/models/", headers=french).json()["detail"].startswith("Authentication credentials")
    assert 'lang="fr"' in client.get("/sign-in/", headers=french).content.decode()
