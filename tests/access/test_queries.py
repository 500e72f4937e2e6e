"""Query strings made up to find more, to break something, or to cost something."""

import pickle

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from apps.workspaces.models import AuditEntry
from mlplatform.celery import app
from tests.access.described import PARAMETERS, shape
from tests.access.routes import Route
from tests.access.rules import address_of, doors, reads, rule_of

LISTS = [
    "my-key-list",
    "workspace-list",
    "dataset-list",
    "campaign-list",
    "batch-list",
    "model-list",
    "detection-list",
    "alert-list",
    "channel-list",
]
ODD = [
    "",
    "abc",
    "%00",
    "%ff",
    "-1",
    "0",
    "1e99",
    "9" * 30,
    "NaN",
    "../../etc/passwd",
    "%27%20OR%201=1--",
    "[]",
    "%0d%0aX-Forged:1",
]
OF_PAGES = [
    "workspace",
    "dataset",
    "page",
    "version",
    "first",
    "second",
    "archived",
    "search",
    "model",
    "status",
    "order",
    "hidden",
    "rule",
    "acknowledged",
]
DIGGING = [
    "user__password__startswith={digest}", "workspace__memberships__user__password__startswith={digest}",
    "created_by__password__contains={digest}", "model__workspace__memberships__user__email__icontains=rival",
    "_connector=OR", "_negated=True", "pk__isnull=False", "id__gt=0", "workspace__isnull=False", "workspace!=0",
    "ordering=user__password", "ordering=-workspace__memberships__user__password", "ordering=?", "ordering=pk)--",
    "search=a", "fields=password", "expand=user", "include=workspace.memberships", "format=api", "limit=-1", "offset=1000000000000",
]  # fmt: skip


def queries_for(route: Route) -> list[str]:
    """Return odd values of each parameter that a route takes (all at once on a page, which takes any), and digging ones."""
    if route.is_page:
        return ["&".join(DIGGING), *("&".join(f"{name}={value}" for name in OF_PAGES) for value in ODD)]
    return [*DIGGING, *(f"{name}={value}" for name in PARAMETERS[shape(route.pattern)] for value in ODD)]


@pytest.mark.parametrize("route", reads(), ids=str)
def test_no_query_breaks_a_route_or_tells_of_a_password(route, ask, world):
    address = address_of(route, world.acme)
    digest = User.objects.get(pk=world.cast.owner.pk).password
    wrong = []
    for query in queries_for(route):
        answer = ask("owner", "GET", f"{address}?{query.format(digest=digest[:4])}", by_key=not route.is_page)
        told = answer.body.decode("utf-8", "replace")
        if answer.status not in {200, 302, 400, 404, 409, 422} or answer.writes or "X-Forged" in answer.headers:
            wrong.append(f"{query}: {answer.status} {answer.writes}")
        if digest in told or "Traceback" in told:
            wrong.append(f"{query} tells {told[:300]}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", LISTS)
def test_digging_through_relations_finds_nothing_that_was_not_there(name, ask, world):
    def ids(query: str) -> list[str] | None:
        answer = ask("viewer", "GET", f"{reverse(name)}?{query}", by_key=True)
        return [row["id"] for row in answer.json["results"]] if answer.status == 200 else None

    digest = User.objects.get(pk=world.cast.viewer.pk).password[:4]
    plain = ids("")
    assert plain
    for text in DIGGING:
        found = [ids(text.format(digest=guess)) for guess in (digest, "zzzz")]
        assert found[0] == found[1], f"{text} tells a right guess from a wrong one"
        assert found[0] in (None, plain)
    assert ids("ordering=user__password") is None


def test_a_page_has_at_most_two_hundred_rows_whatever_is_asked_for(ask, world):
    AuditEntry.objects.bulk_create(AuditEntry(workspace=world.acme.workspace, verb="x", target_type="x") for _ in range(220))
    address = reverse("audit-list", args=[world.acme.workspace.pk])

    for size in ("201", "1000000000"):
        answer = ask("owner", "GET", f"{address}?page_size={size}", by_key=True)
        assert answer.status == 422 or len(answer.json["results"]) == 200
    for page in ("-1", "0", "abc", "1000000000000", "1e99"):
        assert ask("owner", "GET", f"{address}?page={page}", by_key=True).status in {404, 422}


KINDS = ["application/x-python-serialize", "application/x-pickle", "application/xml", "application/x-yaml", "text/html"]
KINDS += ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-7"]
BODIES = [(route, method) for route, method in doors(of_api=True, writing=True) if rule_of(route).doors[method].sends]


@pytest.mark.parametrize(("route", "method"), BODIES, ids=str)
def test_a_body_of_another_kind_is_not_read(route, method, ask, world):
    client, key = ask.browser("anonymous"), {"authorization": f"Bearer {world.keys['owner']}"}
    for kind in KINDS:
        answer = client.generic(method, address_of(route, world.acme), pickle.dumps({"name": "New"}), kind, headers=key)
        assert answer.status_code in {400, 415, 422}, kind
        assert answer["Content-Type"] == "application/problem+json"


def test_a_pickle_is_no_message_for_a_worker():
    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps([]), "application/x-python-serialize", "binary", accept=app.conf.accept_content)
