"""The base of every API view: what it lets through, holds back, and answers to a retry."""

import io
import uuid
from typing import Any

import pytest
from django.db import DatabaseError
from django.http import StreamingHttpResponse
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from apps.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from apps.core.permissions import Act, Role, Scope
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.access import SYSTEM, Access
from apps.workspaces.actions import issue_key
from apps.workspaces.api import idempotency
from apps.workspaces.api.authentication import access_with_key
from apps.workspaces.api.permissions import DeclaredAccess
from apps.workspaces.api.viewsets import ScopedViewSet, workspace_of
from apps.workspaces.models import IdempotencyRecord, Workspace
from apps.workspaces.recent_keys import recent_keys
from apps.workspaces.selectors import access_of
from tests.factories import make_model

pytestmark = pytest.mark.django_db


class Door(ScopedViewSet):
    """A view of models whose actions do as little as can be seen."""

    queryset = RegisteredModel.objects.all()
    acts = {
        "retrieve": Act.READ, "own": Act.READ, "both": Act.TRAIN, "status": Act.TRAIN, "fails": Act.TRAIN,
        "secret_one": Act.TRAIN, "streams": Act.TRAIN, "quick": Act.PREDICT, "looks": Act.READ,
    }  # fmt: skip
    callers_own = frozenset({"own"})
    repeatable = frozenset({"quick"})
    secret = frozenset({"secret_one"})
    done: list[str] = []
    opened: list[io.BytesIO] = []

    def retrieve(self, request, pk=None):
        return Response({"name": self.get_object().name})

    def own(self, request):
        return Response({"mine": True})

    def both(self, request):
        self.done.append("both")
        for pk in request.data["models"]:
            self.access.require(Act.READ, RegisteredModel.objects.get(pk=pk).workspace_id)
            self.access.require(Act.TRAIN, RegisteredModel.objects.get(pk=pk).workspace_id)
        return Response({"done": len(self.done)})

    def status(self, request):
        return Response({}, request.data["status"])

    def fails(self, request):
        raise {"conflict": Conflict("No."), "invalid": InvalidInput("No."), "away": DatabaseError("gone")}[
            request.data["how"]
        ]

    def secret_one(self, request):
        self.access.require(Act.TRAIN, Workspace.objects.get(name="Acme").pk)
        return Response({"key": "clear"})

    def streams(self, request):
        self.opened.append(io.BytesIO(b"secret plan"))
        return StreamingHttpResponse(self.opened[-1])

    def quick(self, request):
        self.access.require(Act.PREDICT, Workspace.objects.get(name="Acme").pk)
        self.done.append("quick")
        return Response({"done": len(self.done)})

    def looks(self, request):
        self.access.require(Act.READ, self.get_queryset().get().workspace_id)
        return Response({})


@pytest.fixture(autouse=True)
def _nothing_done():
    Door.done.clear()


def ask(user: Any, action: str, body: Any = None, *, key: str = "", access: Access | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    request = APIRequestFactory().post("/api/v1/door/", body or {}, format="json", headers=headers)
    force_authenticate(request, user, access or access_of(user))
    return Door.as_view({"post": action})(request).render()


# who is let in


def permits(auth: Any, action: str = "own", method: str = "POST") -> bool:
    request = Request(APIRequestFactory().generic(method, "/"))
    force_authenticate(request, None, auth)
    request.auth = auth
    view = Door()
    view.action, view.action_map = action, {"post": action}
    return DeclaredAccess().has_permission(request, view)


def test_a_declared_act_is_let_through_as_far_as_the_key_reaches(cast):
    owner = access_of(cast.owner)
    narrow = Access(user=cast.owner, roles=owner.roles, scope=Scope.READ, api_key_prefix="abcd")

    assert permits(owner, "both") is True
    assert permits(narrow, "own") is True
    with pytest.raises(Forbidden, match=r"your role is owner and your key's scope is read\. It takes a key of scope write"):
        permits(narrow, "both")


def test_nobody_is_let_through_without_an_access_or_to_what_nothing_declares(cast):
    assert permits(None) is False
    assert permits("a token of another kind") is False
    assert permits(access_of(cast.owner), "undeclared") is False


def test_an_unknown_scope_opens_nothing(cast):
    with pytest.raises(Forbidden):
        permits(Access(user=cast.owner, roles={}, scope="all"), "own")


def test_a_method_that_the_route_does_not_take_is_told_so_before_anything_else(cast):
    narrow = Access(user=cast.owner, roles={}, scope=Scope.READ)

    with pytest.raises(MethodNotAllowed):
        permits(narrow, "both", method="PUT")


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", ""])
def test_a_header_of_another_kind_or_without_a_key_opens_nothing(header, cast):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)

    answer = client.get("/api/v1/me/")

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_a_dead_key_beside_a_session_is_told_of_and_not_passed_over(cast, api):
    client = api(cast.owner)
    client.credentials(HTTP_AUTHORIZATION="Bearer mlp_dead")

    answer = client.get("/api/v1/me/")

    assert answer.status_code == 401
    assert "unknown, revoked or expired" in answer.json()["detail"]


def test_a_key_in_use_is_remembered_and_read_once(cast, django_assert_num_queries):
    recent_keys.forget_all()
    _, clear = issue_key(user=cast.viewer, workspace=None, name="x", scope=Scope.PREDICT, actor=SYSTEM)
    first = access_with_key(clear)

    with django_assert_num_queries(0):
        again = access_with_key(clear)

    assert first is again
    assert (first.user, first.scope, first.roles) == (cast.viewer, "predict", {cast.acme.pk: "viewer"})


# what is held back


def test_the_caller_s_own_things_need_no_check_and_others_do(cast):
    assert ask(cast.owner, "own").status_code == 200
    assert ask(cast.owner, "streams").status_code == 403


@pytest.mark.parametrize(("status", "answered"), [(200, 403), (302, 403), (399, 403), (400, 400), (404, 404)])
def test_only_refusals_pass_unchecked(status, answered, cast):
    assert ask(cast.owner, "status", {"status": status}).status_code == answered


def test_what_is_held_back_is_closed_and_says_nothing_of_itself(cast):
    answer = ask(cast.owner, "streams")

    assert Door.opened[-1].closed
    assert b"secret plan" not in answer.content
    assert "does not check who may use it" in answer.data["detail"]


def test_a_check_of_one_request_does_not_count_for_the_next(cast):
    model, access = make_model(cast.acme), access_of(cast.owner)

    assert ask(cast.owner, "both", {"models": [str(model.pk)]}, access=access).status_code == 200

    assert access.passed == set()
    assert ask(cast.owner, "both", {"models": []}, access=access).status_code == 403


# the row in the address


@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("stranger", 404)])
def test_a_row_is_found_by_members_of_its_workspace(who, status, cast):
    make_model(cast.rival, name="theirs")
    model = make_model(cast.acme, name="ours")
    make_model(cast.acme, name="newer")
    request = APIRequestFactory().get("/")
    user = getattr(cast, who)
    force_authenticate(request, user, access_of(user))

    answer = Door.as_view({"get": "retrieve"})(request, pk=model.pk)

    assert answer.status_code == status
    assert answer.data.get("name") == ("ours" if status == 200 else None)


def test_a_row_is_found_by_the_name_that_the_route_gives_it(cast):
    model = make_model(cast.acme)
    view = Door()
    view.lookup_url_kwarg, view.kwargs, view.action = "model", {"model": model.pk}, "retrieve"
    view.request = Request(APIRequestFactory().get("/"))
    view.request.auth = access_of(cast.viewer)

    assert view.get_object() == model
    assert view.access.passed == {(Act.READ, None), (Act.READ, cast.acme.pk)}
    view.kwargs = {"model": uuid.uuid4()}
    with pytest.raises(NotFound):
        view.get_object()


def test_the_workspace_of_a_row_is_found_along_its_path(cast):
    model = make_model(cast.acme)

    assert workspace_of(cast.acme) == cast.acme.pk
    assert workspace_of(model) == cast.acme.pk
    assert workspace_of(ModelVersion(model=model)) == cast.acme.pk


def test_nothing_is_read_for_a_description(cast):
    make_model(cast.acme)
    view = Door()
    view.swagger_fake_view = True

    assert list(view.get_queryset()) == []
    assert view.get_queryset().model is RegisteredModel


# retries


def both(cast: Any, *workspaces: Any) -> Any:
    return ask(cast.owner, "both", {"models": [str(make_model(one).pk) for one in workspaces]}, key="k")


def test_a_kept_answer_belongs_to_the_one_workspace_in_which_its_act_was_checked(cast):
    from apps.workspaces.models import Membership

    Membership.objects.create(workspace=cast.rival, user=cast.owner, role=Role.TRAINER)

    assert both(cast, cast.acme).status_code == 200
    assert IdempotencyRecord.objects.get().workspace_id == cast.acme.pk
    IdempotencyRecord.objects.all().delete()
    assert both(cast, cast.acme, cast.rival).status_code == 200
    assert IdempotencyRecord.objects.get().workspace_id is None


@pytest.mark.parametrize(
    ("how", "status", "kept"), [("conflict", 409, False), ("invalid", 422, True), ("away", None, False)]
)
def test_only_a_refusal_of_what_was_asked_is_kept(how, status, kept, cast):
    if status is None:
        with pytest.raises(DatabaseError):
            ask(cast.owner, "fails", {"how": how}, key="k")
    else:
        assert ask(cast.owner, "fails", {"how": how}, key="k").status_code == status

    assert IdempotencyRecord.objects.exists() is kept


def test_a_refusal_without_a_key_is_kept_nowhere(cast):
    assert ask(cast.owner, "fails", {"how": "invalid"}).status_code == 422
    assert not IdempotencyRecord.objects.exists()


def test_a_secret_is_not_kept_and_its_retry_is_told_so(cast):
    assert ask(cast.owner, "secret_one", key="k").data == {"key": "clear"}
    assert IdempotencyRecord.objects.get().answer is None

    retry = ask(cast.owner, "secret_one", key="k")

    assert retry.status_code == 409
    assert "showed a secret" in retry.data["detail"]


def test_an_answer_that_is_no_secret_is_kept(cast):
    first, retry = (ask(cast.owner, "quick", key="k") for _ in range(2))

    assert (first.content, retry.content) == (b'{"done":1}', b'{"done":1}')
    assert IdempotencyRecord.objects.get().workspace_id == cast.acme.pk


def test_a_refusal_that_another_was_quicker_with_is_answered_with_the_others(cast, monkeypatch):
    real = idempotency.keep

    def be_late(attempt: Any, *given: Any) -> None:
        monkeypatch.setattr(idempotency, "keep", real)
        record = attempt.file()
        record.status, record.answer = 422, '{"first":true}'
        record.save()
        real(attempt, *given)

    monkeypatch.setattr(idempotency, "keep", be_late)

    answer = ask(cast.owner, "fails", {"how": "invalid"}, key="k")

    # The other's answer has no workspace to be checked in: it is this caller's own.
    assert (answer.status_code, answer.content) == (422, b'{"first":true}')
    assert answer["Idempotent-Replay"] == "true"
