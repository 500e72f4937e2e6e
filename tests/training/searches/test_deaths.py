"""What becomes of a search when something of it dies, or is away for a moment."""

import uuid
from typing import Any

import pytest
from django.db.utils import OperationalError

from apps.core import clock
from apps.core.processes import identity
from apps.training import lifecycle, trial_lifecycle
from apps.training.engine import database, training, trials
from apps.training.engine import search as searching
from apps.training.models import Trial
from tests.training.searches.conftest import KeptOpen, a_trial, train

pytestmark = pytest.mark.django_db
Status = Trial.Status


class TestAfterADeath:
    def test_a_run_that_takes_over_goes_on_from_the_trials_that_ended(self, searched, monkeypatch):
        campaign = searched(trials=5)
        claim = lifecycle.claim(campaign.pk, {})
        sent = []

        def die_at_the_third(trial: Trial, seconds: int) -> None:
            sent.append(trial.pk)
            if len(sent) == 3:
                raise lifecycle.LeaseLost
            trials.run(trial.pk)

        monkeypatch.setattr(searching, "send_trial", die_at_the_third)
        with pytest.raises(lifecycle.LeaseLost):
            training.run(campaign.pk, claim.token, claim.attempt)
        assert lifecycle.give_back(campaign.pk, claim.token, reason="It died.", is_death=True)
        assert [t.status for t in campaign.trials.order_by("number")] == ["completed", "completed", "cancelled"]
        monkeypatch.setattr(searching, "send_trial", lambda trial, seconds: trials.run(trial.pk))

        train(campaign)

        assert campaign.status == "completed", campaign.error
        ended = campaign.trials.exclude(status=Status.CANCELLED)
        assert [trial.number for trial in ended.order_by("number")] == [1, 2, 4, 5, 6]
        seen = [repr(sorted(trial.searched.items())) for trial in ended]
        assert len(set(seen)) == len(seen)

    def test_a_trial_of_a_run_that_is_no_more_is_not_begun(self, searched):
        campaign = searched()
        claim = lifecycle.claim(campaign.pk, {})
        trial = a_trial(campaign, claim.token)
        lifecycle.give_back(campaign.pk, claim.token, reason="It died.", is_death=True)
        lifecycle.claim(campaign.pk, {})

        assert trial_lifecycle.begin(trial.pk, {}) is None
        of_another_run = a_trial(campaign, uuid.uuid4(), number=2)
        assert trial_lifecycle.begin(of_another_run.pk, {}) is None

    def test_a_trial_is_begun_once(self, searched):
        campaign = searched()
        token = lifecycle.claim(campaign.pk, {}).token
        trial, other = (a_trial(campaign, token, number=number) for number in (1, 2))

        assert trial_lifecycle.begin(trial.pk, {}) is not None
        assert trial_lifecycle.begin(trial.pk, {}) is None
        other.refresh_from_db()
        assert other.status == "waiting"

    def test_a_cancelled_campaign_leaves_no_trial_open(self, searched):
        campaign = searched()
        claim = lifecycle.claim(campaign.pk, {})
        waiting, running = a_trial(campaign, claim.token), a_trial(campaign, claim.token, number=2)
        trial_lifecycle.begin(running.pk, {})
        lifecycle.request_cancel(campaign.pk)

        assert not trial_lifecycle.is_wanted(running.pk)
        assert trial_lifecycle.begin(waiting.pk, {}) is None
        lifecycle.cancel_running(campaign.pk, claim.token)
        assert set(campaign.trials.values_list("status", flat=True)) == {"cancelled"}

    def test_a_trial_whose_process_died_is_failed_and_the_search_goes_on(self, searched, monkeypatch):
        monkeypatch.setattr(searching, "_CARE_SECONDS", 0.0)
        gone = {**identity(), "pid": 2**22 - 1}
        lost = []

        def lose_the_first(trial: Trial, seconds: int) -> None:
            if not lost:
                lost.append(trial.pk)
                trial_lifecycle.begin(trial.pk, gone)
            else:
                trials.run(trial.pk)

        monkeypatch.setattr(searching, "send_trial", lose_the_first)

        campaign = train(searched())

        assert campaign.status == "completed", campaign.error
        assert campaign.trials.get(pk=lost[0]).error == "The process of this trial died."

    def test_a_message_that_was_lost_is_sent_again(self, searched, monkeypatch):
        monkeypatch.setattr(searching, "_CARE_SECONDS", 0.0)
        monkeypatch.setattr(searching, "_SEND_AGAIN_SECONDS", 0.0)
        lost: list[uuid.UUID] = []

        def lose_the_first_message(trial: Trial, seconds: int) -> None:
            if trial.pk not in lost:
                lost.append(trial.pk)
            else:
                trials.run(trial.pk)

        monkeypatch.setattr(searching, "send_trial", lose_the_first_message)

        assert train(searched(trials=2)).status == "completed"

    def test_a_database_that_is_away_for_a_moment_costs_no_search(self, searched, monkeypatch):
        monkeypatch.setattr(searching, "_CARE_SECONDS", 0.0)
        monkeypatch.setattr(searching, "connection", KeptOpen(searching.connection))
        real, asked = searching._Conductor._collect, []

        def away_at_first(self: Any) -> None:
            asked.append(1)
            if len(asked) < 3:
                raise OperationalError("away")
            real(self)

        monkeypatch.setattr(searching._Conductor, "_collect", away_at_first)

        assert train(searched(trials=2)).status == "completed"

    def test_a_death_after_the_search_begins_again_as_the_first_run_did(self, searched, monkeypatch):
        """What was chosen is of another algorithm than the first one asked, and of settings that only it has."""
        campaign = searched("auto", {}, trials=4)

        def prefer_the_forest(trial: Trial, seconds: int) -> None:
            trial_lifecycle.begin(trial.pk, identity())
            score = 0.9 if trial.algorithm == "random_forest" else 0.8
            facts = {"metric": "roc_auc", "fit_seconds": 0.1, "fit_rows": 256, "scores": [score]}
            trial_lifecycle.end(trial.pk, Status.COMPLETED, score=score, **facts)

        monkeypatch.setattr(searching, "send_trial", prefer_the_forest)
        real = training._save

        def die(*args: Any) -> None:
            raise lifecycle.LeaseLost

        monkeypatch.setattr(training, "_save", die)
        claim = lifecycle.claim(campaign.pk, {})
        with pytest.raises(lifecycle.LeaseLost):
            training.run(campaign.pk, claim.token, claim.attempt)
        lifecycle.give_back(campaign.pk, claim.token, reason="It died.", is_death=True)
        monkeypatch.setattr(training, "_save", real)

        train(campaign)

        assert campaign.status == "completed", campaign.error
        assert campaign.algorithm == campaign.version.algorithm == "random_forest"
        assert campaign.parameters == campaign.version.parameters

    def test_a_trial_whose_lease_ran_out_is_failed_wherever_its_process_was(self, searched, monkeypatch):
        monkeypatch.setattr(searching, "_CARE_SECONDS", 0.0)
        elsewhere = {**identity(), "machine": "another container"}
        lost = []

        def lose_the_first(trial: Trial, seconds: int) -> None:
            if not lost:
                lost.append(trial.pk)
                trial_lifecycle.begin(trial.pk, elsewhere)
                Trial.objects.filter(pk=trial.pk).update(lease_until=clock.now())
            else:
                trials.run(trial.pk)

        monkeypatch.setattr(searching, "send_trial", lose_the_first)

        campaign = train(searched(trials=2))

        assert campaign.status == "completed", campaign.error
        assert campaign.trials.get(pk=lost[0]).error == "The process of this trial died."

    def test_a_run_that_lost_its_lease_leaves_the_trials_of_the_next_alone(self, searched, monkeypatch):
        campaign = searched()
        claim = lifecycle.claim(campaign.pk, {})
        successors: list[Trial] = []

        def thaw_too_late(trial: Trial, seconds: int) -> None:
            lifecycle.give_back(campaign.pk, claim.token, reason="It was frozen.", is_death=True)
            other = lifecycle.claim(campaign.pk, {})
            successors.append(a_trial(campaign, other.token, number=7))
            raise lifecycle.LeaseLost

        monkeypatch.setattr(searching, "send_trial", thaw_too_late)

        with pytest.raises(lifecycle.LeaseLost):
            training.run(campaign.pk, claim.token, claim.attempt)

        assert [t.status for t in campaign.trials.order_by("number")] == ["cancelled", "waiting"]

    def test_a_run_that_thaws_before_its_search_begins_nothing(self, searched):
        campaign = searched()
        old = lifecycle.claim(campaign.pk, {})
        lifecycle.give_back(campaign.pk, old.token, reason="It was frozen.", is_death=True)
        waiting = a_trial(campaign, lifecycle.claim(campaign.pk, {}).token)

        with pytest.raises(lifecycle.LeaseLost):
            training.run(campaign.pk, old.token, old.attempt)

        waiting.refresh_from_db()
        assert waiting.status == "waiting"

    @pytest.mark.parametrize("where", ["cancel_open", "create"])
    def test_a_database_that_is_away_at_any_write_costs_no_search_and_no_setting(self, searched, monkeypatch, where):
        monkeypatch.setattr(database, "connection", KeptOpen(database.connection))
        monkeypatch.setattr(searching, "connection", KeptOpen(searching.connection))
        monkeypatch.setattr(searching, "_CARE_SECONDS", 0.0)
        room = trial_lifecycle if where == "cancel_open" else Trial.objects
        real, asked = getattr(room, where), []

        def away_at_first(*args: Any, **kwargs: Any) -> Any:
            asked.append(1)
            if len(asked) % 2:
                raise OperationalError("away")
            return real(*args, **kwargs)

        monkeypatch.setattr(room, where, away_at_first)

        campaign = train(searched(trials=2))

        assert campaign.status == "completed", campaign.error
        assert campaign.trials.get(number=1).searched["max_depth"] == 5  # the default comes first
