"""The page that trains a model again: with other settings, on data that fits, and not for nothing."""

import pytest
from django.urls import reverse

from apps.datasets.actions import register_upload
from apps.registry.actions import update_model
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import as_file, checked, run, upload
from tests.dashboard.reading import Page
from tests.dashboard.test_editing import selected
from tests.factories import make_model
from tests.journeys.tables import as_csv, invoices


def address(model) -> str:
    return reverse("dashboard:train", args=[model.pk])


def as_sent(page: Page) -> dict[str, str]:
    """Return what a browser would send of the form as it stands."""
    given = {e.get("name"): e.get("value") for e in page.all("input") if "." in e.get("name") or e.get("name") == "seed"}
    given |= {e.get("name"): selected(page, e.get("name")) for e in page.all("select") if "." in e.get("name")}
    return {**given, "dataset": selected(page, "dataset"), "start": "1"}


def options(page: Page) -> dict[str, bool]:
    """Return what the select of data sets offers, and whether it can be chosen."""
    return {e.text: "disabled" not in e.attributes for e in page.all("option") if " · v" in e.text}


def test_the_form_stands_as_the_model_does_beside_its_live_version(cast, late_payers, invoices_of_acme, browser):
    update_model(model=late_payers, actor=SYSTEM, parameters={"n_estimators": 40, "max_depth": 5})

    page = Page(browser(cast.trainer).get(address(late_payers)))

    assert page.faults == []
    assert page.one("input", name_="random_forest.n_estimators").get("value") == "40"
    assert "live version: 20" in page.one("label", id="field-random_forest.n_estimators").text
    assert selected(page, "dataset") == str(invoices_of_acme.pk)
    assert page.one("input", name_="seed").get("value") == "0"
    model_page = Page(browser(cast.trainer).get(reverse("dashboard:model", args=[late_payers.pk])))
    assert address(late_payers) in model_page.links
    assert (
        address(late_payers) not in Page(browser(cast.viewer).get(reverse("dashboard:model", args=[late_payers.pk]))).links
    )


def test_settings_seed_and_data_are_trained_with(cast, late_payers, invoices_of_acme, browser):
    again = register_upload(
        workspace=cast.acme,
        dataset=invoices_of_acme.dataset,
        upload=as_file(as_csv(invoices(300, seed=8))),
        actor=SYSTEM,
    )
    second = checked(again)
    client = browser(cast.trainer)
    form = Page(client.get(address(late_payers)))
    assert selected(form, "dataset") == str(second.pk)  # the newest of what the live version learned from

    given = {**as_sent(form), "random_forest.n_estimators": "35", "seed": "7", "dataset": str(invoices_of_acme.pk)}
    sent = client.post(address(late_payers), given)

    campaign = TrainingCampaign.objects.get(status="pending")
    assert sent.url == reverse("dashboard:campaign", args=[campaign.pk])
    assert (campaign.parameters["n_estimators"], campaign.parameters["max_depth"], campaign.seed) == (35, 5, 7)
    assert campaign.dataset_version == invoices_of_acme
    assert run(campaign).version.number == 2


def test_the_same_again_is_said_before_it_costs_anything(cast, late_payers, browser):
    client = browser(cast.trainer)
    given = as_sent(Page(client.get(address(late_payers))))

    answer = client.post(address(late_payers), given)

    assert answer.status_code == 422
    assert "Nothing differs from version 1" in Page(answer).one("div", role="alert").text
    assert TrainingCampaign.objects.count() == 1
    assert client.post(address(late_payers), {**given, "anyway": "1"}).status_code == 302
    assert TrainingCampaign.objects.count() == 2


def test_only_data_with_the_model_s_columns_can_be_chosen(cast, late_payers, invoices_of_acme, browser):
    rows = [{name: value for name, value in row.items() if name not in {"city", "sector"}} for row in invoices(60)]
    narrow = upload(cast.acme, as_csv(rows), name="Narrow")
    upload(cast.acme, as_csv(invoices(60, seed=5)), name="Fits")
    client = browser(cast.trainer)

    page = Page(client.get(address(late_payers)))

    offered = options(page)
    assert {text.split(" ·")[0]: can for text, can in offered.items()} == {"Fits": True, "Invoices": True, "Narrow": False}
    assert any("lacks sector, city" in text for text in offered)
    answer = client.post(address(late_payers), {**as_sent(page), "dataset": str(narrow.pk)})
    assert answer.status_code == 422
    assert "sector, city" in Page(answer).one("label", id="field-dataset").text
    assert TrainingCampaign.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field", "word"),
    [
        ({"random_forest.n_estimators": "1"}, "random_forest.n_estimators", "between 10 and 2000"),
        ({"seed": "many"}, "seed", "integer"),
        ({"seed": "-1"}, "seed", "0"),
        ({"dataset": ""}, "dataset", "Choose a data set"),
        ({"dataset": "00000000-0000-0000-0000-000000000001"}, "dataset", "no data set"),
        ({"dataset": "nonsense"}, "dataset", "UUID"),
    ],
)
def test_a_fault_is_said_beside_its_field_and_what_was_typed_stays(cast, late_payers, browser, wrong, field, word):
    client = browser(cast.trainer)
    given = {**as_sent(Page(client.get(address(late_payers)))), "random_forest.max_depth": "9", **wrong}

    answer = client.post(address(late_payers), given)

    page = Page(answer)
    assert (answer.status_code, page.faults) == (422, [])
    assert word in page.one("label", id=f"field-{field}").text
    assert page.one("input", name_="random_forest.max_depth").get("value") == "9"
    assert TrainingCampaign.objects.count() == 1


def test_a_model_without_a_version_is_trained_from_the_same_page(cast, invoices_of_acme, browser):
    model = make_model(cast.acme, target="late", parameters={"n_estimators": 20})
    client = browser(cast.trainer)
    form = Page(client.get(address(model)))
    assert "live version" not in form.text

    sent = client.post(address(model), {**as_sent(form), "dataset": str(invoices_of_acme.pk)})

    assert sent.status_code == 302
    assert TrainingCampaign.objects.get().parameters["n_estimators"] == 20


@pytest.mark.parametrize(("who", "status"), [("annotator", 403), ("stranger", 404)])
def test_only_who_may_train_sees_the_page(cast, late_payers, browser, who, status):
    assert browser(getattr(cast, who)).get(address(late_payers)).status_code == status


def test_the_page_is_french_in_french(cast, late_payers, browser):
    upload(cast.acme, b"a,b\n" + b"1,2\n2,3\n" * 20, name="Autre")

    page = Page(browser(cast.trainer, "fr").get(address(late_payers)))

    assert page.faults == []
    assert "version en service" in page.text
    assert any(text.startswith("Autre · v1 · sans ") for text in options(page))
