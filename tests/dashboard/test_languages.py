"""French and English: nothing untranslated, the compiled texts in step with the written ones, numbers as readers write them."""

import datetime as dt
import re
from pathlib import Path
from string import Formatter

import polib
import pytest
from django.urls import reverse
from django.utils import translation

from apps.algorithms import catalog
from apps.dashboard.figures import cell, iso_of, moment, on_day
from apps.dashboard.words import class_word, translated
from apps.retraining import triggers
from apps.retraining.gate import margins
from tests.dashboard.reading import Page

ROOT = Path(__file__).resolve().parents[2]
FRENCH = ROOT / "apps" / "dashboard" / "locale" / "fr" / "LC_MESSAGES" / "django.po"
_TAG = re.compile(r"""{%\s*translate\s+(?P<quote>["'])(?P<text>.*?)(?P=quote)""")
_BLOCK = re.compile(r"{%\s*blocktranslate(?:\s+[^%]*)?%}(?P<text>.*?){%\s*endblocktranslate\s*%}", re.DOTALL)
_CALL = re.compile(r"""\b(?:_|gettext_noop)\(\s*(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\s*\)""")


@pytest.fixture(scope="module")
def french() -> polib.POFile:
    return polib.pofile(str(FRENCH))


def texts_in_templates() -> set[str]:
    found = set()
    for path in (ROOT / "apps").glob("*/templates/**/*.html"):
        source = path.read_text()
        found |= {match["text"] for match in _TAG.finditer(source)}
        found |= {re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", match["text"]) for match in _BLOCK.finditer(source)}
    return found


def texts_in_code() -> set[str]:
    found = set()
    for path in (ROOT / "apps").glob("**/*.py"):
        found |= {match["text"] for match in _CALL.finditer(path.read_text())}
    return found


def test_every_text_of_the_pages_and_the_code_has_its_french(french):
    written = {entry.msgid for entry in french.translated_entries()}

    missing = (texts_in_templates() | texts_in_code()) - written

    assert len(texts_in_templates()) > 100
    assert missing == set()
    assert [entry.msgid for entry in french if entry.fuzzy or entry.obsolete or not entry.msgstr] == []


def test_what_the_catalogue_says_of_itself_has_its_french(french):
    written = {entry.msgid for entry in french}

    for service in catalog.entries():
        said = [service.title, service.summary, *(t for p in service.hyperparameters for t in (p.title, p.help))]
        assert {text for text in said if text} <= written, service.slug


def test_what_can_be_chosen_and_what_a_policy_asks_has_its_french(french):
    written = {entry.msgid for entry in french}
    settings = [p for service in catalog.entries() for p in service.hyperparameters]
    settings += [*triggers.SETTINGS, *margins.SETTINGS]
    words = {choice for p in settings for choice in p.choices}
    countries = {word for word in words if re.fullmatch("[A-Z]{2}", word)}

    assert words - countries <= written
    assert {text for p in settings for text in (p.title, p.help) if text} <= written


@pytest.mark.parametrize(("written", "said"), [("sqrt", "racine carrée"), ("all", "toutes"), ("week", "semaine")])
def test_a_choice_is_said_in_french_in_the_form_and_beside_a_version(written, said):
    with translation.override("fr"):
        assert translated(written) == said
    with translation.override("en"):
        assert translated(written) == written


def test_the_compiled_texts_are_those_written(french):
    compiled = polib.mofile(str(FRENCH.with_suffix(".mo")))

    assert {e.msgid: e.msgstr for e in compiled} == {e.msgid: e.msgstr for e in french}


def test_a_translation_keeps_the_places_of_its_values(french):
    for entry in french:
        for places in (
            lambda t: sorted(re.findall(r"%\(\w+\)s", t)),
            lambda t: sorted(f for _, f, _, _ in Formatter().parse(t) if f),
        ):
            assert places(entry.msgid) == places(entry.msgstr), entry.msgid


def test_french_is_written_as_the_french_write_it(french):
    """A space that does not break before double punctuation, no straight apostrophe between letters."""
    for entry in french:
        assert not re.search(r"\w[;!?]", entry.msgstr), entry.msgstr
        assert not re.search(r"\w:(\s|$)", entry.msgstr), entry.msgstr
        assert not re.search(r"\w'\w", entry.msgstr), entry.msgstr
        assert not re.search(r" [?;:!»]", entry.msgstr), entry.msgstr


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("fr", "fr"), ("fr-CA,fr;q=0.9,en;q=0.5", "fr"), ("en-GB", "en"), ("de", "en"), ("", "en"), (";;q=x,\x01", "en")],
)
def test_the_browser_s_language_is_honoured(db, browser, accepted, language):
    page = Page(browser(language=accepted).get(reverse("dashboard:sign_in")))

    assert page.one("html").get("lang") == language
    assert ("Se connecter" in page.text) == (language == "fr")


def test_the_switch_is_remembered_and_leads_back(cast, browser):
    client = browser(cast.viewer, "en")
    models = reverse("dashboard:models")

    switched = client.post(reverse("set_language"), {"language": "fr", "next": models})

    assert (switched.status_code, switched.url) == (302, models)
    for address in (models, reverse("dashboard:home")):
        assert Page(client.get(address)).one("html").get("lang") == "fr"
    evil = client.post(reverse("set_language"), {"language": "fr", "next": "https://evil.example/"})
    assert not evil.url.startswith("http")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_switch_names_each_language_in_its_own_words(db, browser, language):
    page = Page(browser(language=language).get(reverse("dashboard:sign_in")))

    assert [(option.get("lang"), option.text) for option in page.all("option")] == [("en", "English"), ("fr", "Français")]


def test_a_french_page_holds_no_english(cast, late_payers, browser, french):
    """No msgid whose French differs is seen on a French page."""
    english = {e.msgid for e in french if e.msgid != e.msgstr and len(e.msgid) > 12 and "%(" not in e.msgid}
    campaign = late_payers.campaigns.get()
    addresses = [
        reverse(f"dashboard:{name}") for name in ("home", "datasets", "models", "new_model", "campaigns", "settings")
    ]
    addresses += [
        reverse(f"dashboard:{kind}", args=[pk]) for kind, pk in [("model", late_payers.pk), ("campaign", campaign.pk)]
    ]
    addresses += [reverse("dashboard:dataset", args=[campaign.dataset_version.dataset_id])]

    for address in addresses:
        text = Page(browser(cast.owner, "fr").get(address)).text
        assert {words for words in english if words in text} == set(), address


def test_numbers_and_dates_are_written_in_the_reader_s_way(cast, late_payers, browser):
    address = reverse("dashboard:model", args=[late_payers.pk])
    score = late_payers.versions.get().metrics["roc_auc"]

    in_english = Page(browser(cast.viewer, "en").get(address)).text
    in_french = Page(browser(cast.viewer, "fr").get(address)).text

    assert f"{score:.3f}" in in_english
    assert f"{score:.3f}".replace(".", ",") in in_french
    assert f"{score:.3f}" not in in_french


def test_what_machines_read_is_not_localised(cast, late_payers, browser):
    """Numeric inputs, SVG and progress bars hold points, whatever the language."""
    campaign = late_payers.campaigns.get()
    campaign.progress = 0.4321
    campaign.save()

    for kind, pk in [("model", late_payers.pk), ("campaign", campaign.pk), ("dataset", campaign.dataset_version.dataset_id)]:
        page = Page(browser(cast.trainer, "fr").get(reverse(f"dashboard:{kind}", args=[pk])))
        for element in page.elements:
            if element.tag in {"rect", "circle", "line", "progress"} or element.get("type") == "number":
                numbers = [
                    element.get(name) for name in ("x", "y", "width", "height", "cx", "cy", "value") if element.get(name)
                ]
                assert all(re.fullmatch(r"-?[\d.]+", number) for number in numbers), element


def test_fields_are_filled_as_the_reader_would_fill_them(cast, late_payers, invoices_of_acme, browser):
    form = {"dataset": str(invoices_of_acme.dataset_id)}
    new = Page(browser(cast.trainer, "fr").get(reverse("dashboard:new_model"), form))
    page = Page(browser(cast.trainer, "fr").get(reverse("dashboard:model", args=[late_payers.pk])))

    assert new.one("input", name_="xgboost.learning_rate").get("value") == "0,05"
    assert re.fullmatch(r"\d+,\d+", page.one("input", name_="row.amount").get("value"))
    since = page.one("input", name_="row.since")
    assert since.get("type") == "text"  # a browser's field for dates follows the browser, not the page
    assert re.fullmatch(r"\d\d/\d\d/\d{4}", since.get("value"))


@pytest.mark.parametrize(
    ("value", "in_english", "in_french"),
    [
        (1653.11, "1,653.11", "1\u00a0653,11"),
        (2021, "2021", "2021"),
        (10_000, "10,000", "10\u00a0000"),
        (17.0, "17", "17"),
        (2**63 - 1, "9,223,372,036,854,775,807", "9\u00a0223\u00a0372\u00a0036\u00a0854\u00a0775\u00a0807"),
        (10**300, "1e+300", "1e+300"),  # as PostgreSQL gives back a double
        (True, "true", "vrai"),
        ("2021-08-04", "2021-08-04", "04/08/2021"),
        ("2021-08-04T10:20:00", "2021-08-04T10:20:00", "04/08/2021 10:20"),
        ("2021-08-04T10:20:31+02:00", "2021-08-04 10:20:31", "04/08/2021 10:20:31"),
        ("2021-13-45", "2021-13-45", "2021-13-45"),
        ("<b>", "<b>", "<b>"),
        (None, "\u2013", "\u2013"),
    ],
)
def test_a_cell_of_a_table_is_written_as_the_reader_writes_it(value, in_english, in_french):
    with translation.override("en"):
        assert cell(value) == in_english
    with translation.override("fr"):
        assert cell(value) == in_french


@pytest.mark.parametrize(
    ("written", "taken"),
    [("04/08/2021", "2021-08-04"), ("4/8/2021", "2021-08-04"), ("2021-08-04", "2021-08-04"), ("04/08/2021 10:20", "2021-08-04 10:20"),
     ("yesterday", "yesterday")],
)  # fmt: skip
def test_a_french_reader_writes_dates_either_way(written, taken):
    with translation.override("fr"):
        assert iso_of(written) == taken
    with translation.override("en"):
        assert iso_of(written) == written  # 04/08 is another day for others


def test_the_first_rows_of_a_data_set_are_written_in_french(cast, invoices_of_acme, browser):
    row = invoices_of_acme.preview[0]

    text = Page(browser(cast.viewer, "fr").get(reverse("dashboard:dataset", args=[invoices_of_acme.dataset_id]))).text

    year, month, day = row["since"].split("-")
    assert f"{day}/{month}/{year}" in text
    assert row["since"] not in text


def test_a_moment_is_written_in_an_order_that_nobody_mistakes():
    at = dt.datetime(2026, 3, 4, 9, 5, tzinfo=dt.UTC)

    with translation.override("en"):
        assert (moment(at), on_day(at)) == ("2026-03-04 09:05", "2026-03-04")
    with translation.override("fr"):
        assert (moment(at), on_day(at)) == ("04/03/2026 09:05", "04/03/2026")


def test_classes_of_true_and_false_are_words_and_others_stay():
    with translation.override("fr"):
        assert [class_word(label) for label in ("true", "false", "Yes", "")] == ["vrai", "faux", "Yes", ""]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_figures_of_any_size_are_short_and_never_an_error(language):
    from apps.dashboard.templatetags.dashboard_charts import figure, percent

    with translation.override(language):
        for value in (
            0,
            -0.0,
            1,
            10**18,
            1e300,
            -1e300,
            1e-300,
            5e-7,
            0.1,
            123456.789,
            float("nan"),
            float("inf"),
            -float("inf"),
        ):
            assert 1 <= len(figure(value)) <= 20, value
        assert (figure(None), figure("text"), percent(None)) == ("\u2013", "text", "\u2013")
        assert [re.sub(r"\s", " ", percent(v)) for v in (0, 1, 0.9)] == ["0 %", "100 %", "90 %"]
    with translation.override("fr"):
        assert (percent(0.1234), figure(0.1234)) == ("12,3\u00a0%", "0,123")
    with translation.override("en"):
        assert (percent(0.9999), figure(1234567)) == ("100\u00a0%", "1,234,567")
