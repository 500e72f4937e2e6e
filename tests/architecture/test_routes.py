"""Every route below the API declares who may use it; a new one without rules fails here."""

import uuid

import pytest
from django.urls.converters import IntConverter, PathConverter, SlugConverter, StringConverter, UUIDConverter
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from apps.algorithms.api.views import AlgorithmViewSet
from apps.core.permissions import Act
from apps.registry.models import RegisteredModel
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.selectors import access_of
from tests.access.routes import ROUTES
from tests.factories import make_model

PUBLIC = {"/api/v1/auth/token/", "/api/v1/schema/", "/api/v1/docs/", "/v2/", "/v2/health/live", "/v2/health/ready"}
SAMPLES: dict[type, str] = {
    UUIDConverter: str(uuid.UUID(int=7)), IntConverter: "1", SlugConverter: "x", StringConverter: "x", PathConverter: "x",
}  # fmt: skip


API_ROUTES = [
    (route.address({name: SAMPLES[type(converter)] for name, converter in route.converters.items()}), route.view)
    for route in ROUTES
    if route.is_api
]


def test_the_resolver_was_walked():
    assert len(API_ROUTES) > 45


@pytest.mark.parametrize(
    ("path", "view"), [r for r in API_ROUTES if r[0] not in PUBLIC], ids=lambda v: v if isinstance(v, str) else ""
)
def test_every_action_of_every_route_declares_an_act(path, view):
    acts = view.cls.acts

    for action in view.actions.values():
        assert isinstance(acts[action], Act), f"{path}: {action} has no act"


WITHOUT_WORKSPACES = {AlgorithmViewSet}  # the menu is the same for everybody


@pytest.mark.parametrize("path", [path for path, _view in API_ROUTES if path not in PUBLIC])
def test_every_route_holds_back_what_nobody_checked(path):
    view = dict(API_ROUTES)[path].cls

    assert issubclass(view, ScopedViewSet) or view in WITHOUT_WORKSPACES
    assert view.finalize_response is ScopedViewSet.finalize_response or view in WITHOUT_WORKSPACES


class Forgetful(ScopedViewSet):
    """Each action checks less than its act asks for."""

    queryset = RegisteredModel.objects.all()
    acts = {"all_names": Act.READ, "rename": Act.TRAIN, "wrong_act": Act.PROMOTE, "checks": Act.TRAIN, "lists": Act.READ}

    def all_names(self, request):
        return Response([model.name for model in RegisteredModel.objects.all()])

    def rename(self, request):
        self.get_queryset().update(name="renamed")
        return Response({})

    def wrong_act(self, request):
        self.access.require(Act.READ, self.get_queryset().first().workspace_id)
        return Response({})

    def checks(self, request):
        self.access.require(Act.TRAIN, self.get_queryset().first().workspace_id)
        return Response({})

    def lists(self, request):
        return Response([model.name for model in self.get_queryset()])


@pytest.mark.parametrize(
    ("action", "status"), [("all_names", 403), ("rename", 403), ("wrong_act", 403), ("checks", 200), ("lists", 200)]
)
def test_a_view_that_forgets_to_check_its_caller_is_closed(action, status, cast, caplog):
    make_model(cast.acme, name="secret plan")
    request = APIRequestFactory().post("/api/v1/forgetful/")
    force_authenticate(request, cast.owner, access_of(cast.owner))

    answer = Forgetful.as_view({"post": action})(request).render()

    assert answer.status_code == status
    assert (b"secret plan" in answer.content) == (action == "lists")
    assert ("never checked its act" in caplog.text) == (status == 403)


@pytest.mark.parametrize(
    "path", [path for path, view in API_ROUTES if path not in PUBLIC and "get" in getattr(view, "actions", {})]
)
def test_members_of_nothing_find_nothing(path, cast, api):
    answer = api(cast.nobody).get(path)

    if path.split("/")[3] in {"algorithms", "me"} or answer.status_code == 200:
        body = answer.json()
        assert body.get("results", []) == [] or "algorithms" in path
    else:
        assert answer.status_code in {403, 404}
