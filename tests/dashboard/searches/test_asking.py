"""A search is asked for beside any training."""

import pytest

from apps.algorithms.choice import AUTO
from apps.registry.models import ModelVersion, RegisteredModel
from apps.training import lifecycle
from apps.training.models import TrainingCampaign, Trial
from tests.dashboard.conftest import upload
from tests.dashboard.reading import Page
from tests.dashboard.searches.conftest import url
from tests.dashboard.test_editing import selected
from tests.dashboard.test_new_model import NEW, start
from tests.dashboard.test_retraining import as_sent
from tests.forecasts.conftest import csv_of

Status = Trial.Status


class TestAskingForOne:
    def test_the_automatic_choice_comes_first_and_is_chosen_by_nobody_else(self, cast, invoices_of_acme, browser):
        page = Page(browser(cast.trainer).get(NEW, {"dataset": str(invoices_of_acme.dataset_id)}))

        offered = page.all("input", name_="algorithm")
        assert offered[0].get("value") == AUTO
        assert not any("checked" in one.attributes for one in offered)
        kinds = {one.get("value"): one.get("data-search") for one in offered}
        assert (kinds[AUTO], kinds["xgboost"], kinds["dbscan"], kinds["isolation_forest"]) == (
            "always",
            "maybe",
            "never",
            "never",
        )
        times = [option.get("value") for option in page.all("option") if option.get("value") in {"60", "300", "900", "3600"}]
        assert times == ["60", "300", "900", "3600"]
        assert selected(page, "search") == ""
        own = [element.get("name") for element in page.elements if element.get("name").startswith("auto.")]
        assert own == ["auto.horizon", "auto.frequency", "auto.repeated", "auto.season"]
        assert "The search chooses all settings." in page.text

    def test_its_time_and_the_settings_that_were_typed_are_kept(self, cast, invoices_of_acme, browser):
        typed = {"random_forest.n_estimators": "20", "random_forest.min_samples_leaf": "7"}

        answer = browser(cast.trainer).post(NEW, start(invoices_of_acme, search="300", **typed))

        campaign = TrainingCampaign.objects.get()
        assert answer.url == url("campaign", campaign.pk)
        assert campaign.search["seconds"] == 300
        assert campaign.search["held"] == {"n_estimators": 20, "max_depth": 4, "min_samples_leaf": 7}

    def test_without_one_nothing_is_searched(self, cast, invoices_of_acme, browser):
        browser(cast.trainer).post(NEW, start(invoices_of_acme, search=""))

        assert TrainingCampaign.objects.get().search is None

    @pytest.mark.parametrize(("sent", "seconds"), [({"search": "900"}, 900), ({"search": ""}, 60), ({}, 60)])
    def test_the_automatic_choice_needs_no_settings(self, cast, invoices_of_acme, browser, settings, sent, seconds):
        settings.SEARCH_SECONDS = 60

        browser(cast.trainer).post(NEW, start(invoices_of_acme, algorithm=AUTO, **sent))

        campaign = TrainingCampaign.objects.get()
        assert (campaign.model.algorithm, campaign.algorithm, campaign.model.parameters) == (AUTO, "", {})
        assert (campaign.search["seconds"], campaign.search["held"]) == (seconds, {})

    def test_that_of_a_forecast_has_settings_of_its_own(self, cast, browser):
        version = upload(cast.acme, csv_of().encode(), name="Ventes", file="ventes.csv")
        given = {
            "task": "forecast", "target": "ventes", "times": "jour", "series": "magasin", "auto.horizon": "6", "search": "60",
        }  # fmt: skip

        answer = browser(cast.trainer).post(NEW, start(version, algorithm=AUTO, **given))

        assert answer.status_code == 302, Page(answer).text
        campaign = TrainingCampaign.objects.get()
        assert (campaign.model.parameters["horizon"], campaign.search["held"]) == (6, {"horizon": 6})

    def test_the_automatic_choice_has_no_groups(self, cast, invoices_of_acme, browser):
        answer = browser(cast.trainer).post(NEW, start(invoices_of_acme, algorithm=AUTO, task="clustering", target=""))

        assert answer.status_code == 422
        assert "Automatic choice does not do this" in Page(answer).one("div", role="alert").text

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"search": "5"}, "A search takes 30 seconds at least"),
            ({"search": "soon"}, "valid integer"),
            ({"search": "30000"}, "A training may take 21600 seconds here."),
            ({"search": "60", "algorithm": "isolation_forest", "task": "anomaly", "target": ""}, "no answers to judge settings by"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_said_beside_its_field(self, cast, invoices_of_acme, browser, settings, given, words):
        settings.TRAINING_TIME_SECONDS = 21_600

        answer = browser(cast.trainer).post(NEW, start(invoices_of_acme, **given))

        page = Page(answer)
        assert (answer.status_code, page.faults) == (422, [])
        assert words in page.one("label", id="field-search").text
        assert words in page.one("div", role="alert").text
        assert "field-search" in {link.lstrip("#") for link in page.links}
        assert not RegisteredModel.objects.exists()

    def test_what_was_asked_stands_there_again_not_what_was_found(self, cast, under_way, browser):
        campaign = under_way(parameters={"max_depth": 4})
        TrainingCampaign.objects.filter(pk=campaign.pk).update(
            parameters={**campaign.parameters, "learning_rate": 0.123}, search={**campaign.search, "seconds": 45}
        )
        campaign.refresh_from_db()
        lifecycle.fail(campaign.pk, campaign.token, reason="The file is empty.")

        page = Page(browser(cast.trainer).get(url("edit_model", campaign.model_id)))

        assert selected(page, "search") == "45"
        assert page.one("input", name_="xgboost.max_depth").get("value") == "4"
        assert page.one("input", name_="xgboost.learning_rate").get("value") == "0.05"

    def test_the_form_is_french_in_french(self, cast, invoices_of_acme, browser):
        page = Page(browser(cast.trainer, "fr").get(NEW, {"dataset": str(invoices_of_acme.dataset_id)}))

        for words in ("Choix automatique", "Essaie les algorithmes qui conviennent", "Recherche de meilleurs réglages"):
            assert words in page.text
        assert "Non\u00a0: avec les réglages tels quels" in [
            option.text.replace(" :", "\u00a0:") for option in page.all("option")
        ]


class TestTrainingAgain:
    def test_a_search_is_given_what_was_changed_and_no_more(self, cast, late_payers, browser):
        client = browser(cast.trainer)
        given = as_sent(Page(client.get(url("train", late_payers.pk))))

        client.post(url("train", late_payers.pk), {**given, "search": "300", "random_forest.min_samples_leaf": "9"})

        campaign = TrainingCampaign.objects.get(status="pending")
        assert (campaign.search["seconds"], campaign.search["held"]) == (300, {"min_samples_leaf": 9})
        assert campaign.parameters["n_estimators"] == 20

    def test_the_same_again_is_worth_a_search(self, cast, late_payers, browser):
        client = browser(cast.trainer)
        given = as_sent(Page(client.get(url("train", late_payers.pk))))

        assert client.post(url("train", late_payers.pk), {**given, "search": "60"}).status_code == 302
        assert TrainingCampaign.objects.get(status="pending").search["held"] == {}

    @pytest.mark.parametrize(
        ("seconds", "words"), [("5", "A search takes 30 seconds at least"), ("99999", "A training may take")]
    )
    def test_a_time_that_cannot_be_is_refused_beside_its_field(self, cast, late_payers, browser, seconds, words):
        client = browser(cast.trainer)
        given = as_sent(Page(client.get(url("train", late_payers.pk))))

        page = Page(client.post(url("train", late_payers.pk), {**given, "search": seconds}))

        assert words in page.one("label", id="field-search").text
        assert selected(page, "search") == seconds
        assert TrainingCampaign.objects.count() == 1

    def test_where_there_is_nothing_to_search_the_field_is_hidden(self, cast, train_model, browser):
        model = train_model(algorithm="isolation_forest", task="anomaly", target="", parameters={"n_estimators": 50})

        page = Page(browser(cast.trainer).get(url("train", model.pk)))

        assert "hidden" in page.one("label", id="field-search").attributes

    def test_a_model_of_the_automatic_choice_always_searches(self, cast, searched, browser):
        model = searched(AUTO, tried=4).model
        client = browser(cast.trainer)

        page = Page(client.get(url("train", model.pk)))
        sent = client.post(url("train", model.pk), {**as_sent(page), "search": selected(page, "search")})

        assert page.faults == []
        assert selected(page, "search") == "60"
        assert "" not in {option.get("value") for option in page.all("option")}
        assert "kept as you type them" not in page.text  # there is nothing to type
        assert sent.url == url("campaign", TrainingCampaign.objects.get(status="pending").pk)

    def test_the_form_begins_as_the_live_version_was_made_when_told_to(self, cast, searched, browser):
        campaign = searched(tried=6)
        ModelVersion.objects.update(parameters={**campaign.parameters, "learning_rate": 0.1234})
        client = browser(cast.trainer, "fr")
        address = url("train", campaign.model_id)

        standing = Page(client.get(address))
        (link,) = [link for link in standing.links if link.startswith("?")]
        like_live = Page(client.get(address + link))

        assert standing.one("input", name_="xgboost.learning_rate").get("value") == "0,05"
        assert like_live.one("input", name_="xgboost.learning_rate").get("value") == "0,1234"
        assert not [link for link in like_live.links if link.startswith("?")]
        assert client.post(address, as_sent(like_live)).status_code == 422  # nothing differs
