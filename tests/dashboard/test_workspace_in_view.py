"""Which workspace a page is about, for those who are in several."""

import pytest
from django.urls import reverse

from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from apps.workspaces.models import Membership
from tests.dashboard.reading import Page
from tests.factories import make_model


@pytest.fixture
def client(cast, browser):
    """Return the browser of a viewer of acme who is also in rival, and looks at rival."""
    Membership.objects.create(workspace=cast.rival, user=cast.viewer, role="viewer")
    client = browser(cast.viewer)
    client.get(reverse("dashboard:home"), {"workspace": str(cast.rival.pk)})
    return client


def in_view(page: Page) -> list[str]:
    return [option.text for option in page.all("option") if "selected" in option.attributes and not option.get("lang")]


def test_following_a_link_into_another_workspace_says_so_and_stays_there(cast, client):
    model = make_model(cast.acme)

    first = Page(client.get(reverse("dashboard:model", args=[model.pk])))
    again = Page(client.get(reverse("dashboard:model", args=[model.pk])))
    listed = Page(client.get(reverse("dashboard:models")))

    assert f"You are in the workspace {cast.acme.name} now." in first.text
    assert in_view(first) == in_view(listed) == [cast.acme.name]
    assert "You are in the workspace" not in again.text + listed.text
    assert model.name in listed.text


def test_what_is_sent_to_another_workspace_s_object_switches_nothing(cast, client):
    model = make_model(cast.acme)

    client.post(reverse("dashboard:try_model", args=[model.pk]), {"row.x": "1"})
    client.get(reverse("dashboard:model", args=[model.pk]), headers={"HX-Request": "true"})

    assert in_view(Page(client.get(reverse("dashboard:home")))) == [cast.rival.name]


def test_who_signs_in_anew_comes_where_they_last_changed_something(cast, browser):
    Membership.objects.create(workspace=cast.rival, user=cast.owner, role="owner")
    assert in_view(Page(browser(cast.owner).get(reverse("dashboard:home")))) == [cast.acme.name]

    browser(cast.owner).post(reverse("dashboard:settings"), {"workspace": str(cast.rival.pk), "name": "k", "scope": "read"})

    assert in_view(Page(browser(cast.owner).get(reverse("dashboard:home")))) == [cast.rival.name]


def test_what_programs_did_does_not_decide_where_somebody_comes(cast, browser, api):
    Membership.objects.create(workspace=cast.rival, user=cast.owner, role="owner")
    _key, clear = issue_key(user=cast.owner, workspace=None, name="script", scope="admin", actor=SYSTEM)
    answer = api().patch(
        f"/api/v1/workspaces/{cast.rival.pk}/", {"name": "New"}, headers={"authorization": f"Bearer {clear}"}
    )
    assert answer.status_code == 200

    assert in_view(Page(browser(cast.owner).get(reverse("dashboard:home")))) == [cast.acme.name]
