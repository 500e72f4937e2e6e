"""Texts that would be code, or would break a line: shown, stored and logged as what they are."""

import logging
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from apps.core import clock
from apps.datasets.models import DatasetVersion
from apps.registry.models import Alias, ModelVersion
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.workspaces.models import AuditEntry, IdempotencyRecord
from tests.access.rules import address_of, called, doors, reads, sent_to
from tests.access.world import HOSTILE, MARK, World
from tests.dashboard.reading import Page

BROKEN = "One\r\nSet-Cookie: zq=1\r\nX-Forged: 1\r\n\r\n2026-01-01 00:00:00,000 ERROR zq forged line"
PAGES = [route for route in reads() if route.is_page]


@pytest.fixture
def hostile(world) -> World:
    """Put markup also into what a training, a check and a promotion say."""
    campaign = TrainingCampaign.objects.get(pk=world.acme.campaign.pk)
    Alias.objects.filter(model=world.acme.model).update(reason=HOSTILE)
    TrainingCampaign.objects.filter(pk=campaign.pk).update(
        status="failed", error=f"{HOSTILE} error", stage=HOSTILE[:40], finished_at=clock.now()
    )
    TrainingEvent.objects.filter(campaign=campaign).update(message=HOSTILE)
    fault = {"row": 1, "column": HOSTILE, "code": "x", "detail": HOSTILE}
    refused = DatasetVersion.objects.get(pk=world.acme.version.pk)
    refused.pk, refused.number, refused.status, refused.table_path = None, 2, "refused", ""
    refused.problems, refused.warnings = [fault], [fault]
    refused.save(force_insert=True)
    for version in ModelVersion.objects.filter(model=world.acme.model):
        warnings = {**version.evaluation, "warnings": [HOSTILE]}
        ModelVersion.objects.filter(pk=version.pk).update(evaluation=warnings)
    AuditEntry.objects.create(
        workspace=world.acme.workspace, verb=HOSTILE, target_type="x", target_id="x", details={"name": HOSTILE}
    )
    IdempotencyRecord.objects.create(user=world.cast.owner, key=HOSTILE, route=HOSTILE, request_sha256="0" * 64)
    return world


def elements_of_others(answer: Any) -> list[str]:
    """Return the elements that no template of ours made, and scripts that are written into a page."""
    page = Page(answer)
    scripts = [s.attributes for s in page.all("script") if not s.get("src") and s.get("type") != "application/json"]
    hidden = [
        element.attributes for element in page.elements if any(name.startswith(("zq", "on")) for name in element.attributes)
    ]
    return [
        *(element.tag for element in page.elements if element.tag == "zq-x"),
        *map(str, scripts),
        *map(str, hidden),
        *page.faults,
    ]


VARIANTS = {
    "dashboard:dataset": ["", "?version=1", "?version=2"],
    "dashboard:models": ["", "?archived=1"],
    "dashboard:compare": ["", "?first=1&second=2"],
    "dashboard:new_model": ["", "?dataset={dataset}"],
}


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_markup_in_any_text_stays_text_on_every_page(route, ask, hostile):
    browser = ask.browser("owner")  # who is shown the most
    for variant in VARIANTS.get(route.name, [""]):
        answer = browser.get(address_of(route, hostile.acme) + variant.format(dataset=hostile.acme.version.dataset_id))
        assert answer.status_code == 200
        assert elements_of_others(answer) == []
        assert MARK in answer.content.decode()


TEXTS = {"name", "description", "reason"}  # what people write freely in bodies; the rest is chosen


def saying(text: str, sends: dict[str, Any] | None, names: set[str]) -> dict[str, Any]:
    """Return a body that says this in these of its fields."""
    return type(sends or {})({**(sends or {}), **{name: text for name in sends or {} if name in names}})


FORMS = [route for route, method in doors(writing=True) if route.is_page and method == "POST"]
CHOSEN = {"dataset", "algorithm", "task", "target", "seed", "role", "scope"}


@pytest.mark.parametrize("names", [TEXTS, TEXTS | CHOSEN], ids=["taken", "refused"])
@pytest.mark.parametrize("route", FORMS, ids=str)
def test_markup_stays_text_in_what_a_form_is_answered_with(route, names, ask, hostile):
    given = saying(HOSTILE, sent_to(route, "POST", hostile.acme), names)

    answer = ask.browser("owner").post(address_of(route, hostile.acme), given, follow=True)

    assert answer.status_code in {200, 422}
    assert elements_of_others(answer) == []


@pytest.mark.parametrize("kind", ["changelist", "change", "history"])
def test_markup_stays_text_in_the_admin(kind, ask, hostile):
    User.objects.filter(pk=hostile.cast.owner.pk).update(is_staff=True, is_superuser=True)
    browser, seen = ask.browser("owner"), 0
    for model in admin.site._registry:
        rows = sorted(model._default_manager.all(), key=lambda row: MARK not in str(vars(row)))
        for row in rows[:1]:
            named = [] if kind == "changelist" else [row.pk]
            answer = browser.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=named))
            assert answer.status_code == 200
            assert "<zq-x" not in answer.content.decode()
            seen += MARK in answer.content.decode()

    assert seen > 3


@pytest.mark.parametrize("name", ["dataset-download", "batch-download", "version-artifact"])
def test_a_file_of_a_client_is_saved_not_shown(name, ask, world):
    route = called(name)

    answer = ask("viewer", "GET", address_of(route, world.acme), by_key=False)

    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Type"] in {"application/octet-stream", "text/csv; charset=utf-8"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def forged_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.text.splitlines() if line.startswith("2026-01-01")]


@pytest.mark.parametrize(("route", "method"), doors(writing=True), ids=str)
def test_a_line_break_in_a_text_begins_no_header_and_no_line_of_the_log(route, method, ask, world, caplog):
    caplog.set_level(logging.DEBUG)

    given = saying(BROKEN, sent_to(route, method, world.acme), TEXTS)

    answer = ask("owner", method, address_of(route, world.acme), given, by_key=not route.is_page)

    assert answer.status < 500
    assert "X-Forged" not in answer.headers
    assert not any("\n" in value for value in answer.headers.values())
    assert forged_lines(caplog) == []


HEADERS = [
    "Referer", "HX-Current-URL", "Accept-Language", "User-Agent", "X-Forwarded-For", "Idempotency-Key", "Last-Event-ID",
    "Accept", "Authorization", "HX-Request", "Content-Language", "If-None-Match", "Range",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(
    "name", ["model-train", "model-predict", "campaign-events", "dashboard:try_model", "dashboard:home"]
)
def test_nor_does_one_in_a_header(header, name, ask, world, caplog):
    caplog.set_level(logging.DEBUG)
    route = called(name)
    method = "POST" if name in {"model-train", "model-predict", "dashboard:try_model"} else "GET"

    for caller in ("owner", "anonymous"):
        sends, by_key = sent_to(route, method, world.acme), not route.is_page
        answer = ask(caller, method, address_of(route, world.acme), sends, by_key=by_key, **{header: f"x{BROKEN}"})
        assert answer.status < 500
        assert "X-Forged" not in answer.headers
    assert forged_lines(caplog) == []


@pytest.mark.parametrize(
    "place", ["/api/v1/nothing/{}", "/nothing/{}", "/api/v1/predictions/{}/", "/models/?page={}", "/sign-in/?next={}"]
)
def test_nor_does_one_in_an_address(place, ask, caplog):
    caplog.set_level(logging.DEBUG)

    answer = ask("owner", "GET", place.format(quote(BROKEN)), by_key=place.startswith("/api"))

    assert answer.status in {200, 302, 404, 422}
    assert "X-Forged" not in answer.headers
    assert forged_lines(caplog) == []
