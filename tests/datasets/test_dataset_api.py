"""Datasets over HTTP once checked: answers that waited, reading, versions, filters, archiving, lost checks."""

from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.datasets.models import Dataset, DatasetVersion
from mlplatform.celery import app
from tests.datasets.test_upload_api import URL, store, upload  # noqa: F401  (a fixture)
from tests.factories import make_dataset_version


@pytest.fixture
def checked_at_once() -> Iterator[None]:
    """Run each check while its upload waits, in its real child process."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_small_good_file_is_answered_with_its_columns(cast, api, store, checked_at_once):  # noqa: F811
    answer = upload(api(cast.trainer), cast.acme, "âge;ville\n31;Créteil\n;Évry\n".encode("cp1252"))

    body = answer.json()
    assert (answer.status_code, body["status"], body["rows"], body["version"]) == (201, "ready", 2, 1)
    assert [(c["name"], c["dtype"], c["missing"]) for c in body["columns"]] == [
        ("âge", "integer", 1),
        ("ville", "category", 0),
    ]
    assert body["reading"]["encoding"] == "cp1252"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_small_bad_file_is_answered_with_its_rows_and_stays_visible(cast, api, store, checked_at_once):  # noqa: F811
    client = api(cast.trainer)

    answer = upload(client, cast.acme, b"a,b\n1,2,3\n1,2\n1\n")

    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert [(p["row"], p["code"]) for p in body["problems"]] == [(2, "ragged_row"), (4, "ragged_row")]
    assert body["errors"][0]["pointer"] == "/file/2"
    seen = client.get(f"{URL}{body['id']}/").json()
    assert (seen["status"], seen["problems"]) == ("refused", body["problems"])


@pytest.mark.parametrize("path", ["", "preview/", "download/", "versions/"])
@pytest.mark.parametrize(("who", "statuses"), [("stranger", {404}), ("nobody", {403, 404}), (None, {401})])
def test_strangers_see_nothing_of_a_dataset(path, who, statuses, cast, api):
    dataset = make_dataset_version(cast.acme).dataset

    assert api(who and getattr(cast, who)).get(f"{URL}{dataset.pk}/{path}").status_code in statuses


def test_the_list_holds_only_the_callers_workspaces_and_can_be_filtered(cast, api):
    make_dataset_version(cast.acme, name="sales", columns=[])
    make_dataset_version(cast.acme, name="visits", columns=[])
    make_dataset_version(cast.rival, name="secret")
    client = api(cast.viewer)

    def names(query: str) -> list[str]:
        return [d["name"] for d in client.get(f"{URL}?{query}").json()["results"]]

    assert sorted(names("")) == ["sales", "visits"]
    assert names("name=VIS") == ["visits"]
    assert names("ordering=name") == ["sales", "visits"]
    assert names(f"workspace={cast.rival.pk}") == []
    assert client.get(f"{URL}?kind=nonsense").status_code in {400, 422}
    assert client.get(f"{URL}?workspace=nonsense").status_code in {400, 422}


def test_a_new_version_takes_the_next_number(cast, api, store):  # noqa: F811
    dataset = make_dataset_version(cast.acme, columns=[]).dataset
    file = SimpleUploadedFile("more.csv", b"a,b\n1,2\n")

    answer = api(cast.trainer).post(f"{URL}{dataset.pk}/versions/", {"file": file}, format="multipart")

    assert answer.status_code == 202
    assert answer.json()["version"] == 2
    numbers = [v["version"] for v in api(cast.viewer).get(f"{URL}{dataset.pk}/versions/").json()["results"]]
    assert numbers == [2, 1]


def test_only_owners_archive_and_the_versions_stay(cast, api):
    version = make_dataset_version(cast.acme)
    url = f"{URL}{version.dataset_id}/"

    assert api(cast.trainer).delete(url).status_code == 403
    assert api(cast.owner).delete(url).status_code == 204

    assert api(cast.owner).get(url).status_code == 404
    assert Dataset.objects.get(pk=version.dataset_id).archived_at is not None
    assert DatasetVersion.objects.filter(pk=version.pk).exists()


@pytest.mark.parametrize("missing", ["file", "workspace"])
def test_an_upload_without_a_field_says_which(missing, cast, api, store):  # noqa: F811
    fields = {"workspace": str(cast.acme.pk), "file": SimpleUploadedFile("a.csv", b"a,b\n1,2\n")}
    del fields[missing]

    answer = api(cast.trainer).post(URL, fields, format="multipart")

    assert answer.status_code == 422
    assert missing in str(answer.json()["errors"])


def test_a_json_body_is_not_an_upload(cast, api):
    assert api(cast.trainer).post(URL, {"workspace": str(cast.acme.pk)}, format="json").status_code == 415
