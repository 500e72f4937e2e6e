"""The supervisor with a child that is a real process but learns nothing: how it ends, is ended, and what is told of it."""

import subprocess
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.core.processes import identity
from apps.training import lifecycle, supervision, tasks
from apps.training.engine.words import death_words
from apps.training.models import TrainingCampaign
from apps.training.staging import staging_folder
from tests.training.watching.children import READ_THE_JOB, SLEEP, _is_alive, become, gone, last_message, run, wait_until

pytestmark = pytest.mark.django_db(transaction=True)  # a run looks whether its connection is still good


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("sys.exit(0)", "ended without a result"),
        ("sys.exit(7)", "exit code 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed (signal 9), maybe because the machine ran out of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed (signal 11, SIGSEGV)"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "crashed (signal 15, SIGTERM)"),
    ],
)
def test_a_death_is_counted_and_told_and_the_campaign_waits_again(end, words, campaign, monkeypatch):
    become(monkeypatch, f"{READ_THE_JOB} {end}")

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths, campaign.token) == ("pending", 2, 1, None)
    assert words in last_message(campaign)


@pytest.mark.parametrize(("code", "words"), [(-40, "signal 40, unknown"), (-1, "signal 1, SIGHUP"), (1, "exit code 1,")])
def test_a_death_is_told_by_number_and_by_name_where_it_has_one(code, words):
    assert words in death_words(code)


def test_the_memory_limit_fails_the_campaign_at_once(campaign, monkeypatch, settings):
    settings.TRAINING_MEMORY_BYTES = 3 * 1024**3
    become(monkeypatch, f"{READ_THE_JOB} sys.exit({supervision.EXIT_MEMORY})")

    run(campaign)

    assert (campaign.status, campaign.deaths) == ("failed", 0)
    assert "memory limit of 3 GiB" in campaign.error


def test_a_child_that_lost_its_lease_changes_nothing(campaign, monkeypatch):
    become(monkeypatch, f"{READ_THE_JOB} sys.exit({supervision.EXIT_LEASE_LOST})")

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("training", 1, 0)
    assert campaign.token is not None


def test_a_child_that_dies_before_it_is_given_its_job_is_a_death(campaign, monkeypatch, caplog):
    become(monkeypatch, "raise SystemExit(3)")
    real = supervision.start_child

    def start_dead() -> subprocess.Popen[bytes]:
        child = real()
        child.wait()
        return child

    monkeypatch.setattr(supervision, "start_child", start_dead)

    run(campaign)

    assert (campaign.status, campaign.deaths) == ("pending", 1)
    assert "died before it began" in caplog.text


def test_the_child_is_given_its_claim(campaign, monkeypatch, tmp_path):
    become(monkeypatch, f"{READ_THE_JOB} open({str(tmp_path / 'job')!r}, 'w').write(' '.join(map(str, job.values())))")
    TrainingCampaign.objects.filter(pk=campaign.pk).update(attempt=4)
    tokens: list[uuid.UUID] = []
    monkeypatch.setattr(supervision, "_settle", lambda claim, _code, _verdict: tokens.append(claim.token))

    run(campaign)

    assert (tmp_path / "job").read_text() == f"{campaign.pk} {tokens[0]} 4"
    assert campaign.owner == identity()


def test_a_training_over_its_time_is_ended_and_told(campaign, monkeypatch, settings):
    settings.TRAINING_TIME_SECONDS = 0.1
    become(monkeypatch, SLEEP)

    run(campaign)

    assert campaign.status == "failed"
    assert "0.1 seconds allowed" in campaign.error


def when_training(campaign: TrainingCampaign, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Do a deed when the supervisor has handed the job over."""
    real = supervision._hand_over

    def hand_over(child: Any, claim: lifecycle.Claim) -> Any:
        real(child, claim)
        deed()
        return child

    monkeypatch.setattr(supervision, "_hand_over", hand_over)


def test_a_cancelled_training_is_ended_and_cancelled(campaign, monkeypatch):
    become(monkeypatch, SLEEP)
    when_training(campaign, monkeypatch, lambda: lifecycle.request_cancel(campaign.pk))

    run(campaign)

    assert (campaign.status, campaign.token, campaign.error) == ("cancelled", None, "")


def test_a_worker_that_goes_down_gives_its_training_back_uncounted(campaign, monkeypatch, settings):
    settings.TRAINING_KEEP_SPARE = True
    become(monkeypatch, SLEEP)
    when_training(campaign, monkeypatch, tasks._give_back)

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 0)
    assert "worker was stopped" in last_message(campaign)
    assert supervision.spares.waiting is None


def test_a_child_that_a_service_manager_stops_a_moment_before_its_worker_is_no_death(campaign, monkeypatch):
    monkeypatch.setattr(supervision, "_SHUTDOWN_PATIENCE", 10)
    become(monkeypatch, f"{READ_THE_JOB} os.kill(os.getpid(), signal.SIGTERM)")
    real = supervision._settle

    def settle(*args: Any) -> None:
        threading.Timer(0.05, supervision.shutting_down.set).start()
        real(*args)

    monkeypatch.setattr(supervision, "_settle", settle)

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 0)


def test_a_training_whose_lease_was_taken_is_ended_and_left_to_the_other(campaign, monkeypatch):
    become(monkeypatch, SLEEP)
    other = uuid.uuid4()
    when_training(campaign, monkeypatch, lambda: TrainingCampaign.objects.update(token=other))

    run(campaign)

    assert (campaign.status, campaign.token, campaign.attempt) == ("training", other, 1)


@pytest.mark.parametrize("end", ["signal.SIG_DFL", "lambda *_: sys.exit(0)"])
def test_a_training_whose_lease_ran_out_while_the_database_was_away_is_left_to_the_reaper(
    end, campaign, monkeypatch, settings
):
    settings.TRAINING_LEASE_SECONDS = 0.3
    become(monkeypatch, f"{READ_THE_JOB} signal.signal(signal.SIGTERM, {end}); time.sleep(60)")
    monkeypatch.setattr(lifecycle, "renew", gone)

    run(campaign)

    assert (campaign.status, campaign.attempt, campaign.deaths) == ("training", 1, 0)


def test_a_campaign_that_was_deleted_meanwhile_ends_its_child(campaign, monkeypatch):
    become(monkeypatch, SLEEP)
    when_training(campaign, monkeypatch, TrainingCampaign.objects.all().delete)

    assert supervision.run(campaign.pk) is True


def test_nothing_of_a_child_that_hears_nothing_survives(campaign, monkeypatch, settings, tmp_path):
    settings.TRAINING_TIME_SECONDS = 1
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); child = os.fork();"
    note = f"open({str(tmp_path)!r} + '/' + ('parent' if child else 'child'), 'w').write(str(os.getpid()));"
    become(monkeypatch, f"{READ_THE_JOB} {deaf} {note} time.sleep(60)")

    run(campaign)

    assert "1 seconds allowed" in campaign.error
    processes = [int((tmp_path / name).read_text()) for name in ("parent", "child")]
    wait_until(lambda: not any(_is_alive(pid) for pid in processes))


def test_a_child_that_hears_has_time_to_tidy_up(campaign, monkeypatch, settings, tmp_path):
    settings.TRAINING_TIME_SECONDS = 1
    monkeypatch.setattr(supervision, "_STOP_SECONDS", 30)
    tidy = f"signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), open({str(tmp_path / 'tidy')!r}, 'w'), sys.exit()));"
    become(monkeypatch, f"{READ_THE_JOB} {tidy} time.sleep(60)")

    run(campaign)

    assert (tmp_path / "tidy").exists()


def folder_of(campaign: TrainingCampaign, attempt: int) -> Path:
    model = campaign.model
    folder = staging_folder(workspace_id=model.workspace_id, model_id=model.pk, campaign_id=campaign.pk, attempt=attempt)
    folder.mkdir(parents=True)
    return folder


def test_a_run_begins_without_what_others_left_and_takes_its_own_away(campaign, monkeypatch):
    left = folder_of(campaign, 0)
    made: list[Path] = []

    def work_beside_a_newer_attempt() -> None:
        assert not left.exists()
        made.extend(folder_of(campaign, attempt) for attempt in (1, 2))

    become(monkeypatch, f"{READ_THE_JOB} sys.exit(1)")
    when_training(campaign, monkeypatch, work_beside_a_newer_attempt)

    run(campaign)

    assert [folder.exists() for folder in made] == [False, True]


@pytest.mark.parametrize("reason", ["ended", "going down"])
def test_nothing_is_started_for_what_is_not_to_be_had(reason, campaign, started):
    if reason == "ended":
        lifecycle.request_cancel(campaign.pk)
    else:
        supervision.shutting_down.set()
    before = TrainingCampaign.objects.values().get()

    assert supervision.run(campaign.pk) is False

    assert started == []
    assert TrainingCampaign.objects.values().get() == before


# what a watch looks at, and when
