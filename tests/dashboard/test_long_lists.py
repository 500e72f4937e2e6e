"""Lists that grow with the years: shown in pages, nothing out of reach, and nothing read that a list does not show."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.predictions.models import BatchPrediction
from apps.registry.selectors import champion_of
from tests.dashboard.conftest import copies
from tests.dashboard.reading import Page
from tests.factories import make_campaign, make_dataset_version, make_model


def url(name: str, *args) -> str:
    return reverse(f"dashboard:{name}", args=args)


@pytest.mark.parametrize("name", ["datasets", "models", "campaigns"])
def test_long_lists_come_in_pages(cast, browser, name):
    data = make_dataset_version(cast.acme, name="data 0")
    for number in range(60):
        model = make_model(cast.acme, name=f"model {number}")
        if name == "campaigns":
            make_campaign(model, dataset_version=data, status="failed", finished_at=timezone.now())
        if number:
            make_dataset_version(cast.acme, name=f"data {number}")
    client, address = browser(cast.viewer), url(name)

    pages = [client.get(address, {"page": number}) for number in ("1", "2", "3")]

    key = "campaigns" if name == "campaigns" else "shown"
    shown = [[one.pk for one in answer.context[key]] for answer in pages]
    assert [len(rows) for rows in shown] == [25, 25, 10]
    assert len({one for rows in shown for one in rows}) == 60
    assert {"?page=1", "?page=3"} <= Page(pages[1]).links
    assert "page 2 of 3" in Page(pages[1]).text
    for odd in ("0", "-1", "99", "x", "\0", "9" * 5000):
        assert client.get(address, {"page": odd}).status_code == 200


@pytest.mark.parametrize("name", ["datasets", "models"])
def test_what_is_archived_comes_in_pages_too(cast, browser, name):
    for number in range(30):
        make_model(cast.acme, archived_at=timezone.now())
        data = make_dataset_version(cast.acme, name=f"old {number}").dataset
        data.archived_at = timezone.now()
        data.save()
    client = browser(cast.viewer)

    first, second = (client.get(url(name), {"archived": number}) for number in ("", "2"))

    assert [len(answer.context["archived"]) for answer in (first, second)] == [25, 5]
    assert "?archived=2" in Page(first).links


def test_every_version_of_a_data_set_can_be_reached(cast, browser):
    first = make_dataset_version(cast.acme, columns=[])
    copies(first, [*range(2, 30), 1_100])
    client, address = browser(cast.viewer), url("dataset", first.dataset_id)

    newest, oldest = (Page(client.get(address, {"version": "5", "page": number})) for number in ("1", "2"))

    assert "?version=1100" in newest.links
    assert "?version=1" in oldest.links


def test_every_version_of_a_model_can_be_reached_and_compared(cast, late_payers, browser):
    copies(champion_of(late_payers), range(2, 61), campaign_id=uuid4, folder=lambda: str(uuid4()))
    client = browser(cast.viewer)

    last = Page(client.get(url("model", late_payers.pk), {"page": "3"}))
    compared = Page(client.get(url("compare", late_payers.pk), {"first": "1", "second": "60"}))

    assert url("version", late_payers.pk, 1) in last.links
    assert [o.text for o in compared.all("option") if "selected" in o.attributes and o.text.startswith("v")] == ["v1", "v60"]


def test_columns_come_in_pages(cast, browser):
    columns = [{"name": f"c{i}", "dtype": "number", "missing": 0, "distinct": 3} for i in range(250)]
    row = {column["name"]: 7 for column in columns}
    version = make_dataset_version(cast.acme, columns=columns, preview=[row])
    client = browser(cast.viewer)

    pages = [client.get(url("dataset", version.dataset_id), {"columns": number}) for number in ("1", "3")]

    assert [answer.context["names"][0] for answer in pages] == ["c0", "c200"]
    assert [len(answer.context["names"]) for answer in pages] == [100, 50]
    assert "?columns=2" in Page(pages[0]).links
    assert "250 columns" in Page(pages[0]).text


def test_the_home_page_shows_the_newest_models_and_where_the_others_are(cast, browser):
    for number in range(26):
        make_model(cast.acme, name=f"model {number}")

    answer = browser(cast.viewer).get(url("home"))

    assert len(answer.context["rows"]) == 25
    assert "All models" in Page(answer).text


def test_what_was_chosen_is_offered_however_old_it_is(cast, late_payers, invoices_of_acme, browser, monkeypatch):
    monkeypatch.setattr("apps.dashboard.selectors.MOST_CHOICES", 3)
    monkeypatch.setattr("apps.dashboard.pages.editing.MOST_CHOICES", 3)
    for number in range(4):
        make_dataset_version(cast.acme, name=f"newer {number}")
    client, chosen = browser(cast.trainer), str(invoices_of_acme.dataset_id)

    new = client.get(url("new_model"), {"dataset": chosen})
    train = client.get(url("train", late_payers.pk))

    assert str(new.context["form"].dataset.pk) == chosen
    assert len(new.context["form"].datasets) == 4
    assert train.context["form"].chosen == str(invoices_of_acme.pk)


def test_lists_read_no_more_than_they_show(cast, late_payers, invoices_of_acme, browser):
    BatchPrediction.objects.create(model=late_payers, version=champion_of(late_payers), dataset_version=invoices_of_acme)
    client = browser(cast.viewer)

    for address in (url("campaigns"), url("batch_list", late_payers.pk)):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        listed = [
            q["sql"] for q in asked.captured_queries if "trainingcampaign" in q["sql"] or "batchprediction" in q["sql"]
        ]
        assert listed
        for bulky in ("evaluation", "importance", "schema", "preview", "columns"):
            assert not [sql for sql in listed if f'"{bulky}"' in sql], (address, bulky)
