"""Each probe says what is wrong and what to do."""

import threading
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings
from django_celery_beat.models import PeriodicTask

from apps.core import clock, health
from apps.core.instance import adopt
from mlplatform.celery import app
from mlplatform.schedule import upsert_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule() -> None:
    upsert_schedule()
    PeriodicTask.objects.update(last_run_at=clock.now())


def test_a_schedule_that_runs_is_well(schedule: None):
    assert health.check_schedule().is_well


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda rows: rows.filter(name=next(iter(django_settings.PERIODIC_TASKS))).delete(), "missing"),
        (lambda rows: rows.update(enabled=False), "switched off"),
        (lambda rows: rows.update(last_run_at=None), "never ran"),
        (lambda rows: rows.update(last_run_at=clock.now() - timedelta(hours=1)), "sent nothing since"),
    ],
)
def test_a_schedule_that_does_not_run_is_found(schedule: None, change, word: str):
    change(PeriodicTask.objects.all())

    found = health.check_schedule()

    assert not found.is_well
    assert word in found.detail
    assert found.advice


def test_one_task_switched_off_on_purpose_is_told_and_stops_nothing(schedule: None):
    name = next(iter(django_settings.PERIODIC_TASKS))
    PeriodicTask.objects.filter(name=name).update(enabled=False)

    found = health.check_schedule()

    assert found.is_well
    assert f"switched off: {name}" in found.detail


def answering(monkeypatch, *queues: str) -> None:
    class Inspector:
        def active_queues(self) -> dict[str, list[dict[str, str]]]:
            return {"one@here": [{"name": name} for name in queues]}

    monkeypatch.setattr(app.control, "inspect", lambda timeout: Inspector())


def test_a_queue_without_a_worker_is_named_with_the_command_that_serves_it(monkeypatch):
    answering(monkeypatch, "celery", "ml_monitoring", "ml_stats")

    found = health.check_workers()

    assert not found.is_well
    assert "ml_training" in found.detail
    assert "-Q ml_training,ml_scheduler --pool=threads" in found.advice
    assert "-Q ml_trials -c 2." in found.advice


def test_all_queues_served_is_well(monkeypatch):
    answering(monkeypatch, django_settings.TRAINING_QUEUE, django_settings.TRIALS_QUEUE, *django_settings.OTHER_QUEUES)

    assert health.check_workers().is_well


def test_storage_probes_side_by_side_do_not_disturb_each_other(tmp_path: Path, settings):
    settings.ML_MODELS_DIR, settings.DATASETS_DIR = tmp_path / "models", tmp_path / "data"
    for store in (settings.ML_MODELS_DIR, settings.DATASETS_DIR):
        adopt(store)
    found: list[health.Finding] = []
    threads = [threading.Thread(target=lambda: found.extend(health.check_storage() for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 200
    assert all(finding.is_well for finding in found)
    assert not list(tmp_path.rglob(".probe-*"))


@pytest.mark.parametrize("full", ["models", "data"])
def test_little_space_left_for_either_store_is_found(full: str, tmp_path: Path, settings, monkeypatch):
    settings.ML_MODELS_DIR, settings.DATASETS_DIR = tmp_path / "models", tmp_path / "data"
    for store in (settings.ML_MODELS_DIR, settings.DATASETS_DIR):
        adopt(store)
    free = lambda place: SimpleNamespace(free=1024**2 if str(place).endswith(full) else 1024**4)  # noqa: E731
    monkeypatch.setattr(health.shutil, "disk_usage", free)

    found = health.check_storage()

    assert not found.is_well
    assert full in found.detail


def test_a_store_that_cannot_be_there_is_found(tmp_path: Path, settings):
    (tmp_path / "file").write_text("no folder")
    settings.ML_MODELS_DIR = tmp_path / "file" / "models"

    assert "Mount" in health.check_storage().advice


def test_those_who_ask_often_get_what_was_found_a_moment_ago(monkeypatch):
    looks: list[int] = []
    monkeypatch.setattr(health, "PROBES", (lambda: looks.append(1) or health.Finding("part", is_well=True, detail=""),))
    monkeypatch.setattr(health, "_recent", health._Recent())

    for _ in range(10):
        assert health.recent_findings()[0].is_well

    assert len(looks) == 1


@pytest.mark.parametrize(("part", "status"), [("database", 503), ("storage", 503), ("workers", 200), ("broker", 200)])
def test_the_inference_protocol_is_ready_while_predictions_can_be_made(part: str, status: int, client, monkeypatch):
    findings = tuple(health.Finding(name, name != part, "") for name in ("database", "broker", "storage", "workers"))
    monkeypatch.setattr("apps.predictions.api.v2_views.recent_findings", lambda: findings)

    answer = client.get("/v2/health/ready")

    assert (answer.status_code, answer.json()) == (status, {"ready": status == 200})
    assert client.get("/v2/health/live").json() == {"live": True}
