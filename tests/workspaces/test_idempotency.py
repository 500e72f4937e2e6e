"""`Idempotency-Key`: the first answer again, the work once, whatever dies in between."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from rest_framework.test import APIClient

from apps.core import clock
from apps.core.permissions import Role
from apps.datasets.models import Dataset, DatasetVersion
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key, remove_member, sweep
from apps.workspaces.models import ApiKey, IdempotencyRecord, Membership, Workspace
from tests.factories import make_dataset_version, make_member, make_model, make_workspace

ONCE = {"Idempotency-Key": "k1"}


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _places(settings, tmp_path):
    settings.DATASETS_DIR = str(tmp_path)
    settings.UPLOAD_WAIT_SECONDS = 0.0


def make(client, name="Once", **headers):
    return client.post("/api/v1/workspaces/", {"name": name}, headers={**ONCE, **headers})


def test_a_retry_gets_the_first_answer_to_the_letter(cast, api):
    client = api(cast.owner)
    first, retry, other = make(client), make(client), make(client, "Twice")

    assert (first.status_code, retry.status_code, other.status_code) == (201, 201, 422)
    assert retry.content == first.content
    assert retry["Location"] == first["Location"]
    assert retry["Idempotent-Replay"] == "true"
    assert other.json()["errors"][0]["code"] == "idempotency_mismatch"
    assert Workspace.objects.filter(name="Once").count() == 1


def test_a_training_is_started_once_and_its_answer_replayed_to_the_letter(cast, api):
    client, model = api(cast.owner), make_model(cast.acme)
    given = {"dataset": str(make_dataset_version(cast.acme).pk)}

    first = client.post(f"/api/v1/models/{model.pk}/train/", given, headers=ONCE)
    retry = client.post(f"/api/v1/models/{model.pk}/train/", given, headers=ONCE)

    assert first.status_code == 202
    assert retry.content == first.content
    assert TrainingCampaign.objects.count() == 1


def test_a_fresh_key_is_never_kept_and_never_made_twice(cast, api):
    client, keys = api(cast.owner), f"/api/v1/workspaces/{cast.acme.pk}/keys/"
    first = client.post(keys, {"name": "x"}, headers=ONCE)
    retry = client.post(keys, {"name": "x"}, headers=ONCE)

    clear = first.json()["key"]
    assert clear not in str([vars(record) for record in IdempotencyRecord.objects.all()])
    assert retry.status_code == 409
    assert "new idempotency key" in retry.json()["detail"]
    assert ApiKey.objects.count() == 1


def test_a_refusal_of_422_is_replayed(cast, api):
    client = api(cast.owner)
    first = make(client, "")
    retry = make(client, "")

    assert (first.status_code, retry.status_code) == (422, 422)
    assert "Idempotent-Replay" not in first
    assert retry["Idempotent-Replay"] == "true"
    assert retry.content == first.content
    assert retry["Content-Type"] == "application/problem+json"


def test_other_refusals_are_tried_anew(cast, api):
    client, model = api(cast.owner), make_model(cast.acme)
    version = make_dataset_version(cast.acme, status=DatasetVersion.Status.CHECKING)
    address, given = f"/api/v1/models/{model.pk}/train/", {"dataset": str(version.dataset_id)}

    first = client.post(address, given, headers=ONCE)
    DatasetVersion.objects.update(status=DatasetVersion.Status.READY)
    retry = client.post(address, given, headers=ONCE)

    assert (first.status_code, retry.status_code) == (409, 202)


def asked_until_killed(user, at, *, upload_to=None):
    """Ask in a process of its own, which kills itself when it comes to call `at`."""
    lines = ASK.format(
        var=os.environ["MLPLATFORM_VAR"],
        name=connection.settings_dict["NAME"],
        store=settings.DATASETS_DIR,
        user=user.pk,
        at=at,
        workspace=upload_to and str(upload_to.pk),
    )
    done = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


ASK = """
import os, signal
os.environ["MLPLATFORM_VAR"] = {var!r}
os.environ["DJANGO_SETTINGS_MODULE"] = "mlplatform.settings.test"
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
settings.DATASETS_DIR = {store!r}
django.setup()
from django.contrib.auth.models import User
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from pkgutil import resolve_name
from rest_framework.test import APIClient

owner, _, last = {at!r}.rpartition(".")
setattr(resolve_name(owner), last, lambda *args, **named: os.kill(os.getpid(), signal.SIGKILL))
client = APIClient()
client.force_login(User.objects.get(pk={user!r}))
headers = {{"Idempotency-Key": "k1"}}
if {workspace!r}:
    form = {{"workspace": {workspace!r}, "name": "sales", "file": SimpleUploadedFile("sales.csv", b"a,b\\n1,2\\n")}}
    client.post("/api/v1/datasets/", form, format="multipart", headers=headers)
else:
    client.post("/api/v1/workspaces/", {{"name": "Once"}}, headers=headers)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("at", "kept"),
    [
        ("apps.workspaces.models.AuditEntry.save", False),
        ("apps.workspaces.api.idempotency._complete", False),
        ("apps.workspaces.api.viewsets.ScopedViewSet.finalize_response", True),
    ],
)
def test_a_kill_leaves_work_and_answer_or_neither(at, kept):
    owner = make_member(make_workspace(), Role.OWNER)

    asked_until_killed(owner, at)
    left = Workspace.objects.filter(name="Once").count()
    retry = make(signed_in(owner))

    assert left == int(kept)
    assert retry.status_code == 201
    assert ("Idempotent-Replay" in retry) == kept
    assert Workspace.objects.filter(name="Once").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_upload_killed_while_it_waits_is_not_done_twice():
    workspace = make_workspace()
    owner = make_member(workspace, Role.OWNER)

    asked_until_killed(owner, "apps.datasets.api.views.wait_for_check", upload_to=workspace)
    retry = upload(signed_in(owner), workspace)

    dataset = Dataset.objects.get()
    assert retry.status_code == 200
    assert retry.json()["id"] == str(dataset.pk)
    assert dataset.versions.count() == 1


def signed_in(user):
    client = APIClient()
    client.force_login(user)
    return client


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_the_work_once():
    owner = make_member(make_workspace(), Role.OWNER)
    together, answers = threading.Barrier(6), []

    def ask():
        client = signed_in(owner)
        together.wait()
        try:
            answers.append(make(client))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.content for answer in answers}) == 1
    assert Workspace.objects.filter(name="Once").count() == 1


def upload(client, workspace, content=b"a,b\n1,2\n"):
    form = {"workspace": str(workspace.pk), "name": "sales", "file": SimpleUploadedFile("sales.csv", content)}
    return client.post("/api/v1/datasets/", form, format="multipart", headers=ONCE)


def test_an_upload_is_replayed(cast, api):
    client = api(cast.owner)
    first, retry, other = upload(client, cast.acme), upload(client, cast.acme), upload(client, cast.acme, b"a\n1\n")

    assert (first.status_code, retry.status_code, other.status_code) == (202, 202, 422)
    assert retry.content == first.content
    assert Dataset.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_upload_waits_in_no_transaction(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "apps.datasets.api.views.wait_for_check", lambda version: seen.append(connection.in_atomic_block) or version
    )
    workspace = make_workspace()
    assert upload(signed_in(make_member(workspace, Role.OWNER)), workspace).status_code == 202
    assert seen == [False]


def test_a_version_whose_answer_was_lost_is_not_made_twice(cast, api, monkeypatch):
    dataset = make_dataset_version(cast.acme).dataset
    client = api(cast.owner)

    def send():
        form = {"file": SimpleUploadedFile("sales.csv", b"a\n1\n")}
        return client.post(f"/api/v1/datasets/{dataset.pk}/versions/", form, format="multipart", headers=ONCE)

    first = send()
    IdempotencyRecord.objects.update(status=None, answer=None)  # what a kill leaves
    again = send()

    assert (first.status_code, again.status_code) == (202, 200)
    assert dataset.versions.count() == 2


def test_who_has_left_is_told_nothing_any_more(cast, api):
    client = api(cast.trainer)
    given = {"workspace": str(cast.acme.pk), "name": "m", "algorithm": "random_forest", "task": "regression", "target": "y"}
    first = client.post("/api/v1/models/", given, headers=ONCE)

    remove_member(member=Membership.objects.get(user=cast.trainer), actor=SYSTEM)
    retry = client.post("/api/v1/models/", given, headers=ONCE)

    assert (first.status_code, retry.status_code) == (201, 404)
    assert RegisteredModel.objects.count() == 1


def test_a_key_is_its_user_s_own(cast, api):
    assert make(api(cast.owner)).status_code == 201
    assert "Idempotent-Replay" not in make(api(cast.stranger))


def test_a_retry_with_a_narrower_key_gets_nothing(cast):
    wide = issue_key(user=cast.owner, workspace=None, name="wide", scope="admin", actor=SYSTEM)[1]
    narrow = issue_key(user=cast.owner, workspace=None, name="narrow", scope="read", actor=SYSTEM)[1]

    first, retry = (make(APIClient(), Authorization=f"Bearer {clear}") for clear in (wide, narrow))

    assert (first.status_code, retry.status_code) == (201, 403)


def test_old_answers_are_swept(cast, api):
    make(api(cast.owner))
    sweep()
    assert IdempotencyRecord.objects.count() == 1

    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=24, minutes=1))
    sweep()

    assert not IdempotencyRecord.objects.exists()
    assert make(api(cast.owner)).status_code == 201


@pytest.mark.parametrize("key", ["x" * 201, "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(key, cast, api):
    answer = make(api(cast.owner), **{"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "bad_key")
