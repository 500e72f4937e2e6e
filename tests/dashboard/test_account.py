"""One's own account: a password that its user can change, and who is signed in."""

import pytest
from django.urls import reverse

from apps.core.errors import InvalidInput
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import change_password
from apps.workspaces.models import AuditEntry
from tests.dashboard.reading import Page

ACCOUNT = reverse("dashboard:account")
OLD, NEW = "correct horse", "battery staple 7"


def sent(**changed: str) -> dict[str, str]:
    return {"old": OLD, "new": NEW, "again": NEW, **changed}


def test_every_member_changes_their_own_password(cast, browser):
    client, elsewhere = browser(cast.viewer), browser(cast.viewer)

    answer = client.post(ACCOUNT, sent(), follow=True)

    assert "Your password is changed." in Page(answer).text
    assert cast.viewer.get_username() in Page(answer).one("summary").text
    cast.viewer.refresh_from_db()
    assert cast.viewer.check_password(NEW)
    assert client.get(ACCOUNT).status_code == 200  # who changes it stays signed in
    assert elsewhere.get(ACCOUNT).status_code == 302
    entry = AuditEntry.objects.get(verb="password.change")
    assert (entry.user, entry.target_type, entry.target_id, entry.details) == (cast.viewer, "User", str(cast.viewer.pk), {})


@pytest.mark.parametrize("new", [NEW, " mind the spaces ", "é" * 8, "x y" * 66])
def test_the_new_password_opens_every_door(new, cast, browser, api):
    assert browser(cast.viewer).post(ACCOUNT, sent(new=new, again=new)).status_code == 302

    form = {"username": cast.viewer.get_username(), "password": new}
    assert browser().post(reverse("dashboard:sign_in"), form).status_code == 302
    assert api().post("/api/v1/auth/token/", form).status_code == 200


def test_a_password_that_was_reset_meanwhile_is_not_overwritten(cast):
    cast.viewer.set_password("set by the admin")
    cast.viewer.save()

    with pytest.raises(InvalidInput, match="not the password in use"):
        change_password(user_id=cast.viewer.pk, old=OLD, new=NEW, actor=SYSTEM)


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"old": "a guess"}, "old", "not the password in use"),
        ({"again": "battery staple 8"}, "again", "not the same"),
        ({"new": "12345678", "again": "12345678"}, "new", "entirely numeric"),
        ({"new": "viewer-of-acme", "again": "viewer-of-acme"}, "new", "too similar"),
        ({"new": "", "again": ""}, "new", "may not be blank"),
        ({"new": "a\0b" * 9, "again": "a\0b" * 9}, "new", "Null characters"),
        ({"new": "long " * 41, "again": "long " * 41}, "new", "no more than 200"),
        ({"old": "x" * 201}, "old", "no more than 200"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_no_password_is_shown_again(wrong, field, said, cast, browser):
    answer = browser(cast.viewer).post(ACCOUNT, sent(**wrong))

    cast.viewer.refresh_from_db()
    page = Page(answer)
    assert answer.status_code == 422
    assert said in page.one("label", id=f"field-{field}").text
    assert cast.viewer.check_password(OLD)
    assert all(box.get("value") == "" for box in page.all("input", type="password"))


def test_guessing_the_password_in_use_is_slowed_down_as_at_the_door(cast, browser):
    client = browser(cast.viewer)

    answers = [client.post(ACCOUNT, sent(old=f"guess {number}")) for number in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert "not the password in use" in Page(answers[0]).text
    assert "Too many failed attempts" in Page(answers[-1]).text
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    cast.viewer.refresh_from_db()
    assert cast.viewer.check_password(OLD)
