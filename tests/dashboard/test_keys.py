"""Keys on the settings page: made once, shown once, no wider and no longer than was chosen, revoked."""

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.core import clock
from apps.workspaces.access import Actor
from apps.workspaces.actions import issue_key
from apps.workspaces.models import ApiKey, Membership
from tests.dashboard.reading import Page
from tests.factories import make_member

SETTINGS = reverse("dashboard:settings")


def asking(cast, **given: str) -> dict[str, str]:
    return {"workspace": str(cast.acme.pk), "name": "laptop", "scope": "predict", "days": "", **given}


def revoking(key: ApiKey) -> str:
    return reverse("dashboard:revoke_key", args=[key.pk])


def test_a_key_is_shown_once_and_works_until_it_is_revoked(cast, browser, api):
    client = browser(cast.viewer)

    made = Page(client.post(SETTINGS, asking(cast)))
    key, clear = ApiKey.objects.get(), made.one("pre").text

    assert made.faults == []
    assert (key.name, key.user, key.workspace, key.scope, key.expires_at) == (
        "laptop",
        cast.viewer,
        cast.acme,
        "predict",
        None,
    )
    assert clear not in client.get(SETTINGS).content.decode()
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {clear}"}
    assert api().get("/api/v1/me/", **bearer).status_code == 200
    assert client.post(revoking(key)).status_code == 302
    assert api().get("/api/v1/me/", **bearer).status_code == 401


@pytest.mark.parametrize("language", ["en", "fr"])
def test_loading_the_answer_again_makes_no_second_key(cast, browser, language):
    client = browser(cast.viewer, language)
    sending = Page(client.get(SETTINGS)).one("input", name_="sending").get("value")
    first = client.post(SETTINGS, asking(cast, sending=sending))

    again = client.post(SETTINGS, asking(cast, sending=sending), follow=True)

    assert "mlp_" in Page(first).one("pre").text
    assert (
        Page(again)
        .one("div", role="status")
        .text.startswith({"en": "This key was made already", "fr": "Cette clé a déjà été créée"}[language])
    )
    assert not Page(again).all("pre")
    assert ApiKey.objects.count() == 1


def test_a_refused_form_can_be_sent_again(cast, browser):
    client = browser(cast.viewer)
    given = asking(cast, sending="the same")

    refused = client.post(SETTINGS, {**given, "name": ""})
    made = client.post(SETTINGS, given)

    assert (refused.status_code, made.status_code) == (422, 200)
    assert ApiKey.objects.count() == 1


def test_a_key_that_predicts_for_a_year_is_what_is_offered_first(cast, browser):
    page = Page(browser(cast.viewer).get(SETTINGS))

    assert [option.text for option in page.all("option") if "selected" in option.attributes][-2:] == ["Predict", "in a year"]


def test_a_key_expires_when_it_was_chosen_to(cast, browser):
    browser(cast.viewer).post(SETTINGS, asking(cast, days="30"))

    assert abs(ApiKey.objects.get().expires_at - clock.now() - timedelta(days=30)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("given", "field"),
    [({"name": ""}, "name"), ({"name": "a\0b"}, "name"), ({"scope": "root"}, "scope"), ({"days": "9999999"}, "expires_at")],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_stays(cast, browser, given, field):
    answer = browser(cast.owner).post(SETTINGS, asking(cast, **given))

    page = Page(answer)
    assert (answer.status_code, page.faults) == (422, [])
    label = page.one("label", id=f"field-{field}")
    assert page.one("span", class_="fault").text in label.text
    assert f"#field-{field}" in page.links
    assert page.one("input", name_="name").get("value") == given.get("name", "laptop")
    assert not ApiKey.objects.exists()


def test_members_see_and_revoke_their_own_keys_owners_all(cast, browser):
    key, _ = issue_key(user=cast.viewer, workspace=cast.acme, name="of the viewer", actor=Actor(user_id=cast.viewer.pk))

    assert "of the viewer" in Page(browser(cast.owner).get(SETTINGS)).text
    assert "of the viewer" not in Page(browser(cast.trainer).get(SETTINGS)).text
    assert browser(cast.trainer).post(revoking(key)).status_code == 404
    assert browser(cast.stranger).post(revoking(key)).status_code == 404
    assert browser(cast.owner).post(revoking(key)).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_many_keys_come_in_pages_and_many_members_are_counted(cast, browser):
    for number in range(30):
        issue_key(user=cast.owner, workspace=cast.acme, name=f"key {number}", actor=Actor(user_id=cast.owner.pk))
        make_member(cast.acme, "viewer")

    pages = [browser(cast.owner).get(SETTINGS, {"page": number}) for number in ("1", "2")]

    assert [len(answer.context["keys"]) for answer in pages] == [25, 5]
    members = Membership.objects.filter(workspace=cast.acme).count()
    assert f"and {members - 10} more" in Page(pages[0]).text
