"""Who may do what: the table of rights, and what a caller's reach says of one act."""

import itertools
import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from apps.core.errors import Forbidden, NotFound
from apps.core.permissions import ACTS_OF_ROLE, ACTS_OF_SCOPE, Act, Role, Scope, allows, least_with
from apps.workspaces.access import Access, Actor

HOME, ELSEWHERE = uuid.UUID(int=1), uuid.UUID(int=2)
LEAST_ROLE = {
    "read": "viewer",
    "predict": "viewer",
    "annotate": "annotator",
    "train": "trainer",
    "promote": "approver",
    "administer": "owner",
}
LEAST_SCOPE = {
    "read": "read",
    "predict": "predict",
    "annotate": "write",
    "train": "write",
    "promote": "write",
    "administer": "admin",
}


def access(role: str = Role.TRAINER, scope: str = Scope.ADMIN, **fields: Any) -> Access:
    user: Any = SimpleNamespace(pk=7)
    return Access(user=user, roles={HOME: role}, scope=scope, **fields)


@pytest.mark.parametrize("act", Act)
def test_each_act_is_allowed_from_one_role_and_one_scope_upwards(act):
    roles, scopes = list(Role), list(Scope)
    for role, scope in itertools.product(roles, scopes):
        wide_enough = roles.index(role) >= roles.index(LEAST_ROLE[act]) and scopes.index(scope) >= scopes.index(
            LEAST_SCOPE[act]
        )
        assert allows(role=role, scope=scope, act=act) is wide_enough

    assert least_with(act, ACTS_OF_ROLE) == LEAST_ROLE[act]
    assert least_with(act, ACTS_OF_SCOPE) == LEAST_SCOPE[act]


def test_a_caller_may_where_it_has_a_role_and_nowhere_else():
    assert access().may(Act.TRAIN, HOME) is True
    assert access().may(Act.PROMOTE, HOME) is False
    assert access().may(Act.READ, ELSEWHERE) is False
    assert access(scope=Scope.READ).may(Act.TRAIN, HOME) is False


def test_what_was_required_and_granted_is_noted_and_nothing_else():
    caller = access()

    caller.require(Act.TRAIN, HOME)
    with pytest.raises(Forbidden, match="right to promote"):
        caller.require(Act.PROMOTE, HOME)
    with pytest.raises(NotFound):
        caller.require(Act.READ, ELSEWHERE)

    assert caller.passed == {(Act.TRAIN, HOME)}


def test_who_lists_its_workspaces_has_checked_that_it_may_read():
    caller = access()

    assert caller.workspace_ids == [HOME]
    assert caller.passed == {(Act.READ, None)}


def test_what_was_checked_is_no_part_of_what_a_caller_is():
    caller = access()
    other = replace(caller, passed={(Act.READ, None)})

    assert caller == other
    assert "passed" not in repr(other)


def test_the_trail_names_the_user_and_the_key():
    assert access(api_key_prefix="abcd").actor == Actor(7, "abcd")


@pytest.mark.parametrize(
    ("role", "scope", "prefix", "held", "needed"),
    [
        ("viewer", "admin", "", "your role is viewer", "the role trainer or a wider one"),
        (
            "viewer",
            "read",
            "abcd",
            "your role is viewer and your key's scope is read",
            "the role trainer or a wider one and a key of scope write or wider",
        ),
        (
            "owner",
            "predict",
            "abcd",
            "your role is owner and your key's scope is predict",
            "a key of scope write or wider",
        ),
    ],
)
def test_a_refusal_says_what_is_held_and_what_it_takes(role, scope, prefix, held, needed):
    caller = access(role, scope, api_key_prefix=prefix)

    with pytest.raises(Forbidden) as refused:
        caller.require(Act.TRAIN, HOME)

    said = f"This needs the right to train; {held}. It takes {needed}: ask an owner of the workspace."
    assert refused.value.detail == said


def test_a_refusal_without_a_workspace_names_every_role_held_and_asks_for_none_that_is():
    narrow = access(scope=Scope.READ, api_key_prefix="abcd")

    several = narrow.refusal(Act.TRAIN, {"viewer", "owner"}).detail
    none = narrow.refusal(Act.TRAIN, set()).detail

    assert "your role is owner or viewer and your key's scope is read. It takes a key of scope write" in several
    assert "train; your key's scope is read. It takes the role trainer or a wider one and a key" in none
