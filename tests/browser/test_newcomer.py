"""What a newcomer does: upload, train, watch the curve move, ask, see why."""

import re

import pytest

from tests.browser.conftest import does_not_scroll_sideways, shoot
from tests.journeys.running import wait_for
from tests.journeys.tables import as_csv, as_french_csv, invoices


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "clients été.csv"
    path.write_bytes(as_french_csv(invoices(600, seed=4)))
    return path


def start_training(page, *, name: str, dataset: str, algorithm: str = "patient_forest", **parameters: str) -> None:
    """Fill in the form; the patient forest takes its time, so that it can be watched."""
    page.goto("/models/new/")
    option = page.locator("select[name=dataset] option", has_text=re.compile(f"^{re.escape(dataset)} · "))
    page.select_option("select[name=dataset]", option.get_attribute("value"))
    page.wait_for_load_state()
    page.select_option("select[name=target]", "En retard")
    page.check(f"input[name=algorithm][value={algorithm}]")
    page.fill("input[name=name]", name)
    page.click("#advanced summary")
    for parameter, value in parameters.items():
        page.fill(f"[name='{algorithm}.{parameter}']", value)
    page.click("button[name=start]")
    page.wait_for_selector("#campaign")


def test_from_a_file_to_an_answer_with_reasons(visit, platform, file):
    page = visit()
    page.goto("/datasets/")
    page.set_input_files("input[type=file]", file)
    page.fill("input[name=name]", "Clients")
    page.get_by_role("button", name="Upload").click()
    page.wait_for_selector("text=What the columns hold")
    assert page.get_by_text("clients été.csv").first.is_visible()
    shoot(page, "journey-1-dataset")

    start_training(page, name="Late again", dataset="Clients", algorithm="random_forest", n_estimators="2000")
    page.wait_for_selector("#campaign[data-live=websocket]")
    page.wait_for_selector("#curve canvas")
    assert page.locator("h1 .badge.training").is_visible()  # the curve moves while it learns
    shoot(page, "journey-2-training")
    page.reload()
    page.wait_for_selector("#curve canvas")
    page.wait_for_selector("h1 .badge.completed", timeout=60_000)
    page.get_by_role("link", name="See the model").click()

    page.fill("[name='row.Montant HT']", "12 500,5")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("#answer .value")
    assert page.locator("#answer .value").inner_text() in {"Oui", "Non", "true", "false"}
    assert page.locator("#answer svg.signed").count() >= 3
    shoot(page, "journey-3-answer")
    page.fill("[name='row.Montant HT']", "a lot")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("#answer .note.bad")
    assert "Montant HT" in page.locator("#answer .note.bad").inner_text()


@pytest.mark.parametrize(("blocked", "way"), [("sockets", "events"), ("both", "polling")])
def test_a_campaign_is_watched_through_whatever_the_network_lets_by(visit, platform, blocked, way):
    page = visit()
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    if blocked == "both":
        page.route("**/events/**", lambda route: route.abort())
    upload(page, platform, as_french_csv(invoices(400, seed=5)), name=f"For {way}")

    start_training(page, name=f"Watched by {way}", dataset=f"For {way}", seconds="10", n_estimators="60")

    page.wait_for_selector(f"#campaign[data-live={way}]", timeout=30_000)
    page.wait_for_selector("h1 .badge.completed", timeout=60_000)
    if blocked == "both":
        page.complaints[:] = [text for text in page.complaints if "ERR_FAILED" not in text]


def test_a_training_can_be_stopped_from_its_page(visit, platform):
    page = visit()
    upload(page, platform, as_french_csv(invoices(400, seed=6)), name="To be stopped")
    start_training(page, name="Stopped", dataset="To be stopped", seconds="60", n_estimators="60")
    page.wait_for_selector("#campaign[data-live=websocket]")

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("h1 .badge.cancelled", timeout=60_000)

    page.get_by_role("button", name="Cancel").wait_for(state="detached")
    shoot(page, "campaign-cancelled")


def test_a_refused_file_is_shown_by_rows(visit, platform, tmp_path):
    page = visit(width=390)
    path = tmp_path / "broken.csv"
    path.write_bytes(b"a,b\n1,2\n1,2,3\n4,5\n6,7,8,9\n")
    page.goto("/datasets/")
    page.set_input_files("input[type=file]", path)

    page.get_by_role("button", name="Upload").click()
    page.wait_for_selector("text=The file was refused")

    shoot(page, "refused-en-light-390")
    assert does_not_scroll_sideways(page)
    assert page.locator("tbody tr").count() >= 2


def test_names_that_would_be_code_are_shown_as_they_are(visit, platform):
    page = visit()
    rows = [
        {
            "<img src=x onerror=alert(1)>": i % 7,
            "__proto__": i % 3,
            "En retard": "<script>alert(2)</script>" if i % 2 else "no",
        }
        for i in range(120)
    ]
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    upload(page, platform, as_csv(rows), name="<script>alert(3)</script>")
    start_training(
        page, name='"><img src=x onerror=alert(4)>', dataset="<script>alert(3)</script>", seconds="3", n_estimators="60"
    )
    page.wait_for_selector("h1 .badge.completed", timeout=60_000)
    page.get_by_role("link", name="See the model").click()

    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("#answer .value")

    assert page.locator("#answer .value").inner_text() in {"<script>alert(2)</script>", "no"}
    for address in ("/", "/datasets/", "/models/", "/campaigns/"):
        page.goto(address)


def test_a_key_is_made_copied_and_used(visit, platform):
    import httpx

    page = visit()
    page.goto("/settings/")
    page.fill("input[name=name]", "from the page")
    page.get_by_role("button", name="Make a key").click()
    clear = page.locator(".note.success pre").inner_text().strip()
    shoot(page, "settings-new-key")

    address, headers = f"{platform.url}/api/v1/me/", {"Authorization": f"Bearer {clear}"}
    assert httpx.get(address, headers=headers).status_code == 200
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("tr", has_text="from the page").get_by_role("button").click()
    page.wait_for_selector("text=from the page", state="detached")
    refused = lambda: httpx.get(address, headers=headers).status_code == 401  # noqa: E731
    wait_for(refused, seconds=8, what="every web process to forget the key")  # each remembers it for 3 s


def upload(page, platform, content: bytes, *, name: str) -> None:
    """Upload over the page's own session, and wait for the file to be read."""
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    answer = page.request.post(
        "/datasets/upload/",
        multipart={
            "workspace": platform.facts["workspace"],
            "name": name,
            "file": {"name": "invoices.csv", "mimeType": "text/csv", "buffer": content},
        },
        headers={"X-CSRFToken": token, "Referer": platform.url},
    )
    assert answer.ok, answer.text()
    page.goto(answer.url)
    page.wait_for_selector("text=What the columns hold")
