"""The page of a workspace's members: all see it, owners change it, the last owner stays, and it is written down."""

import pytest
from django.urls import reverse

from apps.core.permissions import Role
from apps.workspaces.access import Actor
from apps.workspaces.actions import issue_key
from apps.workspaces.models import AuditEntry, Membership
from tests.dashboard.reading import Page
from tests.factories import make_user

MEMBERS, ADD = reverse("dashboard:members"), reverse("dashboard:add_member")


def member(cast, name: str) -> Membership:
    return Membership.objects.get(workspace=cast.acme, user__username=name)


def role_of(cast, name: str) -> str | None:
    return Membership.objects.filter(workspace=cast.acme, user__username=name).values_list("role", flat=True).first()


def adding(cast, name: str, role: str = "trainer", **more: str) -> dict[str, str]:
    return {"workspace": str(cast.acme.pk), "name": name, "role": role, **more}


@pytest.mark.parametrize("role", list(Role.values))
def test_members_see_each_other_and_owners_alone_what_changes_them(cast, browser, role):
    page = Page(browser(getattr(cast, role)).get(MEMBERS))

    assert page.faults == []
    for name in ("viewer", "owner"):
        assert f"{name}-of-acme" in page.text
    assert "owner-of-rival" not in page.text
    changes = {ADD, reverse("dashboard:member_role", args=[member(cast, "viewer-of-acme").pk])}
    assert (changes <= page.posts_to) == (role == "owner")


@pytest.mark.parametrize("given", ["newcomer", "NEW@example.org", " newcomer "])
def test_an_owner_adds_a_user_by_name_or_by_e_mail(cast, browser, given):
    newcomer = make_user("newcomer", email="new@example.org")

    answer = browser(cast.owner).post(ADD, adding(cast, given), follow=True)

    assert "newcomer is a member now: Trainer." in Page(answer).text
    assert role_of(cast, "newcomer") == "trainer"
    entry = AuditEntry.objects.get(verb="member.add")
    assert (entry.user, entry.workspace, entry.details["username"]) == (cast.owner, cast.acme, newcomer.username)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "ghost"}, "no active user named"),
        ({"name": "ghost@example.org"}, "no active user named"),
        ({"name": "both@example.org"}, "Several users"),
        ({"name": "blocked"}, "no active user named"),
        ({"name": "viewer-of-acme"}, "a member already"),
        ({"name": ""}, "blank"),
        ({"name": "a\0b@example.org"}, "Null characters"),
        ({"name": "x" * 151}, "150"),
        ({"name": "newcomer", "role": "king"}, "king"),
        ({"name": "newcomer", "role": ""}, "Choose one of: viewer"),
    ],
)
def test_who_cannot_be_added_is_said_in_words_and_the_form_is_kept(cast, browser, given, words):
    make_user("newcomer")
    make_user("one", email="both@example.org")
    make_user("two", email="BOTH@example.org")
    make_user("blocked", is_active=False)
    before = Membership.objects.count()

    answer = browser(cast.owner).post(ADD, adding(cast, **given))

    page = Page(answer)
    assert answer.status_code in {409, 422}
    assert words in page.one("div", role="alert").text
    assert page.one("input", name_="name").get("value") == given["name"]
    beside = page.all("span", class_="fault")
    assert len(beside) == (answer.status_code == 422)  # that somebody is a member already is about no field
    assert Membership.objects.count() == before


def test_an_owner_changes_a_role(cast, browser):
    viewer = member(cast, "viewer-of-acme")

    answer = browser(cast.owner).post(reverse("dashboard:member_role", args=[viewer.pk]), {"role": "approver"}, follow=True)

    assert "viewer-of-acme is now: Approver." in Page(answer).text
    assert role_of(cast, "viewer-of-acme") == "approver"
    refused = browser(cast.owner).post(reverse("dashboard:member_role", args=[viewer.pk]), {"role": "king"}, follow=True)
    assert "king" in Page(refused).text
    assert role_of(cast, "viewer-of-acme") == "approver"


def test_an_owner_takes_a_member_out_and_their_keys_stop_working(cast, browser, api):
    _key, clear = issue_key(user=cast.trainer, workspace=cast.acme, name="x", actor=Actor(user_id=cast.trainer.pk))
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {clear}"}
    assert api().get("/api/v1/me/", **bearer).status_code == 200

    answer = browser(cast.owner).post(
        reverse("dashboard:remove_member", args=[member(cast, "trainer-of-acme").pk]), follow=True
    )

    assert "no longer a member" in Page(answer).text
    assert role_of(cast, "trainer-of-acme") is None
    assert api().get("/api/v1/me/", **bearer).status_code == 401


@pytest.mark.parametrize(("action", "given"), [("member_role", {"role": "viewer"}), ("remove_member", {})])
def test_the_last_owner_stays(cast, browser, action, given):
    address = reverse(f"dashboard:{action}", args=[member(cast, "owner-of-acme").pk])

    page = Page(browser(cast.owner).post(address, given, follow=True))

    assert "A workspace needs an owner" in page.text
    assert role_of(cast, "owner-of-acme") == "owner"


def test_an_owner_who_leaves_is_led_to_what_is_left(cast, browser):
    Membership.objects.filter(user=cast.viewer).update(role="owner")
    address = reverse("dashboard:remove_member", args=[member(cast, "owner-of-acme").pk])

    answer = browser(cast.owner).post(address)

    assert (answer.status_code, answer.url) == (302, reverse("dashboard:home"))
    assert role_of(cast, "owner-of-acme") is None


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("approver", 403), ("stranger", 404), ("nobody", 404)])
def test_others_change_nothing(cast, browser, who, status):
    make_user("newcomer")
    client, viewer = browser(getattr(cast, who)), member(cast, "viewer-of-acme")

    answers = [
        client.post(ADD, adding(cast, "newcomer")),
        client.post(reverse("dashboard:member_role", args=[viewer.pk]), {"role": "owner"}),
        client.post(reverse("dashboard:remove_member", args=[viewer.pk])),
    ]

    assert [answer.status_code for answer in answers] == [status] * 3
    assert (role_of(cast, "viewer-of-acme"), role_of(cast, "newcomer")) == ("viewer", None)


def test_a_member_is_added_where_the_page_was_opened(cast, browser):
    """Another tab has turned to the other workspace since."""
    make_user("newcomer")
    Membership.objects.create(workspace=cast.rival, user=cast.owner, role="owner")
    client = browser(cast.owner)
    client.get(MEMBERS, {"workspace": str(cast.rival.pk)})

    client.post(ADD, adding(cast, "newcomer"))

    assert role_of(cast, "newcomer") == "trainer"
    assert not Membership.objects.filter(workspace=cast.rival, user__username="newcomer").exists()


def test_e_mail_addresses_are_shown_to_owners_only(cast, browser):
    cast.viewer.email = "viewer@example.org"
    cast.viewer.save()

    assert "viewer@example.org" in Page(browser(cast.owner).get(MEMBERS)).text
    assert "viewer@example.org" in Page(browser(cast.viewer).get(MEMBERS)).text
    assert "viewer@example.org" not in Page(browser(cast.trainer).get(MEMBERS)).text
