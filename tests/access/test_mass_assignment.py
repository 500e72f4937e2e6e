"""A body that says more than it may: every field that any table has, sent to every door that writes."""

import datetime as dt
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from tests.access.described import WRITABLE, shape
from tests.access.rules import Form, address_of, doors, sent_to
from tests.access.world import World

FORGED, FORGED_NUMBER, FORGED_DAY = "zq-forged", 987_654_321, dt.datetime(1999, 1, 1, tzinfo=dt.UTC)
MORE = ["owner", "accuracy", "sha256", "members", "permissions", "roles", "champion", "challenger", "is_admin", "version_id"]
PRIVILEGED = {
    "id", "owner", "user", "user_id", "created_by", "created_by_id", "set_by", "status", "metrics", "baseline", "evaluation",
    "accuracy", "signature", "manifest", "manifest_sha256", "key_sha256", "prefix", "revoked_at", "created_at", "archived_at",
    "is_staff", "is_superuser", "is_active", "champion", "challenger", "folder", "table_path", "upload_path", "token", "slug",
}  # fmt: skip
SENDING = [(route, method) for route, method in doors(writing=True) if method != "DELETE"]


def forged_fields(world: World) -> dict[str, Any]:
    """Return every column of every table, with a value that can be told again."""
    found: dict[str, Any] = dict.fromkeys(MORE, FORGED)
    for model in apps.get_models():
        if model._meta.app_label == "auth" or model.__module__.startswith("apps."):
            for field in model._meta.concrete_fields:
                found |= dict.fromkeys((field.name, field.attname), _forged(field, world))
    return found


def _forged(field: Any, world: World) -> Any:
    if isinstance(field, models.ForeignKey):
        known = {"Workspace": world.rival.workspace.pk, "User": world.cast.stranger.pk}
        return str(known.get(field.related_model.__name__, FORGED_NUMBER))
    if isinstance(field, models.BooleanField):
        return True
    if isinstance(field, models.IntegerField | models.FloatField):
        return FORGED_NUMBER
    if isinstance(field, models.DateTimeField):
        return FORGED_DAY.isoformat()
    return FORGED


@pytest.mark.parametrize(("route", "method"), SENDING, ids=str)
def test_no_field_is_written_but_those_that_the_door_is_for(route, method, ask, world):
    good = sent_to(route, method, world.acme) or {}
    own = set(good) | (set() if route.is_page else WRITABLE[method, shape(route.pattern)])
    extra = {name: value for name, value in forged_fields(world).items() if name not in own}
    address, kind = address_of(route, world.acme), Form if isinstance(good, Form) or route.is_page else dict

    plain = ask("owner", method, address, sent_to(route, method, world.acme), by_key=not route.is_page)
    forged = ask("owner", method, address, kind(sent_to(route, method, world.acme) or {}, **extra), by_key=not route.is_page)

    assert len(extra) > 60
    assert forged.status in {plain.status, 422}
    told = str([params for _, params in forged.writes])
    rival = (str(world.rival.workspace.pk), world.rival.workspace.pk.hex)
    assert not [value for value in (FORGED, str(FORGED_NUMBER), "1999-01-01", *rival) if value in told]
    if forged.writes:  # else it was refused, which a page says by leading back
        assert flags(forged.writes) == flags(plain.writes)


def flags(writes: list[tuple[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Return the statements with what they say yes or no to."""
    return [(sql, [value for value in params if isinstance(value, bool)]) for sql, params in writes]


_VERDICTS = {
    ("PATCH", "/api/v1/detections/{}/"),
    ("POST", "/api/v1/detections/review/"),
}  # their status is what a person says


def test_the_description_offers_nothing_that_only_the_platform_may_say():
    offered = {(door, name) for door, names in WRITABLE.items() for name in names & PRIVILEGED}
    offered -= {(door, "status") for door in _VERDICTS}

    assert offered == set()
    assert WRITABLE["PATCH", "/api/v1/models/{}/"].isdisjoint({"workspace", "workspace_id"})
    assert any("name" in names for names in WRITABLE.values())


def test_every_body_of_the_api_is_described():
    undescribed = [
        (route.name, method) for route, method in SENDING if route.is_api and (method, shape(route.pattern)) not in WRITABLE
    ]

    assert undescribed == []
