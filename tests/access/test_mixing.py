"""Requests that name things of two workspaces: refused whole, whoever asks, and as if the others were nowhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse

from apps.core.permissions import ACTS_OF_SCOPE, Role, Scope
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from apps.workspaces.models import Membership
from apps.workspaces.recent_keys import recent_keys
from tests.access.asking import Asked
from tests.access.rules import Form, Reach, address_of, doors, ghost, ids_of, rule_of, sent_to
from tests.access.world import Things


@dataclass(frozen=True)
class Mix:
    """A request that names something of `mine` and something of `theirs`."""

    method: str
    route: str
    named: Callable[[Things, Any], dict[str, Any]]
    sends: Callable[[Any], dict[str, Any]] = lambda _theirs: {}
    status: int = 404

    @property
    def is_page(self) -> bool:
        return self.route.startswith("dashboard:")


def _my_model(mine: Things, _theirs: Any) -> dict[str, Any]:
    return {"pk": mine.model.pk}


def _their_member(mine: Things, theirs: Any) -> dict[str, Any]:
    return {"workspace_id": mine.workspace.pk, "pk": theirs.member.pk}


def _their_key(mine: Things, theirs: Any) -> dict[str, Any]:
    return {"workspace_id": mine.workspace.pk, "pk": theirs.key.pk}


def _dataset(theirs: Any) -> dict[str, Any]:
    return {"dataset": str(theirs.version.dataset_id)}


def _version(theirs: Any) -> dict[str, Any]:
    return {"dataset": str(theirs.version.pk)}


_NEW = {"start": "1", "algorithm": "random_forest", "task": "classification", "target": "late", "name": "New"}


def _their_suppression(mine: Things, theirs: Any) -> dict[str, Any]:
    return {"model_id": mine.model.pk, "pk": theirs.suppression.pk}


MIXES = {
    "train on their data set": Mix("POST", "model-train", _my_model, _dataset, 422),
    "train on a version of their data set": Mix("POST", "model-train", _my_model, _version, 422),
    "score their data set": Mix("POST", "model-batch", _my_model, _dataset, 422),
    "score a version of their data set": Mix("POST", "model-batch", _my_model, _version, 422),
    "change their member": Mix("PATCH", "member-detail", _their_member, lambda _: {"role": "viewer"}),
    "remove their member": Mix("DELETE", "member-detail", _their_member),
    "revoke their key": Mix("DELETE", "key-detail", _their_key),
    "change their suppression rule": Mix("PATCH", "suppression-detail", _their_suppression, lambda _: {"reason": "New"}),
    "delete their suppression rule": Mix("DELETE", "suppression-detail", _their_suppression),
    "train on their data set from the page": Mix("POST", "dashboard:train", _my_model, lambda t: Form(_dataset(t)), 422),
    "train on their version from the page": Mix("POST", "dashboard:train", _my_model, lambda t: Form(_version(t)), 422),
    "score their version from the page": Mix("POST", "dashboard:batches", _my_model, lambda t: Form(_version(t)), 422),
}


@pytest.fixture
def member_of_both(world) -> str:
    """Make the owner of acme an owner of rival too."""
    Membership.objects.create(workspace=world.cast.rival, user=world.cast.owner, role=Role.OWNER)
    recent_keys.forget_all()
    return "owner"


@pytest.fixture
def mixed(ask, world) -> Callable[[Mix], tuple[Asked, Asked]]:
    """Return an asker of a mix, and of the same with things that nobody has."""

    def asked(mix: Mix) -> tuple[Asked, Asked]:
        answers = []
        for theirs in (world.rival, ghost()):
            address = reverse(mix.route, kwargs=mix.named(world.acme, theirs))
            answer = ask("owner", mix.method, address, mix.sends(theirs), by_key=not mix.is_page)
            answers.append((answer, answer.without(address, *ids_of(theirs))))
        assert mix.is_page or answers[0][1] == answers[1][1]
        return answers[0][0], answers[1][0]

    return asked


@pytest.mark.parametrize("what", MIXES)
def test_what_belongs_to_another_workspace_is_refused_as_what_nobody_has(what, mixed):
    theirs, nobody_s = mixed(MIXES[what])

    assert (theirs.status, nobody_s.status) == (MIXES[what].status, MIXES[what].status)
    assert theirs.writes == nobody_s.writes == []
    assert b"rival" not in theirs.body


@pytest.mark.parametrize("what", MIXES)
def test_not_even_a_member_of_both_mixes_them(what, member_of_both, mixed):
    theirs, _ = mixed(MIXES[what])

    assert theirs.status == MIXES[what].status
    assert theirs.writes == []


def test_a_page_that_makes_a_model_of_their_data_makes_it_nowhere(ask, world):
    answer = ask("owner", "POST", reverse("dashboard:new_model"), Form(_NEW, **_dataset(world.rival)), by_key=False)

    assert (answer.status, answer.writes) == (422, [])
    assert b"rival" not in answer.body


def test_a_model_does_not_move_to_another_workspace(ask, world, member_of_both):
    body = {"description": "New", "workspace": str(world.rival.workspace.pk)}

    answer = ask("owner", "PATCH", reverse("model-detail", args=[world.acme.model.pk]), body, by_key=True)

    assert answer.status in {200, 422}
    assert world.rival.workspace.pk.hex not in str(answer.writes).replace("-", "")
    if answer.status == 200:
        assert answer.json["workspace"] == str(world.acme.workspace.pk)


FILTERS = {
    "dataset-list": ["workspace={workspace}"],
    "model-list": ["workspace={workspace}"],
    "campaign-list": ["workspace={workspace}", "model={model}", "workspace={workspace}&model={model}"],
    "detection-list": ["workspace={workspace}", "model={model}"],
    "model-dashboard": ["workspace={workspace}"],
    **{f"dashboard:{page}": ["workspace={workspace}"] for page in ("home", "datasets", "models", "campaigns", "settings")},
    "dashboard:new_model": ["workspace={workspace}", "dataset={dataset}"],
    "dashboard:members": ["workspace={workspace}"],
    "dashboard:detections": ["workspace={workspace}", "model={model}"],
}


@pytest.mark.parametrize(("route", "query"), [(route, query) for route, queries in FILTERS.items() for query in queries])
def test_a_filter_finds_nothing_of_another_workspace(route, query, ask, world):
    seen = []
    for theirs in (world.rival, ghost()):
        ids = {"workspace": theirs.workspace.pk, "model": theirs.model.pk, "dataset": theirs.version.dataset_id}
        address = f"{reverse(route)}?{query.format(**ids)}"
        answer = ask(
            "viewer" if "new_model" not in route else "owner", "GET", address, by_key=not route.startswith("dashboard")
        )
        assert b"rival" not in answer.body
        seen.append(answer)

    assert seen[0].status == seen[1].status
    if not route.startswith("dashboard"):
        assert seen[0].json.get("results", []) == seen[1].json.get("results", []) == []


API_DOORS = [(route, method) for route, method in doors(of_api=True) if rule_of(route).doors[method].reach is Reach.OBJECT]


@pytest.fixture(scope="module")
def keys_of_acme(_world) -> dict[str, str]:
    """Return a key of each scope that is for acme alone; each test adds its holder to rival for itself."""
    owner, acme = _world.cast.owner, _world.cast.acme
    return {
        scope: issue_key(user=owner, workspace=acme, name="narrow", scope=scope, actor=SYSTEM)[1] for scope in Scope.values
    }


@pytest.mark.parametrize(("route", "method"), API_DOORS, ids=str)
def test_a_key_of_one_workspace_is_a_stranger_in_another(route, method, ask, world, member_of_both, keys_of_acme):
    key, sends = {"Authorization": f"Bearer {keys_of_acme['admin']}"}, sent_to(route, method, world.rival)

    answer = ask("anonymous", method, address_of(route, world.rival), sends, by_key=True, **key)

    assert (answer.status, answer.writes) == (404, [])
    assert b"rival" not in answer.body


@pytest.mark.parametrize("scope", Scope.values)
@pytest.mark.parametrize(("route", "method"), API_DOORS, ids=str)
def test_a_key_reaches_no_further_than_its_scope(route, method, scope, ask, world, keys_of_acme):
    key, sends = {"Authorization": f"Bearer {keys_of_acme[scope]}"}, sent_to(route, method, world.acme)
    is_covered = route.view.cls.acts[route.view.actions[method.lower()]] in ACTS_OF_SCOPE[scope]

    answer = ask("anonymous", method, address_of(route, world.acme), sends, by_key=True, **key)

    assert answer.status != 401
    assert (answer.status == 403) != is_covered
    assert is_covered or not answer.writes


def test_a_narrow_key_of_an_owner_sees_the_keys_of_nobody_else(ask, world, keys_of_acme):
    address = reverse("key-list", args=[world.acme.workspace.pk])

    listed = {
        scope: {
            row["id"] for row in ask("anonymous", "GET", address, by_key=True, Authorization=f"Bearer {key}").json["results"]
        }
        for scope, key in keys_of_acme.items()
    }

    seen_by = {scope for scope, ids in listed.items() if str(world.acme.key.pk) in ids}
    assert seen_by == {Scope.ADMIN}
    assert all(len(ids) >= len(Scope.values) for ids in listed.values())
