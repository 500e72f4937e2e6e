"""A platform with its demo data, and a real Chromium that looks at it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.running import RunningPlatform, free_port, wait_for

SHOTS = Path(__file__).parent / "shots"
_QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here: slow, and in need of a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def chromium_path() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine")
    pytest.importorskip("playwright")
    return found


@pytest.fixture(scope="session")
def platform(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """Start a platform as a newcomer does, demo data and all."""
    running = RunningPlatform(
        tmp_path_factory.mktemp("browser"),
        from_nothing=True,
        MLPLATFORM_ALGORITHM_PACKAGES="tests.journeys.algorithms",
        TIME_ZONE="Europe/Paris",
    )
    try:
        running.start("--port", str(free_port()))
        headers = {"Authorization": f"Bearer {running.facts['api_key']}"}

        def is_trained() -> bool:
            models = httpx.get(f"{running.url}/api/v1/models/", headers=headers).json()["results"]
            return len(models) == 2 and all(model["champion"] for model in models)

        wait_for(is_trained, seconds=180, what="the demo models")
        train_again(running, headers)
        answer_some(running, headers)
        yield running
    finally:
        running.end()


def train_again(running: RunningPlatform, headers: dict[str, str]) -> None:
    """Give the demo's classifier a second version, so that there are two to compare."""
    api = httpx.Client(base_url=f"{running.url}/api/v1", headers=headers, timeout=30)
    models = api.get("/models/").json()["results"]
    model = next(one for one in models if one["task"] == "classification")
    dataset = api.get("/datasets/").json()["results"][0]
    campaign = api.post(f"/models/{model['id']}/train/", json={"dataset": dataset["id"], "seed": 1}).json()
    is_over = lambda: api.get(f"/campaigns/{campaign['id']}/").json()["status"] == "completed"  # noqa: E731
    wait_for(is_over, seconds=180, what="the second version")


def answer_some(running: RunningPlatform, headers: dict[str, str]) -> None:
    """Have the demo's classifier answer rows, so that there is something to review."""
    api = httpx.Client(base_url=f"{running.url}/api/v1", headers=headers, timeout=30)
    model = next(one for one in api.get("/models/").json()["results"] if one["task"] == "classification")
    dataset = api.get("/datasets/").json()["results"][0]
    learned = {column["name"] for column in dataset["columns"]} - {"retard_jours", "en_retard"}
    preview = api.get(f"/datasets/{dataset['id']}/preview/").json()["rows"][:12]
    rows = [{name: value for name, value in row.items() if name in learned} for row in preview]
    answer = api.post(f"/models/{model['id']}/predict/", json={"data": rows})
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Any]:
    """Start Chromium; for a module only, since its event loop would be in the way of others' database calls."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def known() -> list[Any]:
    """Hold the cookies of the first who signed in: signing in for every test would be slowed down as guessing."""
    return []


@pytest.fixture
def visit(chromium: Any, platform: RunningPlatform, known: list[Any]) -> Iterator[Callable[..., Any]]:
    """Return an opener of windows, signed in; what a window's console complains of fails the test."""
    windows, complaints = [], []

    def opener(*, language: str = "en", scheme: str = "light", width: int = 1280, signed_in: bool = True) -> Any:
        context = chromium.new_context(
            base_url=platform.url,
            locale={"en": "en-GB", "fr": "fr-FR"}[language],
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            timezone_id="Europe/Paris",
            device_scale_factor=1,
        )
        windows.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(20_000)
        page.complaints = complaints
        if signed_in and not known:
            sign_in(page, platform)
            known.extend(context.cookies())
        elif signed_in:
            context.add_cookies(known)
        return page

    yield opener
    for context in windows:
        context.close()
    assert complaints == []


def sign_in(page: Any, platform: RunningPlatform) -> None:
    page.goto("/")
    page.fill("[name=username]", platform.facts["username"])
    page.fill("[name=password]", platform.facts["password"])
    page.click("main button.primary")
    page.wait_for_url(f"{platform.url}/")


def shoot(page: Any, name: str) -> None:
    """Keep a picture of the whole page, for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def does_not_scroll_sideways(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def tables_cut_off(page: Any) -> list[str]:
    """Return the headings of tables that are wider than their place; somebody's own rows may be, and say that they scroll."""
    found: list[str] = page.evaluate("""
        [...document.querySelectorAll(".scroll:not([tabindex])")].filter((place) => place.scrollWidth > place.clientWidth + 4)
          .map((place) => place.closest("section").querySelector("h2")?.textContent ?? "")
    """)
    return found
