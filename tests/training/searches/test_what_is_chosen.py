"""What a search chooses, and what it tells of its choice."""

import pytest

from apps.training.models import TrainingEvent, Trial
from apps.training.selectors import curve_of, leaderboard_of
from tests.training.searches.conftest import FAST, train

pytestmark = pytest.mark.django_db
Status = Trial.Status


class TestOneSearch:
    def test_the_version_is_that_of_the_best_trial(self, searched):
        campaign = train(searched())

        assert campaign.status == "completed", campaign.error
        best, *others = leaderboard_of(campaign)
        assert len(others) == 3
        assert all(best.score <= other.score for other in others if other.score is not None)  # log loss
        assert campaign.version.parameters == best.parameters == campaign.parameters
        assert (campaign.algorithm, campaign.version.algorithm) == ("xgboost", "xgboost")
        assert best.parameters["n_estimators"] == 20  # what is not searched stands as it was asked for

    def test_it_tells_how_it_came_to_its_choice(self, searched):
        campaign = train(searched())

        told = campaign.version.evaluation["search"]
        assert (told["trials"], told["completed"] + told["pruned"] + told["failed"]) == (4, 4)
        assert told["metric"] == "log_loss"
        assert told["score"] == leaderboard_of(campaign)[0].score
        assert [row["algorithm"] for row in told["leaderboard"]] == ["xgboost"]
        points = curve_of(campaign)
        assert [point["step"] for point in points] == [1, 2, 3, 4]
        assert [point["best_score"] for point in points] == sorted((point["best_score"] for point in points), reverse=True)
        stages = list(TrainingEvent.objects.filter(campaign=campaign).values_list("stage", flat=True))
        assert stages.index("searching") < stages.index("fitting") < stages.index("saving")

    def test_scores_are_those_of_folds_that_the_version_is_not_measured_on(self, searched):
        campaign = train(searched(trials=1))

        (trial,) = campaign.trials.all()
        assert len(trial.scores) == 5
        assert trial.score == pytest.approx(sum(trial.scores) / 5)
        assert trial.fit_rows == 256  # of 400 rows a fifth is kept apart from the search, and a fifth of the rest by a fold
        assert campaign.version.evaluation["split"]["test_rows"] == 80

    def test_the_automatic_choice_compares_all_that_fit(self, searched):
        campaign = train(searched("auto", {}, trials=5))

        assert {trial.algorithm for trial in campaign.trials.all()} == {
            "gradient_boosting",
            "random_forest",
            "svm",
            "xgboost",
        }
        assert campaign.algorithm == campaign.version.algorithm == leaderboard_of(campaign)[0].algorithm
        assert len(campaign.version.evaluation["search"]["leaderboard"]) == 4

    def test_held_settings_stay(self, searched):
        campaign = train(searched(held={"max_depth": 2}, parameters={**FAST, "max_depth": 2}))

        assert {trial.parameters["max_depth"] for trial in campaign.trials.all()} == {2}

    def test_many_rows_are_compared_on_a_sample_and_the_version_learns_from_all(self, searched):
        campaign = train(searched(rows=100, trials=1))

        assert campaign.trials.get().fit_rows == pytest.approx(80, abs=2)
        assert campaign.version.evaluation["split"]["train_rows"] == 320
