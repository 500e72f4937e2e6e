"""What is past its time is removed to the moment, once, and told; what is still read stays."""

import logging
import uuid
from datetime import timedelta

import pytest

from apps.core import clock
from apps.core.instance import private_folder
from apps.feedback.models import Feedback, FeedbackSample
from apps.feedback.selectors import sample_file
from apps.monitoring.models import DriftReport
from apps.predictions.models import PredictionLog
from apps.privacy import retention
from apps.privacy.models import SubjectRequest
from apps.registry.models import ModelVersion
from apps.workspaces.models import AuditEntry
from tests.predictions.conftest import trained  # noqa: F401  (a fixture)

NOW = clock.now().replace(microsecond=0)
MOMENT = timedelta(microseconds=1)
DAYS = timedelta(days=1)


@pytest.fixture
def kept(trained, settings, tmp_path, monkeypatch):  # noqa: F811
    """Return a maker of rows of an age, and the workspace's model, with the clock standing still."""
    settings.DATASETS_DIR = str(tmp_path / "datasets")
    monkeypatch.setattr(clock, "now", lambda: NOW)
    model, _ = trained
    version = ModelVersion.objects.get(model=model)

    def make(age):
        at = NOW - age
        entry = PredictionLog.objects.create(
            id=uuid.uuid4(), model=model, version=version, at=at, row_count=1, rows=[{}], predictions=["a"], milliseconds=1.0
        )
        shared = {"model": model, "version": version, "entry_id": entry.pk, "place": 0}
        Feedback.objects.create(
            **shared, predicted_at=at, predicted="a", correct=True, giver="user:1", source="api", given_at=at, known_at=at
        )
        sample = FeedbackSample.objects.create(
            **shared, path=f"{entry.pk}.json", media_type="application/json", size_bytes=2, sha256="0" * 64,
            consented_at=at, expires_at=at + timedelta(days=180),
        )  # fmt: skip
        sample_file(sample).write_text("{}")
        return entry

    return make, model


def left():
    return PredictionLog.objects.count(), Feedback.objects.count(), FeedbackSample.objects.count()


def test_at_the_boundary_it_is_exact_and_twice_is_as_once(kept, caplog):
    caplog.set_level(logging.INFO)
    make, model = kept
    make(180 * DAYS)
    make(180 * DAYS + MOMENT)
    make(400 * DAYS)
    files = list(private_folder("samples").iterdir())

    first = retention.apply()
    after = left()
    second = retention.apply()

    assert (first, after) == ({"predictions": 2, "feedback": 2, "samples": 2, "exports": 0}, (1, 1, 1))
    assert (second, left()) == ({"predictions": 0, "feedback": 0, "samples": 0, "exports": 0}, (1, 1, 1))
    assert (len(files), len(list(private_folder("samples").iterdir()))) == (3, 1)
    told = AuditEntry.objects.filter(verb="retention.remove", workspace=model.workspace)
    assert sorted((one.details["what"], one.details["removed"]) for one in told) == [
        ("feedback", 2),
        ("predictions", 2),
        ("samples", 2),
    ]
    assert "2 predictions of workspace" in caplog.text


def test_a_workspace_keeps_it_shorter_and_others_do_not_follow(kept, cast, api):
    make, _model = kept
    make(31 * DAYS)
    address = f"/api/v1/workspaces/{cast.acme.pk}/retention/"
    before = api(cast.viewer).get(address).json()

    answer = api(cast.owner).put(address, {"prediction_days": 30, "sample_days": 90}, format="json")
    too_long = api(cast.owner).put(address, {"sample_days": 181}, format="json")
    retention.apply()

    assert (before["prediction_days"], before["in_force"]["prediction_days"]) == (None, 180)
    in_force = {"prediction_days": 30, "feedback_days": 180, "sample_days": 90}
    assert (answer.status_code, answer.json()["in_force"]) == (200, in_force)
    assert (too_long.status_code, too_long.json()["errors"][0]["pointer"]) == (422, "/sample_days")
    assert left() == (0, 1, 1)  # the verdict holds what it judges, without the log's row
    assert AuditEntry.objects.filter(verb="retention.set").count() == 1


@pytest.mark.parametrize("value", [0, -1, "many", 1.5, 10**9])
def test_days_that_are_none_are_refused(value, cast, api):
    refused = api(cast.owner).put(f"/api/v1/workspaces/{cast.acme.pk}/retention/", {"sample_days": value}, format="json")

    assert refused.status_code == 422


def test_the_window_of_a_drift_check_under_way_is_kept(kept, settings):
    settings.RETENTION_PREDICTION_DAYS = 10
    make, model = kept
    make(12 * DAYS)
    make(40 * DAYS)
    version = ModelVersion.objects.get(model=model)
    check = DriftReport.objects.create(model=model, version=version, since=NOW - 30 * DAYS, until=NOW)

    retention.apply()
    during = PredictionLog.objects.count()
    DriftReport.objects.filter(pk=check.pk).update(status="completed", finished_at=NOW)
    retention.apply()

    assert (during, PredictionLog.objects.count()) == (1, 0)


def test_many_go_in_portions_and_a_death_in_between_is_made_good(kept, monkeypatch):
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    make, _ = kept
    for _number in range(5):
        make(200 * DAYS)
    told = retention.record_audit

    def die_later(**entry):
        if AuditEntry.objects.filter(verb="retention.remove").count() == 1:
            raise KeyboardInterrupt
        return told(**entry)

    with monkeypatch.context() as here:
        here.setattr(retention, "record_audit", die_later)
        with pytest.raises(KeyboardInterrupt):
            retention.apply()
    between = PredictionLog.objects.count()
    retention.apply()

    assert (between, left()) == (3, (0, 0, 0))
    removed = [
        one.details["removed"] for one in AuditEntry.objects.filter(verb="retention.remove", details__what="predictions")
    ]
    assert sum(removed) == 5


def test_a_sample_goes_at_its_own_time_where_that_is_sooner(kept):
    make, _ = kept
    make(10 * DAYS)
    FeedbackSample.objects.update(expires_at=NOW - MOMENT)

    assert retention.apply()["samples"] == 1


def test_expired_exports_and_files_of_nobody_go(kept, cast):
    folder = private_folder("exports")
    for name in ("old.zip", "new.zip", "nobody.zip"):
        (folder / name).write_bytes(b"x")
    common = {"workspace": cast.acme, "kind": "export", "subject": "s-0", "pseudonyms": [], "status": "completed"}
    SubjectRequest.objects.create(**common, file_path="old.zip", expires_at=NOW - MOMENT)
    SubjectRequest.objects.create(**common, file_path="new.zip", expires_at=NOW + DAYS)
    import os

    long_ago = (NOW - 2 * DAYS).timestamp()
    os.utime(folder / "nobody.zip", (long_ago, long_ago))

    assert retention.apply()["exports"] == 1
    assert [path.name for path in folder.iterdir()] == ["new.zip"]
    assert oct(folder.stat().st_mode)[-3:] == "700"
