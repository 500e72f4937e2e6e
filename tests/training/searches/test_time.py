"""A search ends in its time, and says what it could not do in it."""

import time

import pytest

from apps.core.processes import identity
from apps.training import lifecycle, trial_lifecycle
from apps.training.engine import search as searching
from apps.training.models import TrainingCampaign, Trial
from apps.training.selectors import leaderboard_of
from tests.training.searches.conftest import a_trial, train

pytestmark = pytest.mark.django_db
Status = Trial.Status


class TestItsTime:
    def test_time_that_is_used_up_is_not_used_again(self, searched):
        campaign = searched(trials=None, seconds=60)
        TrainingCampaign.objects.filter(pk=campaign.pk).update(search_spent=70.0)

        train(campaign)

        assert campaign.status == "completed", campaign.error
        assert not campaign.trials.exists()
        (warning,) = campaign.version.evaluation["search"]["warnings"]
        assert "No trial came to its end within 60 seconds" in warning
        assert campaign.version.parameters["n_estimators"] == 20

    def test_the_time_that_the_version_takes_is_kept_for_it(self, searched):
        """Of 60 s, 6.6 for what every version costs, and 1.2 times its fit and a sixth of it again, on five fourths of a fold's rows."""
        campaign = searched(seconds=60)
        token = lifecycle.claim(campaign.pk, {}).token
        conductor = searching._Conductor(campaign, token, None, (320, 400), time.monotonic())
        assert conductor.available == pytest.approx(53.4)
        facts = {"status": Status.COMPLETED, "score": 0.9, "fit_seconds": 2.0, "fit_rows": 256}

        conductor.ended.append(a_trial(campaign, token, **facts))

        assert conductor.available == pytest.approx(53.4 - 1.2 * (1 + 1 / 6) * 2.0 * 320 / 256)
        conductor.ended[0].fit_seconds = 600.0
        assert conductor.available == pytest.approx(30.0)  # and half of the time for trials at least

    def test_it_comes_to_its_end_by_itself(self, searched):
        campaign = train(searched(trials=None, seconds=10))

        assert campaign.trials.filter(status=Status.COMPLETED).exists()
        assert 0 < campaign.search_spent <= 10

    def test_where_no_trial_ends_the_best_of_those_begun_is_trained(self, searched, settings, monkeypatch):
        def begin(trial: Trial, seconds: int) -> None:
            trial_lifecycle.begin(trial.pk, identity())
            facts = {"metric": "roc_auc", "fit_seconds": 0.1, "fit_rows": 256}
            trial_lifecycle.note_scores(trial.pk, scores=[0.5 + 0.1 * trial.number], **facts)

        monkeypatch.setattr(searching, "send_trial", begin)
        settings.SEARCH_TRIALS_AT_ONCE = 2
        campaign = searched(trials=None, seconds=10)
        TrainingCampaign.objects.filter(pk=campaign.pk).update(search_spent=5.0)

        train(campaign)

        assert campaign.parameters == campaign.trials.get(number=2).parameters
        assert "best on its first folds" in campaign.version.evaluation["search"]["warnings"][0]

    def test_what_can_no_longer_be_made_in_time_is_passed_over_and_told(self, searched, monkeypatch):
        campaign = searched(trials=2)
        monkeypatch.setattr(
            searching._Conductor, "_version_seconds", lambda self, trial: 1e6 if trial == top(campaign) else 0.0
        )

        train(campaign)

        assert campaign.parameters == leaderboard_of(campaign)[1].parameters
        assert "scored better, but its version could not be made" in campaign.version.evaluation["search"]["warnings"][0]

    def test_where_none_can_be_made_in_time_the_quickest_is(self, searched, monkeypatch):
        campaign = searched(trials=3)
        monkeypatch.setattr(
            searching._Conductor, "_version_seconds", lambda self, trial: 1e6 if trial.number == 2 else 1e6 + trial.number
        )

        train(campaign)

        assert campaign.parameters == campaign.trials.get(number=2).parameters


def top(campaign: TrainingCampaign) -> Trial | None:
    done = [trial for trial in leaderboard_of(campaign) if trial.status == Status.COMPLETED]
    return done[0] if len(done) > 1 else None
