"""A search is watched, and gone on with."""

import json

import pytest
from django.urls import reverse

from apps.algorithms.choice import AUTO
from apps.core import clock
from apps.training.models import TrainingCampaign, Trial
from apps.training.selectors import leaderboard_of
from tests.dashboard.conftest import run
from tests.dashboard.reading import Page
from tests.dashboard.searches.conftest import add, url
from tests.dashboard.test_retraining import as_sent

Status = Trial.Status


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
        assert {"en": "Log loss", "fr": "Perte logarithmique"}[language] in [head.text for head in page.all("th")]
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
        assert "Taken over from it: 2." in page.text
        assert url("campaign", earlier.pk) in page.links

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_what_it_would_take_over_is_counted_beforehand(self, cast, under_way, browser, language):
        earlier = under_way()
        given = earlier.parameters | {"max_depth": 3}
        for number, status in enumerate(("completed", "completed", "pruned", "failed", "cancelled"), start=1):
            scores = [] if status == "failed" else [0.8, 0.9]
            add(earlier, number, status, scores=scores, parameters=given, searched={"max_depth": 3})
        TrainingCampaign.objects.filter(pk=earlier.pk).update(status="cancelled", finished_at=clock.now())
        client = browser(cast.trainer, language)

        page = Page(client.get(url("campaign", earlier.pk)))
        client.post(url("continue_search", earlier.pk), {"seconds": "300"})

        says = {"en": "goes on from 3 of these 5 trials", "fr": "repart de 3 de ces 5 essais"}[language]
        assert says in page.text
        later = TrainingCampaign.objects.get(status="pending")
        assert later.trials.count() == 3

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
            ({"seconds": "5"}, "A search takes 30 seconds at least"),
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
