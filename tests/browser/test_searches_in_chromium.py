"""A search for better settings in a real browser: asked for, watched while it goes on, and read on any screen."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.browser.conftest import does_not_scroll_sideways, shoot, tables_cut_off
from tests.browser.test_pages_in_chromium import LOOKS
from tests.journeys.running import RunningPlatform, wait_for

QUICK = {"n_estimators": 20, "early_stopping_rounds": 5}


@pytest.fixture(scope="module")
def api(platform: RunningPlatform) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {platform.facts['api_key']}"}
    with httpx.Client(base_url=f"{platform.url}/api/v1", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def campaign(api: httpx.Client, platform: RunningPlatform) -> dict[str, Any]:
    """Start a search for a model of its own."""
    data = api.get("/datasets/").json()["results"][0]["id"]
    demo = next(one for one in api.get("/models/").json()["results"] if one["task"] == "classification")
    same = {name: demo[name] for name in ("task", "target", "features")}
    asked = {**same, "name": "Searched", "algorithm": "xgboost", "parameters": QUICK}
    model = api.post("/models/", json={"workspace": platform.facts["workspace"], **asked}).json()
    search = {"seconds": 120, "trials": 16}
    started: dict[str, Any] = api.post(f"/models/{model['id']}/train/", json={"dataset": data, "search": search}).json()
    return started


def test_the_field_fits_the_algorithm(visit):
    page = visit()
    page.goto("/models/new/")
    time = page.locator("[name=search]")
    assert page.locator("[name=algorithm]:checked").get_attribute("value") != "auto"
    assert time.input_value() == ""

    page.check("[name=algorithm][value=auto]")
    assert time.input_value() == "60"
    page.check("[name=algorithm][value=random_forest]")
    assert time.input_value() == ""  # it was not asked for
    time.select_option("300")
    page.check("[name=algorithm][value=auto]")
    page.check("[name=algorithm][value=random_forest]")
    assert time.input_value() == "300"
    page.check("[name=task][value=anomaly]")
    assert not time.is_visible()
    page.check("[name=task][value=forecast]")
    page.check("[name=algorithm][value=auto]")
    page.click("#advanced summary")
    assert page.locator("[name='auto.horizon']").is_visible()
    page.check("[name=task][value=classification]")
    page.check("[name=algorithm][value=auto]")
    assert not page.locator("[name='auto.horizon']").is_visible()


def test_the_table_of_trials_goes_on_by_itself(visit, campaign):
    page = visit()
    page.goto(f"/campaigns/{campaign['id']}/")
    rows, folded, has_ended = (page.locator(f"#trials {one}") for one in ("tbody tr", "details", "form"))
    wait_for(lambda: rows.count() >= 2, seconds=90, what="the first trials")
    page.evaluate("window.isSamePage = true")
    before = rows.count()

    wait_for(lambda: rows.count() > before, seconds=90, what="another trial")
    assert page.evaluate("window.isSamePage")
    wait_for(lambda: folded.count() == 1, seconds=90, what="more trials than are shown")
    page.click("#trials summary")
    before = rows.count()
    wait_for(lambda: rows.count() > before or has_ended.count(), seconds=90, what="another trial below")
    assert folded.get_attribute("open") is not None or has_ended.count()

    wait_for(has_ended.count, seconds=120, what="the end")
    assert page.locator("#trials tr.best .badge").inner_text() == "chosen"
    assert page.evaluate("window.isSamePage") is None  # the page of an ended campaign is another one


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
def test_what_a_search_shows_fits(visit, api, campaign, language, scheme, width):
    wait_for(
        lambda: api.get(f"/campaigns/{campaign['id']}/").json()["status"] == "completed", seconds=180, what="the search"
    )
    page = visit(language=language, scheme=scheme, width=width)
    model = f"/models/{campaign['model']}/"
    cut_off = []

    for name, address in {
        "search": f"/campaigns/{campaign['id']}/",
        "search-version": f"{model}versions/1/",
        "search-again": f"{model}train/",
    }.items():
        page.goto(address)
        if name == "search":
            page.wait_for_selector("#curve canvas")
            page.click("#trials summary")
        shoot(page, f"{name}-{language}-{scheme}-{width}")
        cut_off += [] if does_not_scroll_sideways(page) else [name]
        cut_off += [f"{name}: {heading}" for heading in tables_cut_off(page)]
    assert cut_off == []
