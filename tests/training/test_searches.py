"""A search of a campaign: trials as rows, what is chosen of them, and what becomes of both when something dies."""

import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.utils import OperationalError

from apps.algorithms.results import Cancelled
from apps.core import clock
from apps.core.errors import Conflict, InvalidInput
from apps.core.processes import identity
from apps.training import lifecycle, trial_lifecycle
from apps.training.actions import check_campaign, start_campaign
from apps.training.engine import search as searching
from apps.training.engine import training, trials
from apps.training.models import TrainingCampaign, TrainingEvent, Trial
from apps.training.selectors import curve_of, leaderboard_of
from apps.workspaces.access import SYSTEM

pytestmark = pytest.mark.django_db
Status = Trial.Status
FAST = {"n_estimators": 20, "early_stopping_rounds": 5}


def limits(**given: Any) -> dict[str, Any]:
    return {"seconds": 3_600, "trials": 4, "continues": None, "rows": 2_000, "held": {}, **given}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Run trials in this process as soon as they are sent: what a worker does, without a broker between."""
    settings.SEARCH_TRIALS_AT_ONCE = 1
    for room in (training, trials):
        monkeypatch.setattr(room, "close_old_connections", lambda: None)  # it would end the test's transaction
    monkeypatch.setattr(trials, "_take_limits", lambda: None)  # they are for a worker's process
    trials._rows_of.cache_clear()
    monkeypatch.setattr(searching, "send_trial", lambda trial, seconds: trials.run(trial.pk))
    monkeypatch.setattr(searching, "_LOOK_SECONDS", 0.0)


def train(campaign: TrainingCampaign) -> TrainingCampaign:
    claim = lifecycle.claim(campaign.pk, {})
    assert claim is not None
    training.run(campaign.pk, claim.token, claim.attempt)
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def searched(campaign_on_table) -> Callable[..., TrainingCampaign]:
    """Return a maker of campaigns that search."""

    def make(algorithm: str = "xgboost", parameters: dict[str, Any] | None = None, **given: Any) -> TrainingCampaign:
        workspace = given.pop("workspace", None)
        parameters = FAST if parameters is None else parameters
        campaign: TrainingCampaign = campaign_on_table(
            algorithm=algorithm, parameters=parameters, search=limits(**given), workspace=workspace
        )
        return campaign

    return make


class TestOneSearch:
    def test_the_version_is_that_of_the_best_trial(self, searched):
        campaign = train(searched())

        assert campaign.status == "completed", campaign.error
        best, *others = leaderboard_of(campaign)
        assert len(others) == 3
        assert all(best.score >= other.score for other in others if other.score is not None)
        assert campaign.version.parameters == best.parameters == campaign.parameters
        assert (campaign.algorithm, campaign.version.algorithm) == ("xgboost", "xgboost")
        assert best.parameters["n_estimators"] == 20  # what is not searched stands as it was asked for

    def test_it_tells_how_it_came_to_its_choice(self, searched):
        campaign = train(searched())

        told = campaign.version.evaluation["search"]
        assert (told["trials"], told["completed"] + told["pruned"] + told["failed"]) == (4, 4)
        assert told["metric"] == "roc_auc"
        assert told["score"] == leaderboard_of(campaign)[0].score
        assert [row["algorithm"] for row in told["leaderboard"]] == ["xgboost"]
        points = curve_of(campaign)
        assert [point["step"] for point in points] == [1, 2, 3, 4]
        assert [point["best_score"] for point in points] == sorted(point["best_score"] for point in points)
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
        began = time.monotonic()

        campaign = train(searched(trials=None, seconds=10))

        assert campaign.trials.filter(status=Status.COMPLETED).exists()
        assert time.monotonic() - began < 60  # it comes to its end by itself; the budget is measured by a benchmark
        assert 0 < campaign.search_spent <= 10

    def test_where_no_trial_ends_the_best_of_those_begun_is_trained(self, searched, settings, monkeypatch):
        def begin(trial: Trial, seconds: int) -> None:
            trial_lifecycle.begin(trial.pk, identity())
            facts = {"metric": "roc_auc", "fit_seconds": 0.1, "fit_rows": 256}
            trial_lifecycle.note_scores(trial.pk, scores=[0.5 + 0.1 * trial.number], **facts)

        monkeypatch.setattr(searching, "send_trial", begin)
        settings.SEARCH_TRIALS_AT_ONCE = 2
        campaign = searched(trials=None, seconds=10)
        TrainingCampaign.objects.filter(pk=campaign.pk).update(search_spent=7.0)

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


def top(campaign: TrainingCampaign) -> Trial | None:
    done = [trial for trial in leaderboard_of(campaign) if trial.status == Status.COMPLETED]
    return done[0] if len(done) > 1 else None


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
        trial = a_trial(campaign, lifecycle.claim(campaign.pk, {}).token)

        assert trial_lifecycle.begin(trial.pk, {}) is not None
        assert trial_lifecycle.begin(trial.pk, {}) is None

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
        monkeypatch.setattr(searching, "connection", type("Kept", (), {"close": staticmethod(lambda: None)}))
        real, asked = searching._Conductor._collect, []

        def away_at_first(self: Any) -> None:
            asked.append(1)
            if len(asked) < 3:
                raise OperationalError("away")
            real(self)

        monkeypatch.setattr(searching._Conductor, "_collect", away_at_first)

        assert train(searched(trials=2)).status == "completed"


def a_trial(campaign: TrainingCampaign, run: uuid.UUID, *, number: int = 1, **fields: Any) -> Trial:
    until = fields.pop("until", clock.now() + timedelta(minutes=1))
    algorithm = fields.pop("algorithm", "xgboost")
    made: Trial = Trial.objects.create(campaign=campaign, number=number, run=run, until=until, algorithm=algorithm, **fields)
    return made


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

        with pytest.raises(InvalidInput, match="No such parameter"):
            self.start(campaign, parameters={"n_estimators": 10})
