"""The keys on the page of settings: all of one's own, wherever they reach."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.core.permissions import Role
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from apps.workspaces.models import ApiKey, Membership

PAGE = "dashboard:settings"


@pytest.fixture
def viewer(cast):
    client = Client(headers={"accept-language": "en"})
    client.force_login(cast.viewer)
    return client


def test_a_key_of_no_workspace_is_listed_and_revoked(cast, viewer):
    key, _ = issue_key(user=cast.viewer, workspace=None, name="sign-in", actor=SYSTEM)
    issue_key(user=cast.trainer, workspace=None, name="of another", actor=SYSTEM)

    page = viewer.get(reverse(PAGE)).content.decode()

    assert key.prefix in page
    assert "All workspaces" in page
    assert "of another" not in page
    assert viewer.post(reverse("dashboard:revoke_key", args=[key.pk])).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert key.prefix not in viewer.get(reverse(PAGE)).content.decode()


def test_a_key_is_made_for_the_workspace_that_the_form_was_shown_for(cast, viewer):
    Membership.objects.create(workspace=cast.rival, user=cast.viewer, role=Role.VIEWER)
    form = viewer.get(reverse(PAGE), {"workspace": cast.acme.pk})
    viewer.get(reverse(PAGE), {"workspace": cast.rival.pk})  # another tab

    assert f'name="workspace" value="{cast.acme.pk}"' in form.content.decode()
    viewer.post(reverse(PAGE), {"workspace": cast.acme.pk, "name": "laptop", "scope": "read"})

    assert ApiKey.objects.get(name="laptop").workspace == cast.acme


def test_nobody_makes_a_key_for_another_workspace(cast, viewer):
    given = {"workspace": cast.rival.pk, "name": "laptop", "scope": "read"}

    assert viewer.post(reverse(PAGE), given).status_code == 404
    assert not ApiKey.objects.exists()
