"""What every page has: a policy that forbids inline code, and nothing that would need it; error pages; charts."""

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from apps.dashboard import charts
from apps.dashboard.figures import duration, tick_labels, ticks
from tests.dashboard.reading import Page

ROOT = Path(__file__).resolve().parents[2] / "apps" / "dashboard"


def addresses(model) -> list[str]:
    campaign = model.campaigns.get()
    names = ("home", "datasets", "models", "new_model", "detections", "campaigns", "settings", "account", "sign_in")
    objects = [("model", model.pk), ("campaign", campaign.pk), ("dataset", campaign.dataset_version.dataset_id)]
    return [*(reverse(f"dashboard:{n}") for n in names), *(reverse(f"dashboard:{kind}", args=[pk]) for kind, pk in objects)]


def test_no_page_holds_inline_code_or_reaches_for_another_host(cast, late_payers, browser):
    for address in addresses(late_payers):
        answer = browser(cast.owner).get(address)
        page = Page(answer)
        assert page.faults == [], address
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        for element in page.elements:
            assert not element.get("style"), (address, element)
            assert not [name for name in element.attributes if name.startswith("on")], (address, element)
            assert element.tag != "style"
            if element.tag == "script":
                assert element.get("src") or element.get("type") == "application/json"
            for name in ("src", "href", "action"):
                assert not element.get(name).startswith(("http:", "https:", "//", "javascript:")), (address, element)


def test_every_field_and_picture_can_be_named_aloud(cast, late_payers, browser):
    for address in addresses(late_payers):
        page = Page(browser(cast.owner).get(address))
        assert len(page.all("h1")) == 1, address
        assert page.all("title")[0].text
        assert page.one("html").get("lang") == "en"
        for svg in page.all("svg"):
            assert svg.get("aria-hidden") == "true" or (svg.get("role") == "img" and svg.text), (address, svg)
        labelled = {label.get("for") for label in page.all("label")}
        source = browser(cast.owner).get(address).content.decode()
        for field in [*page.all("input"), *page.all("select")]:
            if field.get("type") == "hidden":
                continue
            named = field.get("aria-label") or field.get("id") in labelled or _inside_label(source, field.get("name"))
            assert named, (address, field)


def _inside_label(source: str, name: str) -> bool:
    return any(
        re.search(rf'name="{re.escape(name)}"', label) for label in re.findall(r"<label.*?</label>", source, re.DOTALL)
    )


def test_the_navigation_marks_where_one_is_however_deep(cast, late_payers, browser):
    client, of_model = browser(cast.owner), reverse("dashboard:model", args=[late_payers.pk])
    campaign = late_payers.campaigns.get()
    places = {
        "/": "/",
        **dict.fromkeys(
            [of_model, *(f"{of_model}{part}/" for part in ("train", "edit", "batches", "versions/1"))], "/models/"
        ),
        reverse("dashboard:campaign", args=[campaign.pk]): "/campaigns/",
        reverse("dashboard:dataset", args=[campaign.dataset_version.dataset_id]): "/datasets/",
        reverse("dashboard:members"): "/settings/",
    }

    for address, marked in places.items():
        found = [a.get("href") for a in Page(client.get(address)).all("a") if a.get("aria-current") == "page"]
        assert found == [marked], address


@pytest.mark.parametrize(
    ("address", "words"), [("/nowhere/", "There is nothing here"), ("/models/x/", "There is nothing here")]
)
def test_a_wrong_address_gets_a_page(cast, browser, address, words):
    for client in (browser(), browser(cast.viewer)):
        answer = client.get(address)
        page = Page(answer)
        assert (answer.status_code, page.faults) == (404, [])
        assert words in page.text
        assert "/" in page.links


def test_error_pages_speak_the_reader_s_language(cast, browser):
    answer = browser(cast.viewer, "fr").get("/nowhere/")

    assert "a rien ici" in Page(answer).text
    assert Page(answer).one("html").get("lang") == "fr"
    refused = browser(cast.viewer, "fr").get(reverse("dashboard:new_model"))
    assert refused.status_code == 403
    assert "Votre rôle ne le permet pas" in Page(refused).text


def test_a_fault_of_ours_gets_a_page_without_details(cast, late_payers, monkeypatch):
    def broken(ids: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("apps.dashboard.pages.home.model_rows", broken)
    client = Client(raise_request_exception=False)
    client.force_login(cast.viewer)

    answer = client.get("/")

    assert answer.status_code == 500
    assert "secret detail" not in answer.content.decode()
    assert "Something went wrong on our side" in Page(answer).text


def test_the_api_under_the_same_roof_still_answers_machines(db, browser):
    answer = browser().get("/api/v1/nowhere/")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_what_is_vendored_is_named_with_its_licence():
    vendor = ROOT / "static" / "dashboard" / "vendor"
    notes = (vendor / "THIRD_PARTY.md").read_text()

    assert "htmx" in notes
    assert "uPlot" in notes
    assert all(path.stat().st_size > 100 for path in vendor.iterdir())


def test_the_style_knows_both_lights():
    style = (ROOT / "static" / "dashboard" / "app.css").read_text()

    assert "prefers-color-scheme: dark" in style
    assert "@import" not in style
    assert "http" not in style


STATES = {
    "drifting",
    "pending",
    "training",
    "completed",
    "failed",
    "ready",
    "checking",
    "refused",
    "success",
    "error",
    "warning",
}


def test_every_rule_of_the_style_is_for_something_on_a_page():
    style = re.sub(r"/\*.*?\*/", "", (ROOT / "static" / "dashboard" / "app.css").read_text(), flags=re.DOTALL)
    places = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/dashboard/*.js"), *ROOT.glob("*.py")]
    words = set(re.findall(r"[\w-]+", " ".join(place.read_text() for place in places)))

    named = set(re.findall(r"\.([a-z][\w-]*)", style)) - STATES
    ours = {name for name in named if not name.startswith("u-") and name != "uplot"}

    assert len(ours) > 50
    assert {name.partition("-")[0] if name.startswith("series-") else name for name in ours} - words == set()


def test_no_width_is_asked_for_within_another():
    style = (ROOT / "static" / "dashboard" / "app.css").read_text()

    for place in re.finditer("@media", style):
        before = style[: place.start()]
        assert before.count("{") == before.count("}"), style[place.start() : place.start() + 60]


READ_ON = [
    ("ink", "ground"), ("ink", "surface"), ("ink", "raised"), ("soft", "ground"), ("soft", "surface"), ("soft", "raised"), ("accent", "ground"),
    ("accent", "surface"), ("accent-ink", "accent"), ("accent", "accent-soft"), ("ink", "accent-soft"), ("good", "good-soft"),
    ("soft", "accent-soft"), ("good", "surface"), ("bad", "bad-soft"), ("bad", "surface"), ("warn", "warn-soft"),
]  # fmt: skip


@pytest.mark.parametrize("light", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), READ_ON)
def test_words_stand_out_from_what_they_are_written_on(light, ink, ground):
    """WCAG AA asks 4.5 to 1."""
    assert _contrast(light, ink, ground) >= 4.5


@pytest.mark.parametrize("light", ["light", "dark"])
@pytest.mark.parametrize("ground", ["surface", "raised"])
def test_the_edge_of_a_field_is_seen(light, ground):
    """WCAG AA asks 3 to 1 of what shows that there is a field."""
    assert _contrast(light, "edge", ground) >= 3


def _contrast(light: str, ink: str, ground: str) -> float:
    style = (ROOT / "static" / "dashboard" / "app.css").read_text()
    blocks = re.findall(r":root {(.*?)}", style, re.DOTALL)
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0]))
    if light == "dark":
        tokens |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[1]))
    high, low = sorted((_luminance(tokens[ink]), _luminance(tokens[ground])), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("counts", [[], [0], [0, 0, 0], [5], [1, 10**12, 3]])
def test_bars_are_drawn_for_any_counts(counts):
    drawn = charts.histogram(counts, title="<b>")

    assert "&lt;b&gt;" in drawn
    assert drawn.count("<rect") == len(counts)
    assert "nan" not in drawn
    assert all(
        0 <= float(height) <= 44 for height in re.findall(r'rect x="[^"]*" y="[^"]*" width="[^"]*" height="([^"]*)"', drawn)
    )


@pytest.mark.parametrize(("share", "width"), [(-1, "0.0"), (0, "0.0"), (0.5, "50.0"), (7, "100.0")])
def test_a_share_stays_in_its_bar(share, width):
    assert f'width="{width}" height="6"' in charts.share_bar(share, title="part")


@pytest.mark.parametrize("points", [[], [(0, 0)], [(1.0, 1.0), (1.0, 1.0)], [(-1e300, 1e300), (3, 4)]])
def test_points_of_any_scale_are_drawn(points):
    drawn = charts.scatter(points, title="t", x_label="x", y_label="y")

    assert drawn.count("<circle") in {0, len(points)}
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_contributions_point_to_their_side():
    assert 'class="up"' in charts.signed_bar(2, 4, title="a")
    assert 'class="down" x="25.00" width="25.00"' in charts.signed_bar(-2, 4, title="a")
    assert 'width="0.00"' in charts.signed_bar(0, 0, title="a")


@pytest.fixture
def in_english():
    with translation.override("en"):
        yield


@pytest.mark.usefixtures("in_english")
def test_points_of_any_scale_have_numbers_and_titles_on_both_axes():
    drawn = charts.scatter([(0.5, 1.5), (72_616.0, 60_000.0)], title="t", x_label="predicted", y_label="observed")

    words = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert [word for word in words if word.startswith("60")] == ["60,000"] * 2
    assert words.count("0") == 0  # it lies below the least point
    assert words[-2:] == ["predicted", "observed"]


def test_no_number_of_an_axis_reaches_out_of_the_picture():
    drawn = charts.line([(0, 0), (1, 1)], title="t", x_label="x", y_label="y")

    width = float(re.search(r'viewBox="0 0 (\d+)', drawn).group(1))
    for middle, words in re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([^<]*)<', drawn):
        assert float(middle) + 3.5 * len(words) <= width, words  # at 10 px a sign is 7 wide at most


@pytest.mark.usefixtures("in_english")
def test_shares_are_marked_as_percentages():
    words = re.findall(r"<text[^>]*>([^<]*)</text>", charts.line([(0, 0), (1, 1)], title="t", x_label="x", y_label="y"))

    of_an_axis = ["0\u00a0%", "25\u00a0%", "50\u00a0%", "75\u00a0%", "100\u00a0%"]
    assert words == [*of_an_axis, *of_an_axis, "x", "y"]


@pytest.mark.usefixtures("in_english")
@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (-3, 12, ["0", "5", "10"]),
        (1, 1, ["1"]),
        (0.00012, 0.00019, ["0.00012", "0.00014", "0.00016", "0.00018"]),
        (0, 1e300, ["0", "2.5e+299", "5e+299", "7.5e+299", "1e+300"]),
        (float("nan"), 1, ["nan"]),
    ],
)
def test_the_numbers_of_an_axis_are_round_and_differ(low, high, labels):
    assert tick_labels(ticks(low, high)) == labels


@pytest.mark.usefixtures("in_english")
@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "\u2013"), (0, "0.0 s"), (0.44, "0.4 s"), (48.2, "48 s"), (59.9, "1 min"), (200, "3 min 20 s"), (3_599.8, "1 h 00 min"),
     (7_530, "2 h 06 min"), (-1, "0.0 s")],
)  # fmt: skip
def test_a_time_span_is_written_as_people_say_it(seconds, words):
    assert duration(seconds).replace("\u00a0", " ") == words
