"""One trial: whose it is, how it ends, and when it is stopped."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, connections, transaction

from apps.algorithms.results import Cancelled, Evaluation
from apps.algorithms.services.xgboost import XGBoostService
from apps.core import clock
from apps.core.errors import InvalidInput
from apps.core.processes import identity
from apps.training import lifecycle, trial_lifecycle
from apps.training.engine import database, trials
from apps.training.engine import search as searching
from apps.training.models import TrainingCampaign, Trial
from tests.training.searches.conftest import FAST, KeptOpen, a_trial, limits, train

pytestmark = pytest.mark.django_db
Status = Trial.Status


def away_at_first(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that finds the database away when it is made first."""
    asked: list[int] = []

    def called(*args: Any, **facts: Any) -> Any:
        asked.append(1)
        if len(asked) == 1:
            raise OperationalError("away")
        return real(*args, **facts)

    return called


class TestOneTrial:
    @pytest.fixture
    def running(self, searched) -> TrainingCampaign:
        campaign = searched()
        lifecycle.claim(campaign.pk, {})
        campaign.refresh_from_db()
        return campaign

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (InvalidInput("Too few rows."), "Too few rows."),
            (MemoryError(), "memory limit"),
            (RuntimeError("std::bad_alloc"), "memory limit"),
            (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
            (SystemExit(3), "SystemExit: 3"),
        ],
    )
    def test_what_fails_is_told_on_its_row(self, running, monkeypatch, error, words):
        trial = a_trial(running, running.token)

        def fail(_trial: Trial) -> None:
            raise error

        monkeypatch.setattr(trials, "_score", fail)
        trials.run(trial.pk)

        trial.refresh_from_db()
        assert trial.status == "failed"
        assert words in trial.error

    def test_a_database_that_is_away_for_a_moment_costs_no_trial(self, running, monkeypatch):
        monkeypatch.setattr(database, "connection", KeptOpen(database.connection))
        monkeypatch.setattr(trials, "connection", KeptOpen(trials.connection))
        trial = a_trial(running, running.token, parameters=FAST)
        for name in ("note_scores", "is_wanted", "end"):
            monkeypatch.setattr(trial_lifecycle, name, away_at_first(getattr(trial_lifecycle, name)))

        trials.run(trial.pk)

        trial.refresh_from_db()
        assert (trial.status, len(trial.scores)) == ("completed", 5)

    def test_what_the_database_keeps_from_being_read_counts_for_nothing(self, running, monkeypatch):
        trial = a_trial(running, running.token)

        def lose_the_line(_trial: Trial) -> float:
            raise OperationalError("away")

        monkeypatch.setattr(trials, "_score", lose_the_line)
        trials.run(trial.pk)

        trial.refresh_from_db()
        assert (trial.status, trial.error) == ("cancelled", "")

    def test_its_lease_is_renewed_while_the_library_says_nothing(self, running, monkeypatch, settings):
        settings.TRAINING_LEASE_SECONDS = 0.6
        renewed = threading.Event()
        monkeypatch.setattr(trial_lifecycle, "renew", lambda trial_id: renewed.set())
        monkeypatch.setattr(trials, "_score", lambda trial: float(renewed.wait(20)))
        trial = a_trial(running, running.token)

        trials.run(trial.pk)

        trial.refresh_from_db()
        assert (trial.status, trial.score) == ("completed", 1.0)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("lease of trial")]

    def test_a_lease_is_held_while_somebody_waits(self, running, settings):
        trial = a_trial(running, running.token)
        begun = trial_lifecycle.begin(trial.pk, identity())
        settings.TRAINING_LEASE_SECONDS = 600

        assert trial_lifecycle.renew(trial.pk)
        trial.refresh_from_db()
        assert trial.lease_until > begun.lease_until
        trial_lifecycle.end(trial.pk, Status.PRUNED)
        assert not trial_lifecycle.renew(trial.pk)

    def test_a_fold_that_can_only_be_measured_otherwise_is_left_out(self, running, monkeypatch):
        measured = iter(["accuracy", "roc_auc", "accuracy", "roc_auc", "roc_auc"])
        real = XGBoostService.evaluate

        def evaluate(self: Any, data: Any) -> Evaluation:
            found = real(self, data)
            metrics = {name: value for name, value in found.metrics.items() if name != "log_loss"}
            return replace(found, main=next(measured), metrics=metrics)

        monkeypatch.setattr(XGBoostService, "evaluate", evaluate)
        trial = a_trial(running, running.token, parameters=FAST)

        trials.run(trial.pk)

        trial.refresh_from_db()
        assert (trial.status, trial.metric, len(trial.scores)) == ("completed", "accuracy", 2)

    def test_one_that_nobody_waits_for_stops_at_its_next_look(self, running):
        trial = a_trial(running, running.token)
        trial_lifecycle.begin(trial.pk, {})
        wanted = trials._Wanted(trial.pk)
        wanted.look()
        trial_lifecycle.end(trial.pk, Status.PRUNED)

        with pytest.raises(Cancelled):
            wanted.look()

    def test_one_whose_time_is_up_is_not_begun(self, running):
        assert trial_lifecycle.begin(a_trial(running, running.token, until=clock.now()).pk, {}) is None

    def test_one_that_was_stopped_stays_so_whatever_its_process_says_later(self, running):
        trial = a_trial(running, running.token)
        trial_lifecycle.begin(trial.pk, {})
        trial_lifecycle.end(trial.pk, Status.PRUNED)

        assert not trial_lifecycle.end(trial.pk, Status.COMPLETED, score=0.9)
        trial_lifecycle.note_scores(trial.pk, scores=[0.9])
        trial.refresh_from_db()
        assert (trial.status, trial.score, trial.scores) == ("pruned", None, [])


class TestPoorTrials:
    def test_one_that_is_poor_from_its_first_fold_on_is_stopped(self, searched, monkeypatch):
        """The first six end well; the seventh has scored its first fold far below them and runs still."""
        begun: list[uuid.UUID] = []

        def play(trial: Trial, seconds: int) -> None:
            begun.append(trial.pk)
            trial_lifecycle.begin(trial.pk, identity())
            facts = {"metric": "roc_auc", "fit_seconds": 0.1, "fit_rows": 256}
            if len(begun) == 7:
                trial_lifecycle.note_scores(trial.pk, scores=[0.5], **facts)
            else:
                trial_lifecycle.end(trial.pk, Status.COMPLETED, scores=[0.9, 0.9], score=0.9, **facts)

        monkeypatch.setattr(searching, "send_trial", play)

        campaign = train(searched(trials=8))

        assert campaign.trials.get(pk=begun[6]).status == "pruned"
        assert campaign.version.evaluation["search"]["pruned"] == 1

    def test_when_all_fail_the_campaign_fails_with_the_first_reason(self, searched, monkeypatch):
        def fail(trial: Trial, seconds: int) -> None:
            trial_lifecycle.end(trial.pk, Status.FAILED, error=f"Fault {trial.number}: choose another target.")

        monkeypatch.setattr(searching, "send_trial", fail)

        campaign = train(searched(trials=None))

        assert (campaign.status, campaign.error) == ("failed", "Fault 1: choose another target.")
        assert campaign.trials.count() < 6


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_begins_a_trial(campaign_on_table):
    """The second asks while the first has written, and not yet committed."""
    campaign = campaign_on_table(algorithm="xgboost", parameters={}, search=limits())
    trial = a_trial(campaign, lifecycle.claim(campaign.pk, {}).token)
    answers: list[Trial | None] = []

    def second() -> None:
        answers.append(trial_lifecycle.begin(trial.pk, {"pid": 2}))
        connections.close_all()

    asking = threading.Thread(target=second)
    with transaction.atomic():
        assert trial_lifecycle.begin(trial.pk, {"pid": 1}) is not None
        asking.start()
        asking.join(0.5)  # it waits for the first one's row
    asking.join()

    assert answers == [None]
    trial.refresh_from_db()
    assert trial.owner == {"pid": 1}
