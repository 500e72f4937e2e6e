"""The card of a version as a page, and the command that calls a model."""

import json
import shlex

import pytest
from django.urls import reverse

from apps.dashboard.selectors import example_row
from apps.dashboard.templatetags.dashboard_charts import curl_of
from apps.datasets.models import DatasetVersion
from apps.registry.actions import archive_model
from apps.workspaces.access import Actor
from tests.dashboard.reading import Page


def card_of(model, number: int = 1) -> str:
    return reverse("dashboard:version_card", args=[model.pk, number])


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Card of Late payers, version 1", "What it looks at", "each class in its share", "Trees 20"]),
        ("fr", ["Fiche de Late payers, version 1", "il regarde", "chaque classe selon sa part", "Arbres 20"]),
    ],
)
def test_the_card_is_a_page_in_the_reader_s_language(cast, late_payers, browser, language, words):
    answer = browser(cast.viewer, language).get(card_of(late_payers))

    page = Page(answer)
    assert (answer.status_code, page.faults) == (200, [])
    assert [text for text in words if text not in page.text] == []
    assert reverse("dashboard:model", args=[late_payers.pk]) in page.links
    assert reverse("version-card", args=[late_payers.pk, 1]) in page.links
    assert "{'" not in page.text
    assert "**" not in page.text


def test_the_model_s_page_leads_to_its_card_and_machines_still_read_markdown(cast, late_payers, browser):
    client = browser(cast.viewer)

    links = Page(client.get(reverse("dashboard:model", args=[late_payers.pk]))).links
    markdown = client.get(reverse("version-card", args=[late_payers.pk, 1]))

    assert card_of(late_payers) in links
    assert markdown["Content-Type"].startswith("text/markdown")


def test_the_card_of_an_archived_model_stays_readable_to_members_only(cast, late_payers, browser):
    archive_model(model=late_payers, actor=Actor(user_id=cast.owner.pk))

    assert browser(cast.viewer).get(card_of(late_payers)).status_code == 200
    assert browser(cast.stranger).get(card_of(late_payers)).status_code == 404
    assert browser(cast.viewer).get(card_of(late_payers, 2)).status_code == 404


def test_the_command_calls_the_model_with_a_row_of_its_own(cast, late_payers, browser, api):
    page = Page(browser(cast.viewer).get(reverse("dashboard:model", args=[late_payers.pk])))

    command = shlex.split(page.one("pre", id="call").text.replace("\\ ", ""))
    body = json.loads(command[-1])
    address = next(word for word in command if word.startswith("http"))

    assert body == {"data": [example_row(late_payers.versions.get())]}
    answer = api(cast.viewer).post(address.removeprefix("http://testserver"), body)
    assert answer.status_code == 200, answer.json()
    assert page.one("button", data_copies="call").get("data-copied") == "Copied"


def test_apostrophes_and_letters_of_the_data_survive_the_shell(late_payers, rf):
    version = late_payers.versions.get()
    row = {"amount": 1.5, "sector": "l'été \"d'avant\" $HOME `x`", "days": 3, "city": None, "since": "2021-08-04"}
    DatasetVersion.objects.filter(pk=version.dataset_version_id).update(preview=[row])
    version.refresh_from_db()

    command = shlex.split(curl_of(rf.get("/"), late_payers, version).replace("\\\n", " "))

    assert json.loads(command[-1])["data"][0]["sector"] == row["sector"]
