"""A data set that somebody archives or removes while a file for it is on its way: said in words, never a 500."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from apps.core import clock
from apps.datasets import actions
from apps.datasets.api import views
from apps.datasets.models import Dataset, DatasetVersion
from tests.factories import make_dataset_version


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATASETS_DIR", str(tmp_path))
    with override_settings(DATASETS_DIR=tmp_path, UPLOAD_WAIT_SECONDS=0.0):
        yield


@pytest.fixture
def version(cast) -> DatasetVersion:
    return make_dataset_version(cast.acme)


def archive(version: DatasetVersion) -> None:
    Dataset.objects.filter(pk=version.dataset_id).update(archived_at=clock.now())


def remove(version: DatasetVersion) -> None:
    version.delete()
    version.dataset.delete()


def send(client, version: DatasetVersion):
    path = f"/api/v1/datasets/{version.dataset_id}/versions/"
    return client.post(path, {"file": SimpleUploadedFile("more.csv", b"a,b\n1,x\n2,y\n")}, format="multipart")


@pytest.mark.parametrize(("change", "status"), [(archive, 409), (remove, 404)])
def test_what_is_gone_when_the_file_has_arrived_takes_no_version(
    change: Callable[[DatasetVersion], None], status: int, version, cast, api, monkeypatch
):
    real = actions.store_upload

    def store_while_somebody_acts(file):
        change(version)
        return real(file)

    monkeypatch.setattr(actions, "store_upload", store_while_somebody_acts)
    answer = send(api(cast.trainer), version)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    assert not DatasetVersion.objects.filter(original_name="more.csv").exists()


def test_a_data_set_archived_while_its_file_is_checked_is_told(version, cast, api, monkeypatch):
    def archive_while_waiting(new: DatasetVersion) -> DatasetVersion:
        archive(version)
        return new

    monkeypatch.setattr(views, "wait_for_check", archive_while_waiting)
    answer = send(api(cast.trainer), version)

    assert answer.status_code == 409
    assert "archived" in answer.json()["detail"]
    assert DatasetVersion.objects.filter(original_name="more.csv").exists()


def test_an_upload_removed_while_it_is_checked_is_not_found(version, cast, api, monkeypatch):
    real = views.wait_for_check

    def wait_while_somebody_removes(new: DatasetVersion) -> DatasetVersion:
        DatasetVersion.objects.filter(pk=new.pk).delete()
        return real(new)

    monkeypatch.setattr(views, "wait_for_check", wait_while_somebody_removes)

    assert send(api(cast.trainer), version).status_code == 404


def test_an_archived_data_set_is_not_archived_twice(version, cast, api, monkeypatch):
    found = Dataset.objects.get(pk=version.dataset_id)
    archive(version)

    with pytest.raises(actions.Conflict):
        actions.archive_dataset(dataset=found, actor=actions.Actor(user_id=cast.owner.pk))
