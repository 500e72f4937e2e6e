"""Every page as a person sees it: both languages, both lights, wide and narrow; nothing cut off, nothing in the console."""

import re

import pytest

from tests.browser.conftest import does_not_scroll_sideways, shoot, tables_cut_off
from tests.journeys.running import wait_for
from tests.journeys.visitor import Visitor

PAGES = {
    "home": "/",
    "datasets": "/datasets/",
    "models": "/models/",
    "new-model": "/models/new/",
    "campaigns": "/campaigns/",
    "detections": "/detections/",
    "alerts": "/alerts/",
    "new-channel": "/alerts/channels/new/",
    "settings": "/settings/",
    "system": "/settings/system/",
    "members": "/settings/members/",
    "archived": "/models/?archived",
    "nowhere": "/nowhere/",
}
OF_A_MODEL = {
    "train": "train/", "edit": "edit/", "batches": "batches/", "compare": "compare/", "version": "versions/2/", "card": "versions/2/card/",
    "watch": "watch/", "policy": "policy/", "to-review": "review/",
}  # fmt: skip
LOOKS = [("en", "light", 1280), ("fr", "dark", 1280), ("fr", "light", 390), ("en", "dark", 390)]


def first_link(page, start: str, name: str) -> str:
    page.goto(start)
    return page.get_by_role("link", name=name).first.get_attribute("href")


@pytest.fixture(scope="module")
def lived_in(platform) -> None:
    """Let the demo's classifier be asked, judged by people, checked for drift and held beside its challenger."""
    visitor = Visitor(platform)
    oldest = {kind: visitor.get(f"{kind}/?ordering=created_at")["results"] for kind in ("models", "datasets")}
    model = next(one for one in oldest["models"] if one["task"] == "classification")
    schema = visitor.get(f"models/{model['id']}/versions/1/")["schema"]
    table = visitor.get(f"datasets/{oldest['datasets'][0]['id']}/preview/")
    held = {column["name"] for column in schema["columns"]}
    rows = [{name: value for name, value in row.items() if name in held} for row in table["rows"]]
    asked = visitor.post(f"models/{model['id']}/predict/", {"data": rows})
    said = [
        {"prediction": one, "correct": place % 4 > 0, "subject": f"s{place}"}
        for place, one in enumerate(asked["prediction_ids"])
    ]
    visitor.post(f"models/{model['id']}/feedback/many/", {"verdicts": said})
    visitor.call("PUT", f"models/{model['id']}/retraining_policy/", json={"age_days": 30, "drift": 0.2})
    visitor.post(f"models/{model['id']}/judge_challenger/")
    visitor.post(f"models/{model['id']}/traffic/", {"mode": "ab", "share": 0.2})
    check = visitor.post(f"models/{model['id']}/detect_drift/")["id"]
    done = lambda: visitor.get(f"models/{model['id']}/drift/{check}/")["status"] == "completed"  # noqa: E731
    wait_for(done, seconds=60, what="the check for drift")
    visitor.http.close()


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_every_page_fits_and_is_quiet(visit, platform, lived_in, language, scheme, width):
    page = visit(language=language, scheme=scheme, width=width)
    objects = {
        "model": first_link(page, "/models/", "Late payers"),
        "regression": first_link(page, "/models/", "Payment delay"),
        "campaign": first_link(page, "/campaigns/", "Late payers"),
        "dataset": first_link(page, "/datasets/", "Factures clients"),
    }
    objects["rules"] = f"/detections/rules/?model={objects['model'].split('/')[-2]}"
    of_model = {name: f"{objects['model']}{part}" for name, part in OF_A_MODEL.items()}
    cut_off = []
    for name, address in {**PAGES, **objects, **of_model}.items():
        answer = page.goto(address)
        assert answer.status == (404 if name == "nowhere" else 200)
        assert page.locator("html").get_attribute("lang") == language
        if name == "campaign":
            page.wait_for_selector("#curve canvas")
        if name == "watch":
            page.wait_for_selector("button[name=correct]")  # the list of what to review came
        shoot(page, f"{name}-{language}-{scheme}-{width}")
        if not does_not_scroll_sideways(page):
            cut_off.append(name)
        cut_off += [f"{name}: {heading}" for heading in tables_cut_off(page)]
    page.complaints[:] = [text for text in page.complaints if "404" not in text]
    assert cut_off == []


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS[:1] + LOOKS[2:3])
def test_the_sign_in_page(visit, platform, language, scheme, width):
    page = visit(language=language, scheme=scheme, width=width, signed_in=False)
    page.goto("/models/")
    assert re.search(r"/sign-in/\?next=/models/$", page.url)
    page.fill("[name=username]", "somebody")
    page.fill("[name=password]", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")

    shoot(page, f"sign-in-{language}-{scheme}-{width}")

    assert does_not_scroll_sideways(page)


def test_the_keyboard_reaches_the_content_first(visit, platform):
    page = visit()
    page.goto("/models/")

    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")

    assert skip == "#content"
    assert outline != "none"


def test_the_language_switch_needs_one_click_and_keeps_the_page(visit, platform):
    page = visit(language="en")
    page.goto("/models/")

    page.select_option("select[name=language]", "fr")
    page.wait_for_selector("html[lang=fr]")

    assert page.url == f"{platform.url}/models/"
    page.goto("/campaigns/")
    assert page.locator("html").get_attribute("lang") == "fr"


def test_without_script_the_pages_still_work(chromium, platform):
    context = chromium.new_context(base_url=platform.url, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto("/")
    page.fill("[name=username]", platform.facts["username"])
    page.fill("[name=password]", platform.facts["password"])
    page.click("main button.primary")
    page.goto("/models/")
    page.click("text=Late payers")

    page.get_by_role("button", name="Predict").click()

    assert page.get_by_role("heading", name="Why").is_visible()
    context.close()
