"""A search ends in its time, and says what it could not do in it."""

import time
from datetime import timedelta

import pytest

from apps.core import clock
from apps.core.processes import identity
from apps.training import lifecycle, trial_lifecycle
from apps.training.engine import search as searching
from apps.training.engine import training
from apps.training.models import TrainingCampaign, Trial
from apps.training.selectors import leaderboard_of
from tests.training.searches.conftest import a_trial, train

pytestmark = pytest.mark.django_db
Status = Trial.Status


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Have the machine to itself, whatever runs beside this test."""
    monkeypatch.setattr(searching.os, "getloadavg", lambda: (0.0, 0.0, 0.0))


class TestItsTime:
    def test_time_that_is_used_up_is_not_used_again(self, searched):
        campaign = searched(trials=None, seconds=60)
        TrainingCampaign.objects.filter(pk=campaign.pk).update(search_spent=70.0)

        train(campaign)

        assert campaign.status == "completed", campaign.error
        assert not campaign.trials.exists()
        none_ended, late = campaign.version.evaluation["search"]["warnings"]
        assert "No trial came to its end within 60 seconds" in none_ended
        assert late.startswith("The training was given 60 seconds and took ")
        assert campaign.version.parameters["n_estimators"] == 20

    def test_the_time_that_the_version_takes_is_kept_for_it(self, searched):
        """Of 60 s, 6.6 for what every version costs, and 1.2 times its fit and a sixth of it again, on five fourths of a fold's rows."""
        campaign = searched(seconds=60)
        token = lifecycle.claim(campaign.pk, {}).token
        conductor = searching._Conductor(campaign, token, None, (320, 400), time.monotonic())
        assert conductor.available == pytest.approx(40.0)  # while nothing is known of it
        facts = {"status": Status.COMPLETED, "score": 0.9, "fit_seconds": 2.0, "fit_rows": 256}

        conductor.ended.append(a_trial(campaign, token, **facts))

        assert conductor.available == pytest.approx(53.4 - 1.2 * (1 + 1 / 6) * 2.0 * 320 / 256)
        conductor.ended[0].fit_seconds = 600.0
        assert conductor.available == pytest.approx(30.0)  # and half of the time for trials at least

    def test_a_trial_that_has_only_begun_tells_what_the_version_takes(self, searched):
        campaign = searched(seconds=60)
        token = lifecycle.claim(campaign.pk, {}).token
        conductor = searching._Conductor(campaign, token, None, (320, 400), time.monotonic())
        facts = {"status": Status.RUNNING, "scores": [0.9], "fit_seconds": 2.0, "fit_rows": 256}
        chosen = conductor.study.next()
        trial = a_trial(campaign, token, parameters=chosen.parameters, searched=chosen.searched, **facts)
        conductor.open[trial.pk] = chosen

        conductor._collect()

        assert conductor.available == pytest.approx(53.4 - 1.2 * (1 + 1 / 6) * 2.0 * 320 / 256)

    def test_on_a_busy_machine_more_is_kept(self, searched, monkeypatch):
        cores = searching.os.cpu_count()
        monkeypatch.setattr(searching.os, "getloadavg", lambda: (3.0 * cores, 0.0, 0.0))
        campaign = searched(seconds=60)
        token = lifecycle.claim(campaign.pk, {}).token
        conductor = searching._Conductor(campaign, token, None, (320, 400), time.monotonic())
        facts = {"status": Status.COMPLETED, "score": 0.9, "fit_seconds": 2.0, "fit_rows": 256}
        conductor.ended.append(a_trial(campaign, token, **facts))

        assert conductor.available == pytest.approx(50.4 - 1.2 * (1 + 1 / 6) * 2.0 * 320 / 256)

    def test_a_version_that_took_longer_than_was_given_says_so(self, searched, monkeypatch):
        campaign = searched(trials=1, seconds=60)
        monkeypatch.setattr(searching, "_LATE", 0.0)

        train(campaign)

        (warning,) = campaign.version.evaluation["search"]["warnings"]
        assert warning.startswith("The training was given 60 seconds and took ")

    def test_the_start_of_its_process_counts(self, searched, monkeypatch):
        campaign = searched(trials=1, seconds=60)
        claim = lifecycle.claim(campaign.pk, {})
        late = campaign.__class__.objects.get(pk=campaign.pk).started_at + timedelta(seconds=20)
        monkeypatch.setattr(clock, "now", lambda: late)

        training.run(campaign.pk, claim.token, claim.attempt)

        campaign.refresh_from_db()
        assert 20 <= campaign.version.evaluation["search"]["seconds"] < 60

    @pytest.mark.parametrize(
        ("column", "folds", "words"),
        [
            ({"group_column": "city"}, 3, "3 folds in place of 5, since there are too few groups of 'city'"),
            ({"time_column": "since"}, 4, "4 folds in place of 5, since the earliest rows are too few"),
            ({}, 2, "2 folds in place of 5, since a class has too few rows"),
            ({}, 5, ""),
        ],
    )
    def test_folds_that_could_not_be_made_are_told(self, searched, column, folds, words):
        campaign = searched(seconds=60)
        token = lifecycle.claim(campaign.pk, {}).token
        for name, value in column.items():
            setattr(campaign.model, name, value)
        conductor = searching._Conductor(campaign, token, None, (320, 400), time.monotonic())
        facts = {"status": Status.COMPLETED, "score": 0.9, "scores": [0.9] * folds, "fit_seconds": 0.1, "fit_rows": 256}
        conductor.ended.append(a_trial(campaign, token, **facts))

        said = conductor.found().warnings

        assert len(said) == bool(words)
        assert all(words in one for one in said)

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
