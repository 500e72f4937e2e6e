"""Whole trainings through the real supervisor and a real process: those that go well, that die, and that are stopped."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.db import connections

from apps.algorithms.predictors import load_predictor
from apps.registry.models import ModelVersion
from apps.registry.selectors import version_folder
from apps.training import actions, supervision
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.workspaces.access import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def poison(monkeypatch):
    monkeypatch.setenv("MLPLATFORM_ALGORITHM_PACKAGES", "tests.training.poison")
    yield
    supervision.shutting_down.clear()
    supervision.spares.dismiss()


def run(campaign: TrainingCampaign) -> TrainingCampaign:
    supervision.run(campaign.pk)
    campaign.refresh_from_db()
    return campaign


def run_beside(campaign: TrainingCampaign, act: Callable[[TrainingCampaign], None]) -> TrainingCampaign:
    """Run in a thread, call `act` once the fit is under way, return the campaign at its end."""

    def target() -> None:
        try:
            supervision.run(campaign.pk)
        finally:
            connections.close_all()

    thread = threading.Thread(target=target)
    thread.start()
    wait_for(lambda: TrainingCampaign.objects.get(pk=campaign.pk).stage == "fitting")
    act(TrainingCampaign.objects.get(pk=campaign.pk))
    thread.join(60)
    assert not thread.is_alive()
    campaign.refresh_from_db()
    return campaign


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def whole_log(campaign: TrainingCampaign) -> list[TrainingEvent]:
    events = list(TrainingEvent.objects.filter(campaign=campaign).order_by("seq"))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].status == campaign.status
    return events


def children_of_this_process() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "apps.training.child" in child.cmdline()]


def test_a_training_ends_with_one_version_and_a_log_without_gaps(campaign_on_table, tmp_path: Path):
    campaign = run(campaign_on_table())

    assert (campaign.status, campaign.error, campaign.progress) == ("completed", "", 1.0)
    assert campaign.version == ModelVersion.objects.get(campaign_id=campaign.pk)
    assert campaign.metrics["roc_auc"] > 0.9
    events = whole_log(campaign)
    assert [event.progress for event in events] == sorted(event.progress for event in events)
    stages = list(dict.fromkeys(event.stage for event in events if event.status == "training"))
    wanted = ["reading data", "splitting", "fitting", "evaluating", "explaining", "saving", "checking"]
    assert [stage for stage in stages if stage in wanted] == wanted
    assert not list(tmp_path.rglob(".staging-*"))


def test_same_data_parameters_and_seed_give_the_same_answers(campaign_on_table):
    first = run(campaign_on_table())
    second = run(campaign_on_table(model=first.model))

    rows = [{"amount": a / 5, "days": d, "city": "Lyon"} for a in range(-5, 6) for d in (0, 20, 50)]
    one, other = (load_predictor(version_folder(c.version) / "predictor").predict(rows) for c in (first, second))
    assert one == other
    assert second.improvement == 0.0
    assert (first.version.number, second.version.number) == (1, 2)


def test_rows_without_a_target_are_left_out_with_a_warning(campaign_on_table):
    campaign = run(campaign_on_table(unlabelled=40))

    assert (campaign.status, campaign.error) == ("completed", "")
    assert any("without a value" in warning for warning in campaign.version.evaluation["warnings"])


@pytest.mark.parametrize(
    ("slug", "words"),
    [("poison_killed", "killed (signal 9)"), ("poison_segfault", "signal 11"), ("poison_exits", "exit code 7")],
)
def test_a_process_that_dies_is_tried_three_times_then_fails_with_words(campaign_on_table, slug, words):
    campaign = campaign_on_table(algorithm=slug)

    states = [(run(campaign).status, campaign.attempt) for _ in range(3)]

    assert states == [("pending", 2), ("pending", 3), ("failed", 3)]
    assert words in campaign.error
    assert "3 times" in campaign.error
    events = len(whole_log(campaign))
    assert run(campaign).status == "failed"
    assert len(whole_log(campaign)) == events


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (0, "memory limit"),
        (1, "SystemExit"),
        (2, "KeyboardInterrupt"),
        (3, "_Odd"),
        (4, "ValueError"),
        (5, "RecursionError"),
    ],
)
def test_any_exception_fails_at_once_with_words(campaign_on_table, place, words):
    campaign = run(campaign_on_table(algorithm="poison_raises", parameters={"n_estimators": 10 + place}))

    assert (campaign.status, campaign.deaths) == ("failed", 0)
    assert words in campaign.error
    assert "Traceback" not in campaign.error
    whole_log(campaign)


def test_a_training_beyond_its_memory_limit_fails_with_the_limit_named(campaign_on_table, settings, monkeypatch):
    settings.TRAINING_MEMORY_BYTES = 1536 * 1024**2
    monkeypatch.setenv("TRAINING_MEMORY_BYTES", str(settings.TRAINING_MEMORY_BYTES))

    campaign = run(campaign_on_table(algorithm="poison_greedy"))

    assert campaign.status == "failed"
    assert "memory limit of 1.5 GiB" in campaign.error


def test_a_training_beyond_its_time_fails_with_the_limit_named(campaign_on_table, settings):
    settings.TRAINING_TIME_SECONDS = 4

    campaign = run(campaign_on_table(algorithm="poison_endless"))

    assert campaign.status == "failed"
    assert "4 seconds" in campaign.error
    assert not children_of_this_process()


def test_cancel_stops_even_a_process_that_hears_nothing(campaign_on_table, tmp_path: Path):
    asked = []

    def cancel(campaign: TrainingCampaign) -> None:
        asked.append(time.monotonic())
        actions.cancel_campaign(campaign=campaign, actor=SYSTEM)
        actions.cancel_campaign(campaign=campaign, actor=SYSTEM)

    campaign = run_beside(campaign_on_table(algorithm="poison_endless"), cancel)

    assert campaign.status == "cancelled"
    assert time.monotonic() - asked[0] < 10
    assert [event.status for event in whole_log(campaign)].count("cancelled") == 1
    assert not list(tmp_path.rglob(".staging-*"))
    assert not ModelVersion.objects.exists()
    assert not children_of_this_process()


def test_a_stop_of_the_worker_gives_the_campaign_back_without_counting_a_death(campaign_on_table):
    campaign = run_beside(campaign_on_table(algorithm="poison_endless"), lambda _: supervision.shutting_down.set())

    assert (campaign.status, campaign.attempt, campaign.deaths, campaign.token) == ("pending", 2, 0, None)
    assert not children_of_this_process()
    whole_log(campaign)


def test_a_run_that_lost_its_lease_ends_its_process_and_changes_nothing(campaign_on_table):
    def take_away(campaign: TrainingCampaign) -> None:
        TrainingCampaign.objects.filter(pk=campaign.pk).update(lease_until=None)
        assert actions.reap_leases() == 1

    campaign = run_beside(campaign_on_table(algorithm="poison_endless"), take_away)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 1)
    assert not children_of_this_process()
    whole_log(campaign)


def test_a_killed_training_process_is_replaced_and_the_campaign_completes_once(campaign_on_table):
    campaign = campaign_on_table(algorithm="poison_chatty")

    run_beside(campaign, lambda _: children_of_this_process()[0].kill())
    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 1)
    run(campaign)

    assert (campaign.status, campaign.attempt) == ("completed", 2)
    assert ModelVersion.objects.count() == 1
    whole_log(campaign)


def test_ten_thousand_reports_become_few_events_and_the_last_one_is_kept(campaign_on_table):
    campaign = run(campaign_on_table(algorithm="poison_chatty"))

    assert (campaign.status, campaign.error) == ("completed", "")
    points = TrainingEvent.objects.filter(campaign=campaign, kind="metric")
    assert 2 <= points.count() <= 300
    assert points.order_by("-seq")[0].step == 10_000


def test_points_that_come_fast_are_all_on_the_curve_and_a_nan_breaks_nothing(campaign_on_table):
    campaign = run(campaign_on_table(algorithm="poison_pointed"))

    assert (campaign.status, campaign.error) == ("completed", "")
    points = TrainingEvent.objects.filter(campaign=campaign, kind="metric").order_by("seq")
    assert [point.step for point in points] == list(range(12))
    assert points[11].metrics == {"loss": None}


def test_a_warm_process_takes_the_job_and_is_replaced(campaign_on_table, settings):
    settings.TRAINING_KEEP_SPARE = True
    supervision.spares.refill()
    warm = supervision.spares.waiting.pid

    campaign = run(campaign_on_table())

    assert campaign.status == "completed"
    assert supervision.spares.waiting.pid != warm
    assert not psutil.pid_exists(warm)


def test_a_table_that_changed_on_disk_is_not_trained_on(campaign_on_table, settings):
    campaign = campaign_on_table()
    path = Path(settings.DATASETS_DIR) / campaign.dataset_version.table_path
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    run(campaign)

    assert campaign.status == "failed"
    assert "damaged" in campaign.error


def test_a_run_that_lost_its_lease_leaves_the_files_of_the_next_attempt_alone(campaign_on_table, settings):
    newer: list[Path] = []

    def take_away(campaign: TrainingCampaign) -> None:
        TrainingCampaign.objects.filter(pk=campaign.pk).update(lease_until=None)
        assert actions.reap_leases() == 1
        folder = Path(settings.ML_MODELS_DIR) / str(campaign.model.workspace_id) / str(campaign.model_id)
        newer.append(folder / f".staging-{campaign.pk}-2")
        newer[0].mkdir(parents=True)

    run_beside(campaign_on_table(algorithm="poison_endless"), take_away)

    assert newer[0].is_dir()


def test_nothing_is_begun_by_a_worker_that_goes_down(campaign_on_table):
    campaign = campaign_on_table()
    supervision.shutting_down.set()

    run(campaign)

    assert (campaign.status, campaign.attempt) == ("pending", 1)
