"""Disks that are full, read-only or gone: said in words, nothing half done, and all goes on once they are back."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.urls import reverse
from rest_framework.test import APIClient

from apps.core import health
from apps.core.api.errors import describe
from apps.datasets.models import DatasetVersion
from apps.predictions.models import PredictionLog
from apps.predictions.recorder import Recorder
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.models import AuditEntry
from tests.cast import Cast, make_cast
from tests.hostile.conftest import adopt_stores, forget
from tests.hostile.disks import MIB, SmallDisk
from tests.hostile.trained import file_trained, model_of, trained
from tests.journeys.running import wait_for
from tests.predictions.test_recorder import entry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
MODELS, DATASETS = "/api/v1/models/", "/api/v1/datasets/"


@pytest.fixture
def database_on_small_disk(transactional_db: None, small_disk: SmallDisk) -> Iterator[SmallDisk]:
    """Move this test's database to a small disk."""
    if connection.vendor != "sqlite":
        pytest.skip("the database of this test is a file")
    name, there = connection.settings_dict["NAME"], small_disk.path / "db.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(there)])
    connection.close()
    connection.settings_dict["NAME"] = str(there)
    yield small_disk
    connection.close()
    connection.settings_dict["NAME"] = name


def new_model(cast: Cast, name: str) -> dict[str, Any]:
    fields = {"workspace": str(cast.acme.pk), "name": name, "algorithm": "random_forest"}
    return {**fields, "task": "classification", "target": "y"}


def test_a_database_without_room_refuses_what_writes_in_words_and_goes_on_once_there_is_room(
    database_on_small_disk: SmallDisk, store: Path, api
):
    cast = make_cast()
    model = model_of(cast.acme, "random_forest")
    version = file_trained(model)
    client, rows = api(cast.owner), trained("random_forest", 0).rows
    train = reverse("model-train", args=[model.pk]), {"dataset": str(version.dataset_version.dataset_id)}
    before = AuditEntry.objects.count()

    database_on_small_disk.fill()
    for path, body in ((MODELS, new_model(cast, "A" * 200)), (train)):
        for _ in range(3):
            answer = client.post(path, body, headers={"Idempotency-Key": str(uuid.uuid4())})
            assert (answer.status_code, answer.json()["code"]) == (507, "storage_full"), answer.content
            assert "disk is full" in answer.json()["detail"]
    assert client.get(reverse("model-detail", args=[model.pk])).status_code == 200
    assert client.post(reverse("model-predict", args=[model.pk]), {"data": rows}).status_code == 200
    assert (RegisteredModel.objects.count(), TrainingCampaign.objects.count()) == (1, 0)
    assert AuditEntry.objects.count() == before

    database_on_small_disk.free()
    assert client.post(MODELS, new_model(cast, "A" * 200)).status_code == 201
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_full_disk_of_postgresql_is_told_like_any_other():
    error = OperationalError("could not extend file")
    error.__cause__ = psycopg.errors.DiskFull()

    status, code, *_rest = describe(error)

    assert (status, code) == (507, "storage_full")


def test_the_prediction_log_keeps_its_entries_until_the_database_has_room(
    database_on_small_disk: SmallDisk, store: Path, caplog
):
    model = model_of(make_cast().acme, "random_forest")
    version = file_trained(model)
    log = Recorder()
    entries = [entry(version, rows=[{"x": "y" * 9_000}]) for _ in range(100)]

    database_on_small_disk.fill()
    assert all(log.offer(one) for one in entries)
    wait_for(lambda: "wait to be written" in caplog.text, seconds=20, what="the log to have tried")
    assert (PredictionLog.objects.count(), log.set_aside) == (0, 0)

    database_on_small_disk.free()
    wait_for(lambda: PredictionLog.objects.count() == len(entries), seconds=20, what="the entries to be written")
    log.close()


@pytest.fixture
def files_on_small_disk(small_disk: SmallDisk, store: Path, settings: Any) -> SmallDisk:
    """Keep data sets on a small disk, marked as this database's, and models beside it."""
    settings.DATASETS_DIR = small_disk.path / "datasets"
    settings.UPLOAD_WAIT_SECONDS = 0.0
    adopt_stores()
    return small_disk


def upload(client: APIClient, cast: Cast, rows: int = 2) -> Any:
    file = SimpleUploadedFile("a.csv", b"a,b\n" + b"1,x\n" * rows)
    return client.post(DATASETS, {"workspace": str(cast.acme.pk), "file": file}, format="multipart")


def stored() -> list[str]:
    return [path.name for path in Path(settings.DATASETS_DIR).rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_an_upload_without_room_is_refused_in_words_and_taken_once_there_is_room(files_on_small_disk: SmallDisk, api):
    cast = make_cast()
    client = api(cast.trainer)

    files_on_small_disk.fill()
    answer = upload(client, cast, rows=100)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert stored() == []
    assert not health.check_storage().is_well

    files_on_small_disk.free()
    assert upload(client, cast, rows=100).status_code == 202
    assert upload(client, cast, rows=9 * MIB // 4).status_code == 507
    assert len(stored()) == DatasetVersion.objects.count() == 1


def test_a_store_that_became_read_only_is_said_by_readiness_and_refuses_uploads_until_it_is_writable(
    files_on_small_disk: SmallDisk, api
):
    cast = make_cast()
    client = api(cast.trainer)

    files_on_small_disk.make_read_only()
    found = health.check_storage()
    assert not found.is_well
    assert str(files_on_small_disk.path) in found.detail
    assert "writable" in found.advice
    answer = upload(client, cast)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.content
    assert "Read-only" in answer.json()["detail"]
    assert not DatasetVersion.objects.exists()

    files_on_small_disk.make_writable()
    assert upload(client, cast).status_code == 202


@pytest.mark.parametrize("which", ["ML_MODELS_DIR", "DATASETS_DIR"])
@pytest.mark.parametrize("how", ["is gone", "is an empty folder, as where a disk is not mounted"])
def test_a_store_that_went_away_is_said_by_readiness(store: Path, settings: Any, monkeypatch, client, which: str, how: str):
    monkeypatch.setattr(health, "PROBES", (health.check_database, health.check_storage))
    monkeypatch.setattr(health, "_recent", health._Recent())
    adopt_stores()
    assert client.get("/readyz").status_code == 200
    place = Path(getattr(settings, which))

    shutil.rmtree(place)
    if how != "is gone":
        place.mkdir()
    monkeypatch.setattr(health, "_recent", health._Recent())
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert str(place) in answer.content.decode()


def test_a_store_of_models_that_went_away_answers_in_words_and_serves_again_when_it_is_back(store: Path, settings: Any, api):
    cast = make_cast()
    model = model_of(cast.acme, "random_forest")
    file_trained(model)
    client, rows = api(cast.viewer), trained("random_forest", 0).rows
    ask = reverse("model-predict", args=[model.pk]), {"data": rows}
    assert client.post(*ask).status_code == 200

    Path(settings.ML_MODELS_DIR).rename(store.parent / "away")
    forget()
    answer = client.post(*ask)
    assert (answer.status_code, answer.json()["code"]) == (503, "artifact_damaged")

    (store.parent / "away").rename(settings.ML_MODELS_DIR)
    assert client.post(*ask).status_code == 200
