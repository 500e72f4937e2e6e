"""What a version and a model tell of the search behind them."""

import uuid

import pytest

from apps.algorithms.choice import AUTO
from apps.dashboard.figures import spread
from apps.registry.actions import archive_model
from apps.registry.models import ModelVersion, RegisteredModel
from apps.training import lifecycle
from apps.training.models import Trial
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import train
from tests.dashboard.reading import Page
from tests.dashboard.searches.conftest import url
from tests.dashboard.test_editing import selected

Status = Trial.Status


class TestTheVersion:
    @pytest.mark.parametrize(
        ("language", "words"), [("en", "Trials: 3 (3 went to their end)."), ("fr", "Essais : 3 (3 terminés).")]
    )
    def test_it_tells_how_its_settings_were_found(self, cast, searched, browser, language, words):
        campaign = searched()

        page = Page(browser(cast.viewer, language).get(url("version", campaign.model_id, 1)))

        assert page.faults == []
        assert words in page.text
        assert "XGBoost" in page.one("tr", class_="best").text
        assert url("campaign", campaign.pk) in page.links

    def test_its_warnings_are_said_in_the_reader_s_language(self, cast, searched, browser):
        campaign = searched(tried=1)
        version = campaign.version
        told = "Trial 3 scored better, but its version could not be made in the time left. Allow more time."
        version.evaluation["search"] |= {"warnings": [told], "leaderboard": []}
        ModelVersion.objects.filter(pk=version.pk).update(evaluation=version.evaluation)

        page = Page(browser(cast.viewer, "fr").get(url("version", campaign.model_id, 1)))

        assert "L\u2019essai 3 a un meilleur score" in page.text
        assert "mené à terme" not in page.text

    def test_one_of_a_trial_that_did_not_end_is_marked_on_the_page_of_its_search(self, cast, searched, browser):
        campaign = searched(tried=1)
        campaign.trials.update(status=Status.CANCELLED, score=None, scores=[0.75])

        page = Page(browser(cast.viewer, "fr").get(url("campaign", campaign.pk)))

        best = page.one("tr", class_="best")
        assert best.text.startswith("\u2013 0,750 plis faits : 1")
        assert "retenu" in best.text

    def test_one_of_a_plain_training_says_nothing_of_a_search(self, cast, late_payers, browser):
        assert "How its settings" not in Page(browser(cast.viewer).get(url("version", late_payers.pk, 1))).text


class TestAModelOfTheAutomaticChoice:
    @pytest.fixture
    def model(self, searched) -> RegisteredModel:
        return searched(AUTO, tried=4).model

    @pytest.mark.parametrize(
        ("language", "title", "chosen"),
        [
            ("en", "Automatic choice", "Support vector machine"),
            ("fr", "Choix automatique", "Machine à vecteurs de support"),
        ],
    )
    def test_its_pages_are_there(self, cast, model, browser, language, title, chosen):
        client = browser(cast.trainer, language)

        one, of_version = [model.pk], [model.pk, 1]
        names = {"home": [], "models": [], "campaigns": [], "model": one, "train": one, "edit_model": one}
        shown = {}
        for name, args in {**names, "version": of_version, "version_card": of_version}.items():
            answer = client.get(url(name, *args))
            shown[name] = Page(answer)
            assert (answer.status_code, shown[name].faults) == (200, []), name

        assert all(title in shown[name].text for name in ("home", "models", "model", "train"))
        assert all(chosen in shown[name].text for name in ("home", "models", "model", "version", "version_card"))

    def test_that_which_stays_of_it_is_there(self, cast, model, browser):
        archive_model(model=model, actor=SYSTEM)
        client = browser(cast.trainer)

        for address in (url("model", model.pk), f"{url('models')}?archived=1", url("campaign", model.campaigns.get().pk)):
            page = Page(client.get(address))
            assert page.faults == []
        assert "Automatic choice" in Page(client.get(url("model", model.pk))).text
        assert url("continue_search", model.campaigns.get().pk) not in page.posts_to

    def test_its_versions_are_compared_with_their_algorithms(self, cast, model, invoices_of_acme, browser):
        again = train(model, invoices_of_acme, search={"seconds": 60, "trials": 1}, seed=1)
        ModelVersion.objects.filter(pk=again.version.pk).update(algorithm="svm")
        ModelVersion.objects.exclude(pk=again.version.pk).update(algorithm="xgboost")

        page = Page(browser(cast.viewer).get(url("compare", model.pk)))

        assert page.faults == []
        assert "Algorithm XGBoost Support vector machine" in page.text

    def test_one_without_a_version_can_be_changed(self, cast, under_way, browser):
        campaign = under_way(AUTO)
        lifecycle.fail(campaign.pk, campaign.token, reason="The file is empty.")

        page = Page(browser(cast.trainer).get(url("edit_model", campaign.model_id)))

        assert page.faults == []
        assert "checked" in page.one("input", name_="algorithm", value=AUTO).attributes
        assert selected(page, "search") == "60"


@pytest.mark.parametrize(
    ("value", "around", "text"),
    [(0.00984, 0.98, "0.010"), (0.00001, 0.98, "0.00001"), (12.3456, 1200.5, "12.3"), (0.0, 0.9, "0")],
)
def test_a_spread_has_the_decimals_of_its_number(value, around, text):
    assert spread(value, around) == text


def test_nobody_else_s_search_is_seen(cast, searched, browser):
    campaign = searched(tried=1)

    for address in (url("campaign", campaign.pk), url("campaign", uuid.uuid4())):
        assert browser(cast.stranger).get(address).status_code == 404
