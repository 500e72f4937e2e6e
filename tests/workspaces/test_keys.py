"""Keys and sessions: who gets in, how far, and until when."""

from datetime import timedelta
from itertools import pairwise

import pytest
from rest_framework.test import APIClient

from apps.core import clock
from apps.core.errors import Conflict
from apps.core.permissions import ACTS_OF_ROLE, ACTS_OF_SCOPE, Act, Role, Scope, allows
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import add_member, change_role, issue_key, remove_member, revoke_key
from apps.workspaces.api.authentication import recent_keys
from apps.workspaces.models import ApiKey, AuditEntry, Membership


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


def test_signing_in_gives_a_key_and_guessing_is_slowed_down(cast):
    client = APIClient()
    good = client.post("/api/v1/auth/token/", {"username": "viewer-of-acme", "password": "correct horse"})

    answers = [
        client.post("/api/v1/auth/token/", {"username": "owner-of-acme", "password": f"guess {i}"}) for i in range(12)
    ]

    assert client_with(f"Token {good.json()['token']}").get("/api/v1/me/").status_code == 200
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0


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


def test_a_retry_with_an_idempotency_key_gets_the_first_answer(cast, api):
    client = api(cast.owner)
    first = client.post("/api/v1/workspaces/", {"name": "Once"}, headers={"Idempotency-Key": "k1"})
    retry = client.post("/api/v1/workspaces/", {"name": "Once"}, headers={"Idempotency-Key": "k1"})
    other = client.post("/api/v1/workspaces/", {"name": "Twice"}, headers={"Idempotency-Key": "k1"})

    assert (first.status_code, retry.status_code, other.status_code) == (201, 201, 422)
    assert retry.json() == first.json()
    assert retry["Location"] == first["Location"]
    assert other.json()["errors"][0]["code"] == "idempotency_mismatch"
