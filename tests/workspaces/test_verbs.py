"""What each verb on tenants, members and keys writes, and what it leaves alone."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from apps.core import clock
from apps.core.errors import Conflict, InvalidInput
from apps.core.permissions import Role, Scope
from apps.workspaces import actions
from apps.workspaces.access import SYSTEM, Access, Actor
from apps.workspaces.api.authentication import access_with_key
from apps.workspaces.attempts import KEPT_FOR as ANSWERS_KEPT_FOR
from apps.workspaces.models import (
    ApiKey,
    AuditEntry,
    FailedSignIn,
    IdempotencyRecord,
    KnownAddress,
    Membership,
    Workspace,
)
from apps.workspaces.recent_keys import recent_keys
from apps.workspaces.throttling import KEPT_FOR as FAILURES_KEPT_FOR
from apps.workspaces.throttling import KNOWN_FOR as ADDRESSES_KEPT_FOR
from tests.factories import make_member, make_user, make_workspace
from tests.trail import entry_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor() -> Actor:
    recent_keys.forget_all()
    return Actor(make_user("boss").pk, "abcd")


def of(user: Any, workspace: Workspace) -> Membership:
    return Membership.objects.get(user=user, workspace=workspace)


# workspaces


@pytest.mark.parametrize(("name", "slug"), [("Acme & Sons", "acme-sons"), ("株式会社", "workspace"), ("x" * 99, "x" * 40)])
def test_a_workspace_has_its_maker_as_owner_and_a_readable_slug(name, slug, actor):
    owner = make_user()

    workspace = actions.create_workspace(name=name, owner=owner, actor=actor)

    assert (workspace.name, workspace.slug[:-7]) == (name, slug)
    assert len(workspace.slug.rpartition("-")[2]) == 6
    assert [(member.user, member.role) for member in workspace.memberships.all()] == [(owner, Role.OWNER)]
    assert entry_of("workspace.create", workspace, actor).details == {"name": name}


def test_a_new_workspace_is_reached_at_once_with_a_key_in_use(actor):
    owner = make_user()
    _, clear = actions.issue_key(user=owner, workspace=None, name="x", actor=actor)
    assert access_with_key(clear).roles == {}

    workspace = actions.create_workspace(name="New", owner=owner, actor=actor)

    assert access_with_key(clear).roles == {workspace.pk: "owner"}


def test_a_workspace_gets_another_name_and_no_other_does(actor):
    workspace, other = make_workspace("Old"), make_workspace("Other")

    assert actions.rename_workspace(workspace=workspace, name="New", actor=actor) == workspace

    assert list(Workspace.objects.order_by("name").values_list("pk", "name")) == [(workspace.pk, "New"), (other.pk, "Other")]
    assert entry_of("workspace.rename", workspace, actor).details == {"name": "New"}


# members


def test_a_member_is_added_with_a_role_and_reaches_it_at_once(actor):
    workspace, user = make_workspace(), make_user("newcomer")
    make_user("other")
    _, clear = actions.issue_key(user=user, workspace=None, name="x", actor=SYSTEM)
    assert access_with_key(clear).roles == {}

    member = actions.add_member(workspace=workspace, username="newcomer", role=Role.TRAINER, actor=actor)

    assert (member.user, member.workspace, of(user, workspace).role) == (user, workspace, "trainer")
    assert access_with_key(clear).roles == {workspace.pk: "trainer"}
    assert entry_of("member.add", member, actor).details == {"username": "newcomer", "role": "trainer"}


@pytest.mark.parametrize("username", ["nobody", "gone"])
def test_nobody_is_added_who_is_unknown_or_no_longer_active(username, actor):
    make_user("gone", is_active=False)

    with pytest.raises(InvalidInput, match="No such user") as refused:
        actions.add_member(workspace=make_workspace(), username=username, role=Role.VIEWER, actor=actor)

    assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [("/username", "unknown_user")]
    assert not Membership.objects.exists()


def test_a_member_of_another_workspace_is_added_and_one_of_this_is_not_twice(actor):
    workspace = make_workspace()
    make_member(make_workspace(), Role.OWNER, "busy")
    actions.add_member(workspace=workspace, username="busy", role=Role.VIEWER, actor=actor)

    with pytest.raises(Conflict, match="busy is a member already"):
        actions.add_member(workspace=workspace, username="busy", role=Role.OWNER, actor=actor)

    assert workspace.memberships.get().role == "viewer"


def test_a_role_that_does_not_exist_is_our_own_fault(actor):
    make_user("newcomer")

    with pytest.raises(IntegrityError):
        actions.add_member(workspace=make_workspace(), username="newcomer", role="king", actor=actor)


def test_a_role_changes_for_one_member(actor):
    workspace = make_workspace()
    make_member(workspace, Role.OWNER)
    user, other = make_member(workspace, Role.VIEWER), make_member(workspace, Role.VIEWER)
    _, clear = actions.issue_key(user=user, workspace=workspace, name="x", actor=SYSTEM)
    assert access_with_key(clear).roles == {workspace.pk: "viewer"}

    member = actions.change_role(member=of(user, workspace), role=Role.TRAINER, actor=actor)

    assert (member.user, of(user, workspace).role, of(other, workspace).role) == (user, "trainer", "viewer")
    assert access_with_key(clear).roles == {workspace.pk: "trainer"}
    details = {"username": user.get_username(), "from": "viewer", "to": "trainer"}
    assert entry_of("member.role", member, actor).details == details


def test_an_only_owner_may_be_made_owner_again_but_nothing_less(actor):
    workspace = make_workspace()
    make_member(make_workspace(), Role.OWNER)  # the owner of another workspace is no help
    owner = of(make_member(workspace, Role.OWNER), workspace)

    assert actions.change_role(member=owner, role=Role.OWNER, actor=actor).role == "owner"
    with pytest.raises(Conflict, match="needs an owner"):
        actions.change_role(member=owner, role=Role.APPROVER, actor=actor)


def test_of_two_owners_one_may_step_down(actor):
    workspace = make_workspace()
    owners = [of(make_member(workspace, Role.OWNER), workspace) for _ in range(2)]

    assert actions.change_role(member=owners[0], role=Role.VIEWER, actor=actor).role == "viewer"


def test_who_leaves_takes_its_keys_of_the_workspace_with_it_and_nobody_elses(actor):
    workspace, elsewhere = make_workspace(), make_workspace()
    owner, user = make_member(workspace, Role.OWNER), make_member(workspace, Role.TRAINER)
    Membership.objects.create(workspace=elsewhere, user=user, role=Role.VIEWER)
    member = of(user, workspace)
    given = [(user, workspace), (user, elsewhere), (user, None), (owner, workspace), (user, workspace)]
    keys = [actions.issue_key(user=who, workspace=where, name="x", actor=SYSTEM)[0] for who, where in given]
    earlier = clock.now() - timedelta(days=1)
    ApiKey.objects.filter(pk=keys[4].pk).update(revoked_at=earlier)

    actions.remove_member(member=member, actor=actor)

    for key in keys:
        key.refresh_from_db()
    assert [key.revoked_at is None for key in keys] == [False, True, True, True, False]
    assert keys[4].revoked_at == earlier
    assert entry_of("key.revoke", keys[0], actor)
    assert entry_of("member.remove", member, actor).details == {"username": user.get_username(), "role": "trainer"}
    assert list(Membership.objects.order_by("pk").values_list("user_id", "workspace_id")) == [
        (owner.pk, workspace.pk),
        (user.pk, elsewhere.pk),
    ]


def test_a_key_of_signing_in_loses_a_workspace_with_its_holder(actor):
    workspace = make_workspace()
    make_member(workspace, Role.OWNER)
    user = make_member(workspace, Role.TRAINER)
    _, clear = actions.issue_key(user=user, workspace=None, name="sign-in", actor=SYSTEM)
    assert access_with_key(clear).roles == {workspace.pk: "trainer"}

    actions.remove_member(member=of(user, workspace), actor=actor)

    assert access_with_key(clear).roles == {}


# keys


@pytest.mark.parametrize("of_workspace", [False, True])
def test_a_key_is_kept_as_it_was_asked_for(of_workspace, actor):
    workspace = make_workspace() if of_workspace else None
    user, end = make_user(), clock.now() + timedelta(days=1)

    key, clear = actions.issue_key(
        user=user, workspace=workspace, name="nightly", scope=Scope.WRITE, expires_at=end, actor=actor
    )

    kept = ApiKey.objects.get(pk=key.pk)
    assert (kept.user, kept.workspace, kept.name, kept.scope, kept.expires_at) == (user, workspace, "nightly", "write", end)
    assert clear.split("_")[1] == kept.prefix
    assert len(kept.prefix) == actions.KEY_PREFIX_LENGTH
    details = {"name": "nightly", "scope": "write", "holder": user.get_username()}
    assert entry_of("key.issue", kept, actor).details == details


def test_a_key_reads_and_does_not_expire_unless_asked():
    key, _ = actions.issue_key(user=make_user(), workspace=None, name="x", actor=SYSTEM)

    assert (key.scope, key.expires_at) == ("read", None)


def maker(scope: str = Scope.ADMIN, **fields: Any) -> Access:
    return Access(user=make_user(), roles={}, scope=scope, **fields)


@pytest.mark.parametrize("scope", Scope)
def test_a_key_makes_keys_of_its_own_scope_and_of_narrower_ones(scope):
    order = list(Scope)
    for wanted in order:
        issue = partial(actions.issue_key, user=make_user(), workspace=None, name="x", actor=SYSTEM, maker=maker(scope))
        if order.index(wanted) <= order.index(scope):
            assert issue(scope=wanted)[0].scope == wanted
        else:
            with pytest.raises(InvalidInput) as refused:
                issue(scope=wanted)
            assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [("/scope", "too_wide")]


@pytest.mark.parametrize(
    ("own", "wanted", "given"),
    [
        (None, None, None),
        (None, 5, 5),
        (9, None, 9),
        (9, 5, 5),
        (9, 9, 9),
        (9, 10, "too_long"),
        (None, 0, "past"),
        (9, 0, "past"),
        (None, -1, "past"),
        (None, 1, 1),
    ],
)
def test_a_key_lives_as_long_as_asked_but_no_longer_than_its_maker(own, wanted, given, monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)

    def at(seconds: int | None) -> Any:
        return None if seconds is None else now + timedelta(seconds=seconds)

    def issue() -> Any:
        made = maker(key_expires_at=at(own))
        return actions.issue_key(
            user=make_user(), workspace=None, name="x", expires_at=at(wanted), actor=SYSTEM, maker=made
        )[0].expires_at

    if isinstance(given, str):
        with pytest.raises(InvalidInput) as refused:
            issue()
        assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [("/expires_at", given)]
    else:
        assert issue() == at(given)


def test_a_key_is_revoked_once_and_no_other_with_it(actor):
    user = make_user()
    (key, clear), (other, _) = (actions.issue_key(user=user, workspace=None, name="x", actor=SYSTEM) for _ in range(2))
    assert access_with_key(clear) is not None
    before = clock.now()

    assert actions.revoke_key(key=key, actor=actor) is key
    first = ApiKey.objects.get(pk=key.pk).revoked_at
    actions.revoke_key(key=key, actor=actor)

    assert before <= first == key.revoked_at == ApiKey.objects.get(pk=key.pk).revoked_at
    assert ApiKey.objects.get(pk=other.pk).revoked_at is None
    assert access_with_key(clear) is None
    details = {"name": "x", "scope": "read", "holder": user.get_username()}
    assert entry_of("key.revoke", key, actor).details == details


# the trail and the sweep


def test_an_entry_says_who_did_what_to_what_and_where(actor):
    workspace = make_workspace()

    entry = actions.record_audit(actor=actor, workspace_id=workspace.pk, verb="it.did", target=workspace)

    kept = AuditEntry.objects.get()
    assert (entry.pk, kept.verb, kept.details) == (kept.pk, "it.did", {})
    assert entry_of("it.did", workspace, actor)


def test_an_entry_of_no_workspace_and_of_nothing_kept_has_its_place(actor):
    actions.record_audit(actor=actor, workspace_id=None, verb="it.did", target=object(), details={"a": 1})

    kept = AuditEntry.objects.get()
    assert (kept.workspace_id, kept.target_type, kept.target_id, kept.details) == (None, "object", "", {"a": 1})


def test_what_is_past_its_time_is_swept_in_portions_and_counted(monkeypatch):
    monkeypatch.setattr(actions, "_SWEPT_AT_ONCE", 2)
    now, user, moment = clock.now(), make_user(), timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: now)
    for number, age in enumerate([ANSWERS_KEPT_FOR + moment] * 3 + [ANSWERS_KEPT_FOR]):
        record = IdempotencyRecord.objects.create(user=user, route="/", key=str(number), request_sha256="0" * 64)
        IdempotencyRecord.objects.filter(pk=record.pk).update(created_at=now - age)
    for age in (FAILURES_KEPT_FOR + moment, FAILURES_KEPT_FOR + moment, FAILURES_KEPT_FOR):
        FailedSignIn.objects.create(name_digest="0" * 64, at=now - age)
    for number, age in enumerate((ADDRESSES_KEPT_FOR + moment, ADDRESSES_KEPT_FOR)):
        KnownAddress.objects.create(user=user, address_digest=str(number) * 64, seen_at=now - age)

    with CaptureQueriesContext(connection) as asked:
        assert actions.sweep() == 3 + 2 + 1

    deletes = [query["sql"] for query in asked if query["sql"].startswith("DELETE")]
    assert sum(IdempotencyRecord._meta.db_table in sql for sql in deletes) == 2
    assert [kind.objects.count() for kind in (IdempotencyRecord, FailedSignIn, KnownAddress)] == [1, 1, 1]
    assert actions.sweep() == 0
