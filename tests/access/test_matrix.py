"""Every route, every method, every caller: an answer as `rules` says, and nothing written or told to who may not."""

from typing import Any

import pytest

from apps.core.middleware import POLICY, page_above
from apps.workspaces.recent_keys import recent_keys
from tests.access.asking import Asked, Asking
from tests.access.routes import ROUTES, Route
from tests.access.rules import (
    CALLERS,
    METHODS,
    OPEN_IN_ADMIN,
    RULED,
    RULES,
    SAFE,
    UNKNOWN,
    Reach,
    Rule,
    address_of,
    ghost,
    ids_of,
    rule_of,
    sent_to,
)
from tests.access.world import MARK, World

OF_ADMIN = [route for route in ROUTES if route.is_admin]


def test_ids_in_addresses_cannot_be_counted_through():
    counted = {
        (route.name, name) for route in RULED for name, converter in route.converters.items() if converter.regex == "[0-9]+"
    }

    within_what_a_member_names = {(name, "number") for name, _ in counted}
    members = {(name, "pk") for name in ("member-detail", "dashboard:member_role", "dashboard:remove_member")}
    assert counted <= within_what_a_member_names | members


def test_every_route_has_a_rule_and_every_rule_a_route():
    assert {route.name for route in ROUTES if not route.is_admin} == RULES.keys()
    assert len(RULES) > 85


def expected(route: Route, rule: Rule, method: str, caller: str) -> int:
    """Return the status that a caller is to get."""
    door = rule.door(method)
    if door is None and (route.is_page or rule.is_public):
        return 302 if method in {"GET", "HEAD"} and not route.is_api else 405
    if caller in UNKNOWN and not (door and door.reach is Reach.ANYBODY):
        return 302 if route.is_page else 401
    return 405 if door is None else door.status_for(caller)


def is_refused(rule: Rule, method: str, caller: str) -> bool:
    door = rule.door(method)
    if door is None or door.reach is Reach.ANYBODY:
        return door is None
    return caller in UNKNOWN or door.status_for(caller) != door.answers


def faults(route: Route, method: str, caller: str, ask: Asking, world: World) -> list[str]:
    """Return what is wrong with the answer that one caller gets."""
    rule, is_strange = rule_of(route), caller in {*UNKNOWN, "stranger"}
    door = rule.door(method)

    def asked(things: Any) -> tuple[Asked, str]:
        address = address_of(route, things)
        recent_keys.forget_all()
        return ask(caller, method, address, sent_to(route, method, things), by_key=not route.is_page), address

    (answer, address), wanted, found = asked(world.acme), expected(route, rule, method, caller), []
    if answer.status != wanted:
        found.append(f"{answer.status}, not {wanted}: {answer.body[:300]!r}")
    is_problem = answer.headers.get("Content-Type") == "application/problem+json"
    if route.is_api and route.name != "docs" and answer.status >= 400 and not is_problem:  # the docs are a page
        found.append(f"refuses as {answer.headers['Content-Type']}")
    if answer.writes and (method in SAFE or is_refused(rule, method, caller)):
        found.append(f"wrote {answer.writes}")
    if is_refused(rule, method, caller) or is_strange:
        found += leaks(answer, address)
    if is_strange and not rule.is_public and (door is None or door.reach is Reach.OBJECT):
        nobody_s = ghost()
        other, elsewhere = asked(nobody_s)
        if answer.without(address, *ids_of(world.acme)) != other.without(elsewhere, *ids_of(nobody_s)):
            found.append("is told apart from an id that nobody has")
        if answer.statements != other.statements:  # the same work takes the same time
            found.append(f"takes other work than an id that nobody has: {len(answer.statements)}, {len(other.statements)}")
    return [f"{method} by {caller}: {fault}" for fault in [*found, *unguarded(answer)]]


def leaks(answer: Asked, address: str) -> list[str]:
    """Return what an answer tells of acme besides what was asked for."""
    told = answer.body.decode("utf-8", "replace") + str(answer.headers)
    return [f"tells {MARK}"] if MARK in told.replace(address, "") else []


def unguarded(answer: Asked) -> list[str]:
    """Return the headers that guard a browser and are not there, and those that open the door to other sites."""
    wanted = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
    missing = [name for name, value in wanted.items() if answer.headers.get(name) != value]
    return [*missing, *(name for name in answer.headers if name.startswith("Access-Control-"))]


@pytest.mark.parametrize("route", RULED, ids=str)
def test_each_caller_gets_what_the_rule_says(route, ask, world):
    wrong = [fault for method in METHODS for caller in CALLERS for fault in faults(route, method, caller, ask, world)]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("route", [route for route in RULED if route.is_page], ids=str)
def test_whoever_has_no_session_is_led_to_the_sign_in_and_back(route, ask, world):
    rule = rule_of(route)
    address = address_of(route, world.acme)
    for method in ("GET", "POST"):
        door = rule.door(method)
        if door is None or door.reach is not Reach.ANYBODY:
            found = ask("anonymous", method, address, by_key=False).headers["Location"]
            assert found == (f"/sign-in/?next={address}" if door else page_above(address))


@pytest.mark.parametrize("route", OF_ADMIN, ids=str)
def test_nobody_without_staff_rights_gets_into_the_admin(route, ask, world):
    address = route.address(dict.fromkeys(route.converters, "1"))
    wrong = []
    for method in METHODS:
        for caller in CALLERS:
            answer = ask(caller, method, address, by_key=False)
            is_kept_out = answer.status in {403, 405} or answer.headers.get("Location", "").startswith("/admin/login/")
            if not is_kept_out and route.name not in OPEN_IN_ADMIN:
                wrong.append(f"{method} by {caller}: {answer.status} {answer.headers}")
            if answer.writes or leaks(answer, address) or answer.status >= 500:
                wrong.append(f"{method} by {caller}: {answer.status} {answer.writes}")

    assert not wrong, "\n".join(wrong)
