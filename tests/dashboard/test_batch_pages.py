"""Predictions for a whole data set, from its choice to the files."""

import csv
import io

import pytest
from django.urls import reverse

from apps.datasets.models import Dataset
from apps.predictions import engine, lifecycle
from apps.predictions.models import BatchPrediction
from apps.registry.actions import create_model
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import train, upload
from tests.dashboard.reading import Page
from tests.factories import make_model
from tests.journeys.tables import as_csv, invoices, without_answer


def url(name: str, *args) -> str:
    return reverse(f"dashboard:{name}", args=args)


def scored(batch: BatchPrediction) -> BatchPrediction:
    """Score a batch here and now, as a worker does."""
    token = lifecycle.claim(batch.pk)
    assert token is not None
    engine.score(batch.pk, token)
    batch.refresh_from_db()
    return batch


@pytest.fixture
def march(cast):
    rows = [without_answer(row) for row in invoices(50, seed=12)]
    return upload(cast.acme, as_csv(rows), name="March")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_data_set_is_chosen_watched_and_its_predictions_taken(cast, late_payers, march, browser, language):
    client = browser(cast.viewer, language)
    place = url("batches", late_payers.pk)
    assert place in Page(client.get(url("model", late_payers.pk))).links
    assert Page(client.get(place)).faults == []

    sent = client.post(place, {"dataset": str(march.pk)})

    assert (sent.status_code, sent.url) == (302, place)
    batch = BatchPrediction.objects.get()
    assert (batch.model, batch.dataset_version, batch.created_by) == (late_payers, march, cast.viewer)
    waiting = Page(client.get(place))
    assert waiting.one("div", id="batches").get("hx-get") == f"{url('batch_list', late_payers.pk)}?page=1"
    assert scored(batch).status == "completed", batch.error
    part = Page(client.get(url("batch_list", late_payers.pk)))
    assert part.faults == []
    assert part.one("div", id="batches").get("hx-get") == ""
    links = sorted(link for link in part.links if "download" in link)
    assert len(links) == 2
    table = list(csv.DictReader(io.StringIO(b"".join(client.get(links[0]).streaming_content).decode())))
    assert len(table) == 50
    assert {row["prediction"] for row in table} <= {"yes", "no"}
    assert b"".join(client.get(links[1]).streaming_content).startswith(b"PAR1")


def test_data_that_does_not_fit_is_greyed_and_refused_at_once(cast, late_payers, browser):
    rows = [{name: value for name, value in row.items() if name != "sector"} for row in invoices(60)]
    narrow = upload(cast.acme, as_csv(rows), name="Narrow")
    words = upload(cast.acme, as_csv([{**row, "days": "many"} for row in invoices(60)]), name="Words")
    client = browser(cast.viewer)
    place = url("batches", late_payers.pk)

    page = Page(client.get(place))
    offered = {e.text: "disabled" not in e.attributes for e in page.all("option") if " · v" in e.text}
    refused = {name: client.post(place, {"dataset": str(version.pk)}) for name, version in (("n", narrow), ("w", words))}

    assert {text.split(" ·")[0]: can for text, can in offered.items()} == {"Invoices": True, "Words": True, "Narrow": False}
    assert [answer.status_code for answer in refused.values()] == [422, 422]
    assert "no column 'sector'" in Page(refused["n"]).one("div", role="alert").text
    assert "'days' holds texts; the model learned from numbers" in Page(refused["w"]).one("div", role="alert").text
    assert not BatchPrediction.objects.exists()


@pytest.mark.parametrize("wrong", ["", "nonsense", "00000000-0000-0000-0000-000000000001"])
def test_a_choice_that_is_none_is_said(cast, late_payers, browser, wrong):
    answer = browser(cast.viewer).post(url("batches", late_payers.pk), {"dataset": wrong})

    assert (answer.status_code, len(Page(answer).one("div", role="alert").text) > 20) == (422, True)
    assert not BatchPrediction.objects.exists()


def test_data_of_another_workspace_is_not_there(cast, late_payers, browser):
    theirs = upload(cast.rival, as_csv(invoices(60)), name="Secret")
    client = browser(cast.viewer)

    assert "Secret" not in Page(client.get(url("batches", late_payers.pk))).text
    assert client.post(url("batches", late_payers.pk), {"dataset": str(theirs.pk)}).status_code == 422
    assert Dataset.objects.get(pk=theirs.dataset_id)


def test_why_a_batch_failed_is_shown(cast, late_payers, march, browser):
    client = browser(cast.viewer, "fr")
    client.post(url("batches", late_payers.pk), {"dataset": str(march.pk)})
    batch = BatchPrediction.objects.get()
    token = lifecycle.claim(batch.pk)
    lifecycle.fail(batch.pk, token, reason="The data set has no column 'days', which the model needs.")

    page = Page(client.get(url("batches", late_payers.pk)))

    assert "Le jeu de données" in page.one("span", class_="fault").text
    assert page.one("div", id="batches").get("hx-get") == ""


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_version_one_is_led_to_the_model(cast, browser, method):
    place = url("batches", make_model(cast.acme).pk)

    answer = getattr(browser(cast.viewer), method)(place, follow=True)

    assert answer.request["PATH_INFO"] == place.removesuffix("batches/")
    assert "once its first version is trained" in Page(answer).one("div", role="status").text


def test_of_many_columns_at_fault_the_first_are_named(cast, browser):
    names = [f"c{number:02}" for number in range(14)]
    rows = [{**dict.fromkeys(names, i * 7 % 11), "late": "yes" if i % 3 else "no"} for i in range(60)]
    model = create_model(
        workspace=cast.acme, actor=SYSTEM, name="Wide", algorithm="random_forest", task="classification", target="late",
        parameters={"n_estimators": 10},
    )  # fmt: skip
    assert train(model, upload(cast.acme, as_csv(rows), name="Wide")).status == "completed"
    words = upload(cast.acme, as_csv([{**row, **dict.fromkeys(names, "word")} for row in rows]), name="Words")

    said = Page(browser(cast.viewer).post(url("batches", model.pk), {"dataset": str(words.pk)}))

    beside = [fault.text for fault in said.all("span", class_="fault")]
    assert len(beside) == 11
    assert beside[-1] == "and 4 more"
    assert said.one("select", name_="dataset").get("aria-invalid") == "true"


@pytest.mark.parametrize("name", ["batches", "batch_list"])
def test_strangers_find_nothing(cast, late_payers, march, browser, name):
    assert browser(cast.stranger).get(url(name, late_payers.pk)).status_code == 404


@pytest.mark.parametrize("semicolons", [True, False])
def test_semicolons_are_offered_where_the_result_has_them(semicolons, cast, late_payers, browser):
    content = as_csv([without_answer(row) for row in invoices(40, seed=8)])
    if semicolons:
        content = content.replace(b",", b";").replace(b".", b",")
    version = upload(cast.acme, content, name="Others")
    browser(cast.viewer).post(url("batches", late_payers.pk), {"dataset": str(version.pk)})
    batch = scored(BatchPrediction.objects.get())

    offered = {link for link in Page(browser(cast.viewer).get(url("batches", late_payers.pk))).links if "form=" in link}

    forms = ["csv", "semicolons", "parquet"] if semicolons else ["csv", "parquet"]
    assert offered == {f"{reverse('batch-download', args=[batch.pk])}?form={form}" for form in forms}
    for link in offered:
        assert browser(cast.viewer).get(link).status_code == 200
