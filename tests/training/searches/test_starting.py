"""Searches that are asked for: what they start with, and what is refused."""

import uuid
from typing import Any

import pytest

from apps.core.errors import Conflict, InvalidInput
from apps.training.actions import check_campaign, start_campaign
from apps.training.models import TrainingCampaign, Trial
from apps.training.selectors import leaderboard_of
from apps.workspaces.access import SYSTEM
from tests.training.searches.conftest import train

pytestmark = pytest.mark.django_db
Status = Trial.Status


class TestStarting:
    def start(self, campaign: TrainingCampaign, **fields: Any) -> TrainingCampaign:
        return start_campaign(model=campaign.model, dataset_version=campaign.dataset_version, actor=SYSTEM, **fields)

    def test_a_search_goes_on_from_an_earlier_one(self, searched):
        earlier = train(searched(trials=3, rows=300))

        later = self.start(earlier, search={"seconds": 600, "trials": 5, "continues": earlier.pk})

        assert later.search["rows"] == 300  # scores of other rows could not be compared
        assert [t.score for t in leaderboard_of(later)] == [t.score for t in leaderboard_of(earlier)]
        train(later)
        assert later.status == "completed", later.error
        assert later.trials.count() == 5
        assert earlier.trials.count() == 3

    def test_what_is_given_now_is_held_by_the_trials_taken_over_too(self, searched):
        earlier = train(searched(trials=3))
        (first, *_) = earlier.trials.order_by("number")

        later = self.start(
            earlier, parameters={"max_depth": first.parameters["max_depth"]}, search={"continues": earlier.pk}
        )

        assert {trial.parameters["max_depth"] for trial in later.trials.all()} == {first.parameters["max_depth"]}
        assert later.trials.count() < 3

    def test_trials_with_other_parameters_are_not_taken_over(self, searched):
        """What is not searched decides as well: here the most trees, for a forecast how it reads its series."""
        earlier = train(searched(trials=1))

        with pytest.raises(InvalidInput, match="None of its trials has the parameters"):
            self.start(earlier, parameters={"n_estimators": 33}, search={"continues": earlier.pk})

    def test_a_search_of_another_question_is_not_gone_on_with(self, searched):
        earlier = self.start(searched(), search={"seconds": 60})
        TrainingCampaign.objects.filter(pk=earlier.pk).update(status="failed")
        earlier.model.features = ["amount"]

        with pytest.raises(InvalidInput, match="asks something else since") as refused:
            self.start(earlier, search={"continues": earlier.pk})

        assert refused.value.problems[0].pointer == "/search/continues"

    def test_as_many_trials_as_were_made_already_are_refused(self, searched):
        earlier = train(searched(trials=1))

        with pytest.raises(InvalidInput, match="1 trials are taken over") as refused:
            self.start(earlier, search={"trials": 1, "continues": earlier.pk})

        assert refused.value.problems[0].pointer == "/search/trials"

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"search": {"seconds": 60, "continues": uuid.uuid4()}}, "/search/continues"),
            ({"search": {"seconds": 10**6}}, "/search/seconds"),
            ({"search": {"seconds": 60}, "parameters": {"trees": 3}}, "/parameters/trees"),
        ],
    )
    def test_what_cannot_be_is_refused_by_name(self, searched, fields, pointer):
        with pytest.raises(InvalidInput) as refused:
            self.start(searched(), **fields)

        assert refused.value.problems[0].pointer == pointer

    def test_other_rows_cannot_be_compared(self, searched):
        earlier = train(searched(trials=1))

        with pytest.raises(InvalidInput, match="other rows"):
            self.start(earlier, seed=7, search={"continues": earlier.pk})

    def test_one_that_still_runs_goes_on_by_itself(self, searched):
        earlier = searched()

        with pytest.raises(Conflict, match="goes on by itself"):
            self.start(earlier, search={"continues": earlier.pk})

    def test_an_automatic_choice_always_searches_for_the_usual_time(self, searched, settings):
        settings.SEARCH_SECONDS = 45

        campaign = self.start(searched("auto", {}))

        assert (campaign.search["seconds"], campaign.search["trials"], campaign.algorithm) == (45, None, "")

    def test_where_there_are_no_answers_there_is_nothing_to_search(self, campaign_on_table):
        campaign = campaign_on_table(algorithm="isolation_forest", parameters={})
        campaign.model.task, campaign.model.target = "anomaly", ""

        with pytest.raises(InvalidInput, match="no answers to judge settings by"):
            check_campaign(model=campaign.model, dataset_version=campaign.dataset_version, search={"seconds": 60})

    def test_a_model_of_the_automatic_choice_takes_no_settings_of_one_algorithm(self, campaign_on_table):
        campaign = campaign_on_table(algorithm="auto", parameters={})

        with pytest.raises(InvalidInput, match="No parameters are taken"):
            self.start(campaign, parameters={"n_estimators": 10})
