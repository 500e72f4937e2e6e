"""Searches for better settings as people see them: asked for, watched, gone on with, and told with the version."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from apps.algorithms.choice import AUTO
from apps.core import clock
from apps.core.processes import identity
from apps.dashboard import search_charts
from apps.dashboard.figures import spread
from apps.registry.actions import archive_model, create_model
from apps.registry.models import ModelVersion, RegisteredModel
from apps.training import lifecycle, trial_lifecycle
from apps.training.actions import start_campaign
from apps.training.engine import search as searching
from apps.training.engine import trials
from apps.training.models import TrainingCampaign, Trial
from apps.training.selectors import leaderboard_of
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import run, train, upload
from tests.dashboard.reading import Page
from tests.dashboard.test_editing import selected
from tests.dashboard.test_new_model import NEW, start
from tests.dashboard.test_retraining import as_sent
from tests.forecasts.conftest import csv_of

Status = Trial.Status
FAST = {"n_estimators": 20, "early_stopping_rounds": 5}


def url(name: str, *args: Any) -> str:
    return reverse(f"dashboard:{name}", args=args)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Run trials in this process as soon as they are sent."""
    settings.SEARCH_TRIALS_AT_ONCE = 1
    monkeypatch.setattr(trials, "close_old_connections", lambda: None)  # it would end the test's transaction
    monkeypatch.setattr(trials, "_take_limits", lambda: None)  # they are for a worker's process
    trials._rows_of.cache_clear()
    monkeypatch.setattr(searching, "send_trial", lambda trial, seconds: trials.run(trial.pk))
    monkeypatch.setattr(searching, "_LOOK_SECONDS", 0.0)


@pytest.fixture
def model_of(cast, invoices_of_acme) -> Callable[..., RegisteredModel]:
    """Return a maker of models of acme that nothing was trained for yet."""

    def make(algorithm: str = "xgboost", **fields: Any) -> RegisteredModel:
        parameters = FAST if algorithm == "xgboost" else {}
        given = {"name": f"By {algorithm}", "task": "classification", "target": "late", "parameters": parameters, **fields}
        return create_model(workspace=cast.acme, actor=SYSTEM, algorithm=algorithm, **given)

    return make


def play(trial: Trial, seconds: int) -> None:
    """Score a trial of the automatic choice as if it had been run: the quickest algorithm is the best."""
    trial_lifecycle.begin(trial.pk, identity())
    score = 0.9 if trial.algorithm == "svm" else 0.8
    facts = {"metric": "roc_auc", "fit_seconds": 0.1, "fit_rows": 256, "scores": [score, score]}
    trial_lifecycle.end(trial.pk, Status.COMPLETED, score=score, **facts)


@pytest.fixture
def searched(model_of, invoices_of_acme, monkeypatch) -> Callable[..., TrainingCampaign]:
    """Return a maker of campaigns whose search has ended with a version."""

    def make(algorithm: str = "xgboost", *, tried: int = 3, **fields: Any) -> TrainingCampaign:
        if algorithm == AUTO:
            monkeypatch.setattr(searching, "send_trial", play)
        search = {"seconds": 60, "trials": tried}
        campaign = train(model_of(algorithm), invoices_of_acme, search=search, **fields)
        assert campaign.status == "completed", campaign.error
        return campaign

    return make


@pytest.fixture
def under_way(model_of, invoices_of_acme) -> Callable[..., TrainingCampaign]:
    """Return a maker of campaigns whose search runs, and has tried what a test adds."""

    def make(algorithm: str = "xgboost", **fields: Any) -> TrainingCampaign:
        search = {"seconds": 60}
        model = model_of(algorithm)
        campaign = start_campaign(model=model, dataset_version=invoices_of_acme, search=search, actor=SYSTEM, **fields)
        assert lifecycle.claim(campaign.pk, {})
        campaign.refresh_from_db()
        return campaign

    return make


def add(campaign: TrainingCampaign, number: int, status: str = "completed", **fields: Any) -> Trial:
    """Add a trial that somebody has run elsewhere."""
    scores = fields.pop("scores", [0.8, 0.9] if status == "completed" else [])
    given = {"algorithm": "xgboost", "searched": {"max_depth": number, "reg_lambda": 0.5}, "metric": "roc_auc", **fields}
    score = sum(scores) / len(scores) if status == "completed" else None
    facts = {"run": campaign.token, "until": clock.now() + timedelta(minutes=1), "fit_seconds": 0.25 if scores else None}
    made: Trial = Trial.objects.create(
        campaign=campaign, number=number, status=status, scores=scores, score=score, **facts, **given
    )
    return made


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
            ({"search": "5"}, "greater than or equal to 10"),
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

    @pytest.mark.parametrize(("seconds", "words"), [("5", "greater than or equal to 10"), ("99999", "A training may take")])
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


class TestThePageOfASearch:
    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_it_ranks_what_was_tried(self, cast, searched, browser, language):
        campaign = searched(tried=4)

        answer = browser(cast.trainer, language).get(url("campaign", campaign.pk))

        page = Page(answer)
        assert (answer.status_code, page.faults) == (200, [])
        best = page.one("tr", class_="best")
        says = {"en": ("chosen", "Depth", "Scores of the trials"), "fr": ("retenu", "Profondeur", "Scores des essais")}[
            language
        ]
        assert all(word in page.text for word in says)
        assert best.text.startswith("1 ")
        assert says[0] in best.text
        assert f"{says[1]} {leaderboard_of(campaign)[0].searched['max_depth']}" in best.text
        assert {"en": "ROC AUC", "fr": "Aire sous la courbe ROC"}[language] in [head.text for head in page.all("th")]
        assert {"en": " of 1\u00a0min.", "fr": " sur 1\u00a0min."}[language].replace("\u00a0", " ") in page.text
        assert {"en": "Trials: 4 (4 went to their end).", "fr": "Essais : 4 (4 terminés)."}[language] in page.text

    def test_what_it_found_is_not_what_was_asked(self, cast, searched, browser):
        campaign = searched(parameters={"subsample": 0.6})

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        asked = [head.text for head in page.all("th")]
        assert {"Search", "Most trees", "Share of rows a tree"} <= set(asked)
        assert not {"Learning rate", "Depth"} & set(asked)
        assert "Share of rows a tree" not in page.one("tr", class_="best").text

    def test_what_was_not_done_is_told_in_words(self, cast, under_way, browser):
        campaign = under_way()
        add(campaign, 1, scores=[0.91, 0.93])
        add(campaign, 2, scores=[0.81, 0.83])
        add(campaign, 3, "pruned", scores=[0.5])
        add(campaign, 4, "failed", error="The process of this trial died.", metric="")
        add(campaign, 5, "running", scores=[0.7])
        add(campaign, 6, "waiting", metric="")

        page = Page(browser(cast.viewer, "fr").get(url("campaign", campaign.pk)))

        assert page.faults == []
        assert "Essais : 6 (2 terminés, 1 arrêté tôt, 1 en échec, 1 en cours, 1 en attente)." in page.text
        assert "Le processus de cet essai est mort." in page.text
        assert "0,500 plis faits : 1" in page.text
        best = page.one("tr", class_="best")
        assert "0,920 ± 0,014" in best.text
        assert "meilleur jusqu\u2019ici" in best.text
        words = json.loads(page.one("script", id="words").text)
        assert words["measures"] == dict.fromkeys(("trial_score", "best_score"), "Aire sous la courbe ROC")
        assert words["step"] == "essai"

    def test_before_the_first_trial_it_says_so(self, cast, under_way, browser):
        page = Page(browser(cast.viewer).get(url("campaign", under_way().pk)))

        assert page.faults == []
        assert "The trials appear as they are chosen." in page.one("div", id="trials").text
        assert json.loads(page.one("script", id="words").text)["measures"] == {"trial_score": "", "best_score": ""}

    def test_ten_are_shown_and_the_others_folded_away(self, cast, under_way, browser):
        campaign = under_way()
        for number in range(1, 106):
            add(campaign, number, scores=[0.5 + number / 1_000] * 2, searched={"max_depth": number % 9 + 2})

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        first, folded = (table for table in page.all("table") if "trials" in table.get("class"))
        assert first.text.count("finished") + first.text.count("the best so far") == 10
        assert folded.text.count("finished") == 90
        assert "The other 5 are in the API" in page.text
        assert reverse("campaign-trials", args=[campaign.pk]) in page.links

    def test_the_automatic_choice_names_the_algorithms(self, cast, searched, browser):
        campaign = searched(AUTO, tried=4)

        page = Page(browser(cast.trainer, "fr").get(url("campaign", campaign.pk)))

        assert page.faults == []
        table = next(table for table in page.all("table") if "trials" in table.get("class"))
        assert all(
            title in table.text for title in ("Forêt aléatoire", "XGBoost", "Gradient boosting", "Machine à vecteurs")
        )
        assert "Entraîner avec ceux-ci" not in page.text
        assert "Algorithme Choix automatique" in page.text
        assert "Choix automatique sur" not in page.text  # the heading names what was chosen

    def test_one_that_has_not_chosen_is_headed_by_the_choice(self, cast, under_way, browser):
        page = Page(browser(cast.viewer).get(url("campaign", under_way(AUTO).pk)))

        assert "Automatic choice on Invoices" in page.text

    def test_who_may_not_train_is_asked_for_nothing(self, cast, searched, browser):
        campaign = searched(tried=1)

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        assert url("continue_search", campaign.pk) not in page.posts_to
        assert "Train with these" not in page.text

    def test_a_plain_training_has_none_of_it(self, cast, late_payers, browser):
        page = Page(browser(cast.trainer).get(url("campaign", late_payers.campaigns.get().pk)))

        assert "Learning curve" in page.text
        assert not page.all("div", id="trials")

    def test_a_trial_s_settings_can_be_trained_with(self, cast, searched, browser):
        campaign = searched(tried=2, seed=3)
        client = browser(cast.trainer, "fr")
        second = leaderboard_of(campaign)[1]

        page = Page(client.get(url("campaign", campaign.pk)))
        links = [one.get("href") for one in page.all("a") if one.text == "Entraîner avec ceux-ci"]
        form = Page(client.get(links[1]))
        sent = client.post(url("train", campaign.model_id), {**as_sent(form), "anyway": "1"})

        assert sent.status_code == 302, Page(sent).text
        later = TrainingCampaign.objects.get(status="pending")
        assert (later.parameters, later.seed, later.search) == (second.parameters, 3, None)

    def test_a_metric_of_many_words_is_called_by_its_letters(self, cast, under_way, browser):
        campaign = under_way()
        for number in range(1, 5):
            add(campaign, number, metric="mase", greater_is_better=False, scores=[number / 10] * 2)

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        assert "MASE" in [head.text for head in page.all("th")]
        assert "Error beside the seasonal naive forecast (MASE): the mean over the folds" in page.text
        assert json.loads(page.one("script", id="words").text)["measures"]["best_score"] == "MASE"
        assert page.one("tr", class_="best").text.startswith("1 0.100")
        heights = {text.text: float(text.get("y")) for text in page.all("text")}  # the last axis is the score's
        assert heights["0.1"] < heights["0.4"]  # the smaller error stands above

    def test_words_in_brackets_are_no_letters(self, cast, under_way, browser):
        campaign = under_way()
        add(campaign, 1, metric="f1_macro")

        assert "F1 (macro)" in [head.text for head in Page(browser(cast.viewer).get(url("campaign", campaign.pk))).all("th")]


class TestSearchingOn:
    def test_it_takes_the_trials_over(self, cast, searched, browser):
        earlier = searched(tried=2, seed=5, parameters={"max_depth": 3})
        client = browser(cast.trainer)
        assert url("continue_search", earlier.pk) in Page(client.get(url("campaign", earlier.pk))).posts_to

        sent = client.post(url("continue_search", earlier.pk), {"seconds": "300"})

        later = TrainingCampaign.objects.get(status="pending")
        assert sent.url == url("campaign", later.pk)
        assert (later.search["seconds"], later.search["continues"], later.seed) == (300, str(earlier.pk), 5)
        assert later.search["held"] == {"max_depth": 3}
        assert later.trials.count() == 2
        page = Page(client.get(sent.url))
        assert "It goes on from an earlier search" in page.text
        assert url("campaign", earlier.pk) in page.links

    def test_it_ends_with_more_trials_than_it_began(self, cast, searched, browser):
        earlier = searched(tried=2)
        browser(cast.trainer).post(url("continue_search", earlier.pk), {"seconds": "300"})
        later = TrainingCampaign.objects.get(status="pending")
        TrainingCampaign.objects.filter(pk=later.pk).update(search={**later.search, "trials": 3})

        assert run(later).status == "completed"
        assert later.trials.count() == 3

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            ({"seconds": "5"}, "greater than or equal to 10"),
            ({}, "null"),
            ({"seconds": "999999999999"}, "less than or equal"),
        ],
    )
    def test_what_cannot_be_is_said_on_the_page(self, cast, searched, browser, sent, words):
        earlier = searched(tried=1)

        page = Page(browser(cast.trainer).post(url("continue_search", earlier.pk), sent, follow=True))

        assert words in page.text
        assert TrainingCampaign.objects.count() == 1

    def test_one_that_runs_goes_on_by_itself(self, cast, under_way, browser):
        running = under_way()
        client = browser(cast.trainer, "fr")

        page = Page(client.post(url("continue_search", running.pk), {"seconds": "60"}, follow=True))

        assert "elle continue d\u2019elle-même" in page.text
        assert url("continue_search", running.pk) not in page.posts_to

    def test_what_never_searched_cannot_go_on(self, cast, late_payers, browser):
        address = url("continue_search", late_payers.campaigns.get().pk)

        page = Page(browser(cast.trainer).post(address, {"seconds": "60"}, follow=True))

        assert "The model has no search of this id." in page.text

    @pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("annotator", 403), ("stranger", 404)])
    def test_only_who_may_train_goes_on(self, cast, searched, browser, who, status):
        earlier = searched(tried=1)

        answer = browser(getattr(cast, who)).post(url("continue_search", earlier.pk), {"seconds": "60"})

        assert answer.status_code == status
        assert TrainingCampaign.objects.count() == 1


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


class TestCharts:
    def test_there_is_one_for_each_algorithm_with_enough_trials(self, cast, under_way, browser):
        campaign = under_way(AUTO)
        for number, algorithm in enumerate(["xgboost"] * 3 + ["svm"] * 2 + ["random_forest"] * 3, start=1):
            settings = {"xgboost": {"max_depth": 3, "reg_lambda": 1.0}, "svm": {"gamma": None}}
            searched = settings.get(algorithm, {"min_samples_leaf": 3, "max_features": "auto"})
            add(campaign, number, algorithm=algorithm, searched=searched, scores=[number / 10, number / 10])

        page = Page(browser(cast.viewer, "fr").get(url("campaign", campaign.pk)))

        charts = page.all("svg", class_="parallel")
        assert [chart.text for chart in page.all("h3")] == ["Forêt aléatoire", "XGBoost"]
        assert len(charts) == 2
        assert "auto" in charts[0].text  # a default where no search looks has its place all the same
        assert "Profondeur" in charts[1].text
        assert "Réglages et scores des essais : XGBoost" in [title.text for title in page.all("title")]

    def test_the_best_is_drawn_last_in_full_colour_and_what_was_stopped_faint(self, cast, under_way, browser):
        campaign = under_way()
        for number in range(1, 5):
            add(campaign, number, scores=[number / 10] * 2)
        add(campaign, 5, "pruned", scores=[0.05])
        add(campaign, 6, "failed", scores=[0.3])
        add(campaign, 7, "running", scores=[0.3])

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        assert [line.get("class") for line in page.all("polyline")[-5:]] == [
            "stopped",
            "tone-0",
            "tone-1",
            "tone-3",
            "tone-4",
        ]
        assert page.all("polyline")[-1].text.startswith("0.400 · Depth 4; L2 penalty 0.500")

    def test_an_algorithm_that_is_gone_is_not_drawn(self, cast, under_way, browser):
        campaign = under_way()
        for number in range(1, 5):
            add(campaign, number, algorithm="oracle", searched={"depth": number})

        page = Page(browser(cast.viewer).get(url("campaign", campaign.pk)))

        assert page.faults == []
        assert not page.all("svg", class_="parallel")
        assert "depth 4" in page.text

    @pytest.mark.parametrize(
        ("axis", "value", "height"),
        [
            (search_charts.numbers("", 0.0, 10.0), 2.5, 0.25),
            (search_charts.numbers("", 0.01, 100.0, is_log=True), 1.0, 0.5),
            (search_charts.numbers("", 0.0, 10.0, is_upside_down=True), 2.5, 0.75),
            (search_charts.numbers("", 3.0, 3.0), 3.0, 0.5),
            (search_charts.numbers("", 0.01, 100.0, is_log=True), 0.0, None),
            (search_charts.numbers("", 0.0, 10.0), None, None),
            (search_charts.numbers("", 0.0, 10.0), "auto", None),
            (search_charts.values("", [("a", "A"), ([64, 32], "64, 32")]), [64, 32], 0.75),
            (search_charts.values("", [("a", "A")]), "b", None),
        ],
    )
    def test_an_axis_knows_the_place_of_a_value(self, axis, value, height):
        assert axis.place(value) == (None if height is None else pytest.approx(height))

    @pytest.mark.parametrize(
        ("low", "high", "labels"),
        [
            (0.01, 0.2, ["0.01", "0.02", "0.05", "0.1", "0.2"]),
            (0.01, 100.0, ["0.01", "0.1", "1", "10", "100"]),
            (4.0, 64.0, ["5", "10", "20", "50"]),
            (1.2, 1.4, ["1.2", "1.4"]),
        ],
    )
    def test_an_axis_of_logarithms_has_round_numbers(self, low, high, labels):
        assert [label for _, label in search_charts.numbers("", low, high, is_log=True).marks] == labels

    def test_long_words_beside_the_first_axis_have_room(self):
        words = search_charts.values("Seasons", [(0, "additive"), (1, "proportional to the trend")])

        chart = search_charts.parallel([words, search_charts.numbers("Score", 0.0, 1.0)], [], title="Trials")

        (first, _) = (float(line.split('x1="')[1].split('"')[0]) for line in chart.split("<line")[1:])
        assert first > len("proportional to") * 6
        assert "proportional to</text>" in chart

    def test_what_has_no_value_is_drawn_below_and_says_so(self):
        axes = [search_charts.numbers("Gamma", 0.001, 1.0, is_log=True), search_charts.numbers("Score", 0.0, 1.0)]
        traces = [search_charts.Trace([None, 0.5], 4, "the first"), search_charts.Trace([0.1, -2.0], None, "<b>")]

        chart = search_charts.parallel(axes, traces, title="Trials")

        assert "\u2013</text>" in chart
        assert "&lt;b&gt;" in chart
        ends = [line.split('points="')[1].split('"')[0].split()[-1] for line in chart.split("<polyline")[1:]]
        heights = [float(end.split(",")[1]) for end in ends]
        assert heights[1] == heights[0] + search_charts._HEIGHT / 2  # beyond the scale is at its end


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
