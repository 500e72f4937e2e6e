"""The form that makes a model: what it offers, takes, refuses, and keeps after a refusal."""

import pytest
from django.urls import reverse

from apps.algorithms import catalog
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from tests.dashboard.conftest import run
from tests.dashboard.reading import Page

NEW = reverse("dashboard:new_model")


def address_of(model) -> str:
    return reverse("dashboard:model", args=[model.pk])


def start(version, **given):
    fields = {
        "start": "1",
        "dataset": str(version.dataset_id),
        "task": "classification",
        "target": "late",
        "algorithm": "random_forest",
        "name": "Late payers",
        "random_forest.n_estimators": "20",
        "random_forest.max_depth": "4",
    }
    return {name: value for name, value in {**fields, **given}.items() if value is not None}


def test_the_form_offers_every_algorithm_and_setting_of_the_catalogue(cast, invoices_of_acme, browser):
    page = Page(browser(cast.trainer).get(NEW, {"dataset": str(invoices_of_acme.dataset_id)}))

    assert page.faults == []
    names = {element.get("name") for element in page.elements}
    for service in catalog.entries():
        assert page.one("input", name_="algorithm", value=service.slug)
        assert {f"{service.slug}.{parameter.name}" for parameter in service.hyperparameters} <= names
        assert service.summary in page.text
    targets = {option.get("value") for option in page.all("option")}
    assert {"amount", "days", "sector", "city", "since", "late"} <= targets


def test_sending_the_form_as_it_stands_trains_a_model(cast, invoices_of_acme, browser):
    """Every field with its default, as a browser would send it: what the page proposes must be accepted."""
    client = browser(cast.trainer)
    form = Page(client.get(NEW, {"dataset": str(invoices_of_acme.dataset_id)}))
    given = start(invoices_of_acme)
    for element in form.all("input"):
        if "." in element.get("name"):
            given.setdefault(element.get("name"), element.get("value"))

    for slug, task, target in [
        ("random_forest", "classification", "late"),
        ("xgboost", "regression", "days"),
        ("isolation_forest", "anomaly", ""),
    ]:
        answer = client.post(NEW, {**given, "algorithm": slug, "task": task, "target": target, "name": f"By {slug}"})
        assert answer.status_code == 302, Page(answer).text
        model = RegisteredModel.objects.get(name=f"By {slug}")
        assert (model.algorithm, model.task, model.target, model.created_by) == (slug, task, target, cast.trainer)
        campaign = TrainingCampaign.objects.get(model=model)
        assert answer.url == reverse("dashboard:campaign", args=[campaign.pk])
        assert (campaign.status, campaign.dataset_version, campaign.created_by) == (
            "pending",
            invoices_of_acme,
            cast.trainer,
        )
        if slug == "random_forest":
            assert campaign.parameters["n_estimators"] == 20


def test_columns_left_out_are_not_learned_from(cast, invoices_of_acme, browser):
    given = start(invoices_of_acme, left_out=["city", "since"])

    assert browser(cast.trainer).post(NEW, given).status_code == 302

    model = RegisteredModel.objects.get()
    assert sorted(model.features) == ["amount", "days", "sector"]
    campaign = run(TrainingCampaign.objects.get())
    assert (campaign.status, campaign.error) == ("completed", "")
    page = Page(browser(cast.viewer).get(address_of(model)))
    assert not page.all("input", name_="row.city")
    assert page.all("input", name_="row.sector")


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"random_forest.n_estimators": "1"}, "between 10 and 2000"),
        ({"random_forest.n_estimators": "many"}, "whole number"),
        ({"random_forest.max_features": "none of them"}, "Choose one of"),
        ({"target": ""}, "target"),
        ({"target": "latte"}, "late"),
        ({"algorithm": "xgboost", "xgboost.learning_rate": "nan"}, "number"),
        ({"target": "la\0te"}, "Null characters"),
        ({"target": "x" * 301}, "Ensure"),
        ({"name": "a\0b"}, "one line"),
        ({"name": "a\nb"}, "one line"),
        ({"name": "a\u202eb"}, "one line"),
        ({"name": "x" * 201}, "Ensure"),
        ({"description": "x\0"}, "Null characters"),
        ({"random_forest.n_estimators": "\0"}, "whole number"),
        ({"random_forest.max_features": "\0"}, "Choose one of"),
        ({"task": "anomaly"}, "does not do"),
        ({"task": "divination"}, "does not do"),
        ({"algorithm": "oracle"}, "oracle"),
        ({"algorithm": None}, "lgorithm"),
        ({"target": "late", "left_out": ["amount", "days", "sector", "city", "since"]}, "at least one"),
    ],
)
def test_what_cannot_be_is_said_in_words_and_nothing_is_kept(cast, invoices_of_acme, browser, wrong, word):
    answer = browser(cast.trainer).post(NEW, start(invoices_of_acme, **wrong))

    page = Page(answer)
    assert answer.status_code in {404, 409, 422}, page.text
    assert page.faults == []
    assert word in page.one("div", role="alert").text
    assert not RegisteredModel.objects.exists()
    assert not TrainingCampaign.objects.exists()


def test_what_was_given_is_still_there_after_a_refusal(cast, invoices_of_acme, browser):
    given = start(invoices_of_acme, name="My name", description="Mine", **{"random_forest.n_estimators": "1"})

    page = Page(browser(cast.trainer).post(NEW, given))

    assert page.one("input", name_="name").get("value") == "My name"
    assert page.one("input", name_="description").get("value") == "Mine"
    assert page.one("input", name_="random_forest.n_estimators").get("value") == "1"
    assert page.one("input", name_="random_forest.max_depth").get("value") == "4"
    chosen = [option.get("value") for option in page.all("option") if "selected" in option.attributes]
    assert "late" in chosen


def test_two_models_of_one_name_are_refused(cast, late_payers, invoices_of_acme, browser):
    answer = browser(cast.trainer).post(NEW, start(invoices_of_acme))

    assert answer.status_code in {409, 422}
    assert "already" in Page(answer).text
