"""Uploads over HTTP; the check runs in its real child process."""

import os
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from apps.datasets import lifecycle, supervision
from apps.datasets.models import Dataset, DatasetVersion
from tests.factories import make_dataset_version

URL = "/api/v1/datasets/"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Give uploads a folder of their own, and no worker: answers do not wait."""
    monkeypatch.setenv("DATASETS_DIR", str(tmp_path))
    with override_settings(DATASETS_DIR=tmp_path, UPLOAD_WAIT_SECONDS=0.0):
        yield tmp_path


def upload(client, workspace, content: bytes = b"a,b\n1,x\n2,y\n", name: str = "data.csv"):
    return client.post(URL, {"workspace": str(workspace.pk), "file": SimpleUploadedFile(name, content)}, format="multipart")


def test_an_upload_is_answered_at_once_and_waits_for_its_check(cast, api, store):
    answer = upload(api(cast.trainer), cast.acme)

    assert answer.status_code == 202
    assert answer["Location"] == f"{URL}{answer.json()['id']}/"
    assert answer.json()["status"] == "checking"
    assert answer.json()["name"] == "data"


@pytest.mark.parametrize(
    ("who", "status"), [("viewer", 403), ("annotator", 403), ("trainer", 202), ("stranger", 404), ("nobody", 404)]
)
def test_trainers_upload_and_strangers_see_nothing(who, status, cast, api, store):
    assert upload(api(getattr(cast, who)), cast.acme).status_code == status


def test_anonymous_callers_are_told_to_sign_in(cast, api, store):
    assert upload(api(None), cast.acme).status_code == 401


def test_the_same_bytes_twice_are_one_file(cast, api, store):
    for _ in range(2):
        upload(api(cast.trainer), cast.acme)

    versions = DatasetVersion.objects.all()
    assert versions.count() == 2
    assert len({v.upload_path for v in versions}) == 1
    assert len([p for p in store.rglob("*") if p.is_file()]) == 1


def test_an_empty_file_and_one_over_the_cap_are_refused_and_leave_nothing(cast, api, store):
    assert upload(api(cast.trainer), cast.acme, b"").status_code == 422
    with override_settings(UPLOAD_MAX_BYTES=100):
        assert upload(api(cast.trainer), cast.acme, b"a,b\n" + b"1,2\n" * 100).status_code == 413

    assert not DatasetVersion.objects.exists()
    assert not [p for p in store.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\a\\b.csv", "x\u202egpj.csv", "a" * 400 + ".csv", "line\nbreak.csv"]
)
def test_file_names_are_kept_clean_and_never_become_paths(name, cast, api, store):
    body = upload(api(cast.trainer), cast.acme, name=name).json()

    version = DatasetVersion.objects.get(pk=body["version_id"])
    assert "/" not in version.original_name
    assert "\\" not in version.original_name
    assert version.original_name.isprintable()
    assert len(version.original_name) <= 200
    assert version.upload_path.startswith("uploads/")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_child_process_checks_the_file_and_the_row_tells(cast, api, store):
    good = upload(api(cast.trainer), cast.acme).json()["version_id"]
    bad = upload(api(cast.trainer), cast.acme, b"a,b\n1,2,3\n").json()["version_id"]

    for version_id in (good, bad):
        supervision.check_in_child(version_id, lifecycle.claim(version_id))

    ready, refused = DatasetVersion.objects.get(pk=good), DatasetVersion.objects.get(pk=bad)
    assert (ready.status, ready.rows, len(ready.columns)) == ("ready", 2, 2)
    assert (store / ready.table_path).exists()
    assert (refused.status, refused.problems[0]["row"]) == ("refused", 2)
    client = api(cast.viewer)
    assert client.get(f"{URL}{ready.dataset_id}/preview/").json()["rows"] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    download = client.get(f"{URL}{ready.dataset_id}/download/")
    assert b"".join(download.streaming_content) == b"a,b\n1,x\n2,y\n"
    assert "attachment" in download["Content-Disposition"]


def test_a_check_is_claimed_once_and_a_lost_lease_changes_nothing(cast):
    version = make_dataset_version(cast.acme, status="checking", rows=None, content_hash="", table_path="")

    token = lifecycle.claim(version.pk)

    assert token is not None
    assert lifecycle.claim(version.pk) is None
    assert lifecycle.give_back(version.pk, token, reason="died")
    assert not lifecycle.renew(version.pk, token)
    assert not lifecycle.refuse(version.pk, token, problems=[], reading={})
    assert not lifecycle.accept(version.pk, token, kind="table", rows=3, table_path="none.parquet")
    version.refresh_from_db()
    assert (version.status, version.rows) == ("checking", None)


def test_a_check_that_dies_three_times_is_refused_in_words(cast):
    version = make_dataset_version(cast.acme, status="checking", rows=None, content_hash="", table_path="")

    for _ in range(3):
        lifecycle.give_back(version.pk, lifecycle.claim(version.pk), reason="The process died.")

    version.refresh_from_db()
    assert (version.status, version.problems[0]["detail"]) == ("refused", "The process died.")


def test_an_upload_is_on_the_disk_before_its_row_is_written(cast, api, store, monkeypatch):
    synced: set[int] = set()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.add(os.fstat(handle).st_ino), real(handle)))

    upload(api(cast.trainer), cast.acme)

    place = store / DatasetVersion.objects.get().upload_path
    assert {path.stat().st_ino for path in (place, place.parent, place.parents[1], store)} <= synced


def test_two_files_at_once_are_refused_and_leave_nothing(cast, api, store):
    files = [SimpleUploadedFile(f"{name}.csv", b"a,b\n1,2\n") for name in ("one", "two")]

    answer = api(cast.trainer).post(URL, {"workspace": str(cast.acme.pk), "file": files}, format="multipart")

    assert answer.status_code == 422
    assert [fault["code"] for fault in answer.json()["errors"]] == ["several_files"]
    assert not Dataset.objects.exists()
    assert [p for p in store.rglob("*") if p.is_file()] == []


def test_a_name_is_one_line_and_a_file_s_name_is_made_so(cast, api, store):
    named = {"workspace": str(cast.acme.pk), "name": "one\ntwo", "file": SimpleUploadedFile("d.csv", b"a,b\n1,2\n")}

    assert api(cast.trainer).post(URL, named, format="multipart").status_code == 422
    assert upload(api(cast.trainer), cast.acme, name="gpj\u202e fiche.csv").json()["name"] == "gpj fiche"
