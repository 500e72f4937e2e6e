"""Keys and sessions: who gets in, how far, and until when."""

import uuid
from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from rest_framework.test import APIClient

from apps.core import clock
from apps.core.errors import Conflict
from apps.core.permissions import ACTS_OF_ROLE, ACTS_OF_SCOPE, Act, Role, Scope, allows
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import add_member, change_role, issue_key, remove_member, revoke_key
from apps.workspaces.models import ApiKey, AuditEntry, Membership
from apps.workspaces.recent_keys import recent_keys
from tests.factories import make_model, make_user


@pytest.fixture(autouse=True)
def _forget_keys():
    recent_keys.forget_all()


def client_with(header: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    return client


def key_of(user, workspace=None, **fields) -> str:
    return issue_key(user=user, workspace=workspace, name="test", actor=SYSTEM, **fields)[1]


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "bearer"])
def test_both_header_forms_open_the_same_door(scheme, cast):
    answer = client_with(f"{scheme} {key_of(cast.viewer)}").get("/api/v1/me/")

    assert answer.status_code == 200
    assert answer.json()["workspaces"] == [{"workspace": str(cast.acme.pk), "role": "viewer"}]


def test_only_the_hash_of_a_key_is_kept(cast):
    clear = key_of(cast.viewer)

    key = ApiKey.objects.get()
    assert clear not in str(vars(key))
    assert clear.startswith(f"mlp_{key.prefix}_")


@pytest.mark.parametrize("state", ["unknown", "revoked", "expired", "disabled"])
def test_a_dead_key_opens_nothing(state, cast):
    expires = clock.now() - timedelta(seconds=1) if state == "expired" else None
    key, clear = issue_key(user=cast.viewer, workspace=None, name="x", expires_at=expires, actor=SYSTEM)
    if state == "unknown":
        clear += "x"
    elif state == "revoked":
        revoke_key(key=key, actor=SYSTEM)
    elif state == "disabled":
        cast.viewer.is_active = False
        cast.viewer.save()

    answer = client_with(f"Bearer {clear}").get("/api/v1/me/")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer["Content-Type"] == "application/problem+json"


def test_a_key_of_one_workspace_does_not_reach_another(cast):
    Membership.objects.create(workspace=cast.rival, user=cast.owner, role=Role.OWNER)
    client = client_with(f"Bearer {key_of(cast.owner, cast.rival, scope=Scope.ADMIN)}")

    assert client.get(f"/api/v1/workspaces/{cast.rival.pk}/").status_code == 200
    assert client.get(f"/api/v1/workspaces/{cast.acme.pk}/").status_code == 404


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("predict", 403), ("write", 403), ("admin", 201)])
def test_the_scope_of_the_key_limits_an_owner(scope, status, cast):
    client = client_with(f"Bearer {key_of(cast.owner, scope=scope)}")

    assert client.post("/api/v1/workspaces/", {"name": "New"}).status_code == status


def test_a_key_cannot_make_a_wider_one(cast):
    client = client_with(f"Bearer {key_of(cast.owner, scope=Scope.READ)}")

    answer = client.post(f"/api/v1/workspaces/{cast.acme.pk}/keys/", {"name": "wider", "scope": "admin"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "too_wide"


def test_signing_in_gives_a_key(cast):
    given = APIClient().post("/api/v1/auth/token/", {"username": "viewer-of-acme", "password": "correct horse"})

    assert client_with(f"Token {given.json()['token']}").get("/api/v1/me/").status_code == 200


def test_the_keys_of_signing_in_are_listed_and_revoked_by_their_holder(cast):
    token = APIClient().post("/api/v1/auth/token/", {"username": "viewer-of-acme", "password": "correct horse"}).json()
    key_of(cast.viewer, cast.acme)
    key_of(cast.trainer)
    client = client_with(f"Bearer {token['token']}")

    listed = client.get("/api/v1/me/keys/").json()["results"]

    assert [(key["name"], key["workspace"]) for key in listed] == [("test", str(cast.acme.pk)), ("sign-in", None)]
    assert client.delete(f"/api/v1/me/keys/{listed[1]['id']}/").status_code == 204
    assert client.get("/api/v1/me/keys/").status_code == 401
    assert AuditEntry.objects.filter(verb="key.revoke", target_id=listed[1]["id"]).exists()


def test_nobody_revokes_anothers_keys_as_their_own(cast, api):
    key, _ = issue_key(user=cast.viewer, workspace=cast.acme, name="x", actor=SYSTEM)

    assert api(cast.owner).delete(f"/api/v1/me/keys/{key.pk}/").status_code == 404


def test_a_key_of_one_workspace_lists_the_keys_of_that_one_only(cast):
    Membership.objects.create(workspace=cast.rival, user=cast.viewer, role=Role.VIEWER)
    key_of(cast.viewer, cast.rival)
    key_of(cast.viewer)

    listed = client_with(f"Bearer {key_of(cast.viewer, cast.acme)}").get("/api/v1/me/keys/").json()["results"]

    assert [key["workspace"] for key in listed] == [str(cast.acme.pk)]


@pytest.mark.parametrize("address", ["/api/v1/me/keys/{key}/", "/api/v1/workspaces/{workspace}/keys/{key}/"])
def test_a_key_cannot_revoke_a_wider_one(address, cast):
    wide, _ = issue_key(user=cast.owner, workspace=cast.acme, name="wide", scope=Scope.ADMIN, actor=SYSTEM)
    client = client_with(f"Bearer {key_of(cast.owner, scope=Scope.READ)}")

    assert client.delete(address.format(key=wide.pk, workspace=cast.acme.pk)).status_code == 422
    wide.refresh_from_db()
    assert wide.revoked_at is None


def test_a_key_cannot_make_one_that_outlives_it(cast):
    end = clock.now() + timedelta(days=1)
    client = client_with(f"Bearer {key_of(cast.owner, scope=Scope.ADMIN, expires_at=end)}")
    keys = f"/api/v1/workspaces/{cast.acme.pk}/keys/"

    later = client.post(keys, {"name": "later", "expires_at": (end + timedelta(seconds=1)).isoformat()})
    silent = client.post(keys, {"name": "silent"})
    sooner = client.post(keys, {"name": "sooner", "expires_at": (end - timedelta(hours=1)).isoformat()})

    assert (later.status_code, later.json()["errors"][0]["code"]) == (422, "too_long")
    assert (silent.status_code, sooner.status_code) == (201, 201)
    assert ApiKey.objects.get(name="silent").expires_at == end
    assert ApiKey.objects.get(name="sooner").expires_at == end - timedelta(hours=1)


def test_a_key_that_is_dead_at_birth_is_refused(cast, api):
    past = (clock.now() - timedelta(seconds=5)).isoformat()

    answer = api(cast.owner).post(f"/api/v1/workspaces/{cast.acme.pk}/keys/", {"name": "x", "expires_at": past})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "past")


def test_revoking_a_key_leaves_those_that_were_made_with_it(cast):
    first, clear = issue_key(user=cast.owner, workspace=cast.acme, name="first", scope=Scope.ADMIN, actor=SYSTEM)
    made = client_with(f"Bearer {clear}").post(f"/api/v1/workspaces/{cast.acme.pk}/keys/", {"name": "second"}).json()

    revoke_key(key=first, actor=SYSTEM)

    assert client_with(f"Bearer {clear}").get("/api/v1/me/").status_code == 401
    assert client_with(f"Bearer {made['key']}").get("/api/v1/me/").status_code == 200
    assert AuditEntry.objects.get(verb="key.issue", target_id=made["id"]).api_key_prefix == first.prefix


def test_the_admin_revokes_keys_and_says_so_in_the_trail(cast, client):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    key, clear = issue_key(user=cast.viewer, workspace=None, name="sign-in", actor=SYSTEM)
    client_with(f"Bearer {clear}").get("/api/v1/me/")
    client.force_login(boss)

    client.post(reverse("admin:workspaces_apikey_changelist"), {"action": "revoke", "_selected_action": [str(key.pk)]})

    assert client_with(f"Bearer {clear}").get("/api/v1/me/").status_code == 401
    entry = AuditEntry.objects.get(verb="key.revoke")
    assert (entry.user_id, entry.target_id) == (boss.pk, str(key.pk))


def test_staff_without_the_right_cannot_revoke_in_the_admin(cast, client):
    clerk = make_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    key, _ = issue_key(user=cast.viewer, workspace=None, name="sign-in", actor=SYSTEM)
    client.force_login(clerk)

    client.post(reverse("admin:workspaces_apikey_changelist"), {"action": "revoke", "_selected_action": [str(key.pk)]})

    key.refresh_from_db()
    assert key.revoked_at is None


@pytest.mark.parametrize(
    ("scope", "role", "words"),
    [
        ("read", "viewer", ["right to train", "your role is viewer", "scope is read", "role trainer", "of scope write"]),
        ("read", "owner", ["right to train", "your role is owner", "scope is read", "of scope write"]),
        ("write", "viewer", ["right to train", "your role is viewer", "scope is write", "role trainer"]),
    ],
)
def test_a_refusal_names_role_scope_and_what_is_needed(scope, role, words, cast):
    user = {"viewer": cast.viewer, "owner": cast.owner}[role]
    client = client_with(f"Bearer {key_of(user, cast.acme, scope=scope)}")
    model = make_model(cast.acme)

    answer = client.post(f"/api/v1/models/{model.pk}/train/", {})

    assert answer.status_code == 403
    assert [word for word in words if word not in answer.json()["detail"]] == []
    assert ("of scope" in answer.json()["detail"]) == (scope == "read")
    assert ("the role" in answer.json()["detail"]) == (role == "viewer")


def test_a_session_is_told_of_no_key(cast, api):
    detail = api(cast.viewer).post(f"/api/v1/models/{make_model(cast.acme).pk}/train/", {}).json()["detail"]

    assert "your role is viewer" in detail
    assert "key" not in detail


def test_a_narrow_key_learns_nothing_of_what_exists(cast):
    client = client_with(f"Bearer {key_of(cast.viewer, cast.acme)}")
    theirs, none = make_model(cast.rival).pk, uuid.uuid4()

    answers = [client.post(f"/api/v1/models/{pk}/train/", {}).json() for pk in (theirs, none)]

    assert [answer.pop("instance") for answer in answers]
    assert answers[0] == answers[1]


def test_a_workspace_keeps_an_owner(cast):
    member = Membership.objects.get(workspace=cast.acme, role=Role.OWNER)

    with pytest.raises(Conflict, match="needs an owner"):
        remove_member(member=member, actor=SYSTEM)
    with pytest.raises(Conflict, match="needs an owner"):
        change_role(member=member, role=Role.VIEWER, actor=SYSTEM)


def test_a_member_who_leaves_loses_the_keys(cast):
    clear = key_of(cast.trainer, cast.acme)
    remove_member(member=Membership.objects.get(user=cast.trainer), actor=SYSTEM)

    assert client_with(f"Bearer {clear}").get("/api/v1/me/").status_code == 401


def test_every_write_leaves_an_audit_entry(cast):
    before = AuditEntry.objects.count()
    member = add_member(workspace=cast.acme, username="nobody", role=Role.VIEWER, actor=SYSTEM)
    change_role(member=member, role=Role.TRAINER, actor=SYSTEM)
    remove_member(member=member, actor=SYSTEM)

    verbs = list(AuditEntry.objects.order_by("id").values_list("verb", flat=True))[before:]
    assert verbs == ["member.add", "member.role", "member.remove"]


def test_rights_only_grow_along_roles_and_scopes():
    for table in (ACTS_OF_ROLE, ACTS_OF_SCOPE):
        steps = list(table.values())
        assert all(lower <= higher for lower, higher in pairwise(steps))
    assert not allows(role="", scope=Scope.ADMIN, act=Act.READ)
    assert not allows(role=Role.OWNER, scope="", act=Act.READ)
