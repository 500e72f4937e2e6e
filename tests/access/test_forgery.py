"""What a browser can be made to send, and what a caller can say of itself: none of it opens a door."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.access.asking import encoded, noted_writes
from tests.access.routes import Route
from tests.access.rules import RULED, Form, address_of, doors, rule_of, sent_to
from tests.access.world import World

TAKEN_AWAY = [route for route in RULED if rule_of(route).doors.keys() & {"PATCH", "DELETE"}]
GUARDED = [route for route in RULED if not rule_of(route).is_public]


def first_of(route: Route, world: World) -> tuple[str, str]:
    """Return one method of a route, and where it stands for acme."""
    return next(iter(rule_of(route).doors)), address_of(route, world.acme)


@pytest.fixture(scope="module")
def strict(_world: World) -> Client:
    """Return a browser of the owner whose forms are looked at as in production."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(_world.cast.owner)
    return browser


@pytest.mark.parametrize(("route", "method"), doors(writing=True), ids=str)
def test_a_browser_writes_nothing_without_the_token_of_a_page(route, method, world, strict):
    body, kind = encoded(sent_to(route, method, world.acme))

    with noted_writes() as writes:
        answer = strict.generic(method, address_of(route, world.acme), body, kind)

    assert (answer.status_code, writes) == (403, [])


@pytest.mark.parametrize("name", ["dashboard:sign_in", "dashboard:sign_out", "set_language"])
def test_nor_does_another_site_sign_anybody_in_or_out(name, world, strict):
    answer = strict.post(reverse(name), {"username": "owner-of-rival", "password": "correct horse", "language": "fr"})

    assert answer.status_code == 403
    assert strict.session["_auth_user_id"] == str(world.cast.owner.pk)
    assert "django_language" not in answer.cookies


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("named", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
@pytest.mark.parametrize("route", TAKEN_AWAY, ids=str)
def test_a_header_does_not_make_another_method(route, named, method, ask, world):
    address, sends = address_of(route, world.acme), sent_to(route, method, world.acme)
    plain = ask("owner", method, address, sends, by_key=True)

    for other in ("DELETE", "PATCH"):
        if named == "_method":
            answer = ask("owner", method, f"{address}?_method={other}", Form(sends or {}, _method=other), by_key=True)
            assert answer.status in {plain.status, 415, 422}  # no form is read, and no such name
        else:
            answer = ask("owner", method, address, sends, by_key=True, **{named: other})
            assert answer.status == plain.status
        assert len(answer.writes) in {0, len(plain.writes)}


@pytest.mark.parametrize("place", ["query", "cookie", "header", "basic", "body"])
@pytest.mark.parametrize("route", [route for route in GUARDED if route.is_api], ids=str)
def test_a_key_counts_in_its_header_only(route, place, ask, world):
    key, headers, sends = world.keys["owner"], {}, None
    method, address = first_of(route, world)
    names = ("token", "key", "api_key", "access_token", "Authorization", "auth")
    if place == "query":
        address += "?" + "&".join(f"{name}={key}" for name in names)
    elif place == "cookie":
        headers["Cookie"] = "; ".join(f"{name}={key}" for name in (*names, "sessionid"))
    elif place == "header":
        headers |= {"X-API-Key": key, "X-Auth-Token": key, "Proxy-Authorization": f"Bearer {key}"}
    elif place == "basic":
        headers["Authorization"] = f"Basic {key}"
    else:
        sends = dict.fromkeys(names, key)

    answer = ask("anonymous", method, address, sends, by_key=True, **headers)

    assert (answer.status, answer.writes) == (401, [])
    assert key not in answer.body.decode()


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_user_who_is_switched_off_is_nobody(route, ask, world):
    world.cast.owner.is_active = False
    world.cast.owner.save()
    try:
        method, address = first_of(route, world)
        by_key = ask("owner", method, address, by_key=True)
        by_session = ask("owner", method, address, by_key=False)
    finally:
        world.cast.owner.is_active = True

    led_away = (302, f"/sign-in/?next={address}")
    for answer in (by_key, by_session):
        assert (answer.status, answer.headers.get("Location")) == (led_away if route.is_page else (401, None))
        assert answer.writes == []


@pytest.mark.parametrize("name", ["dashboard:home", "dashboard:sign_in", "model-list", "healthz", "docs", "admin:index"])
def test_an_address_that_is_not_ours_is_refused(name, ask):
    answer = ask("owner", "GET", reverse(name), by_key=name == "model-list", Host="evil.example")

    assert answer.status == 400
    assert b"<a " not in answer.body
    assert b"ALLOWED_HOSTS" not in answer.body
    assert "Location" not in answer.headers


def test_what_a_caller_says_of_the_host_changes_no_link(ask, world):
    says = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example", "X-Original-URL": "//evil.example/"}
    says |= {"Forwarded": "host=evil.example", "X-Forwarded-Port": "666", "X-Rewrite-URL": "//evil.example/"}

    listed = ask(
        "owner", "GET", f"{reverse('member-list', args=[world.acme.workspace.pk])}?page_size=1", by_key=True, **says
    )
    led_away = ask("anonymous", "GET", reverse("dashboard:model", args=[world.acme.model.pk]), by_key=False, **says)
    page = ask("owner", "GET", reverse("dashboard:model", args=[world.acme.model.pk]), by_key=False, **says)

    assert listed.json["next"].startswith("http://testserver/api/v1/")
    assert led_away.headers["Location"].startswith("/sign-in/")
    assert not any(b"evil" in answer.body or "evil" in str(answer.headers) for answer in (listed, led_away, page))
