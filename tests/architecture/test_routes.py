"""Every route below the API declares who may use it; a new one without rules fails here."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, PathConverter, SlugConverter, StringConverter, UUIDConverter
from rest_framework.test import APIClient

from apps.core.permissions import Act

PUBLIC = {"/api/v1/auth/token/", "/api/v1/schema/", "/api/v1/docs/", "/v2/", "/v2/health/live", "/v2/health/ready"}
SAMPLES: dict[type, str] = {
    UUIDConverter: str(uuid.uuid4()), IntConverter: "1", SlugConverter: "x", StringConverter: "x", PathConverter: "x",
}  # fmt: skip


def routes(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path with sample values, view) of every route."""
    for item in (resolver or get_resolver()).url_patterns:
        path = prefix + str(item.pattern)
        for name, converter in getattr(item.pattern, "converters", {}).items():
            kind = next(k for k in path.split("<") if name + ">" in k)
            path = path.replace("<" + kind.split(">")[0] + ">", SAMPLES[type(converter)])
        if isinstance(item, URLResolver):
            yield from routes(item, path)
        elif isinstance(item, URLPattern):
            yield "/" + path, item.callback


API_ROUTES = [(path, view) for path, view in routes() if path.startswith(("/api/v1/", "/v2/"))]


def test_the_resolver_was_walked():
    assert len(API_ROUTES) > 45


@pytest.mark.parametrize(
    ("path", "view"), [r for r in API_ROUTES if r[0] not in PUBLIC], ids=lambda v: v if isinstance(v, str) else ""
)
def test_every_action_of_every_route_declares_an_act(path, view):
    acts = view.cls.acts

    for action in view.actions.values():
        assert isinstance(acts[action], Act), f"{path}: {action} has no act"


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("path", [path for path, _view in API_ROUTES if path not in PUBLIC])
def test_anonymous_callers_are_told_to_sign_in_everywhere(path, method):
    answer = getattr(APIClient(), method)(path)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


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
