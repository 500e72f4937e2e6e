"""An address of the API may be written without its closing slash: a redirect would lose the body of a POST."""

import uuid

import pytest

from apps.registry.models import RegisteredModel
from mlplatform.bodies import UPLOADS
from tests.access.world import as_file
from tests.factories import make_model


def test_a_post_without_the_slash_does_its_work(cast, api):
    body = {"workspace": str(cast.acme.pk), "name": "Odd", "algorithm": "isolation_forest", "task": "anomaly"}

    answer = api(cast.trainer).post("/api/v1/models", body)

    assert answer.status_code == 201
    assert RegisteredModel.objects.get().name == "Odd"
    assert api(cast.trainer).patch(answer["Location"].rstrip("/"), {"name": "Even"}).json()["name"] == "Even"


def test_an_upload_without_the_slash_is_taken(cast, api, settings):
    settings.UPLOAD_WAIT_SECONDS = 0
    sent = {"workspace": str(cast.acme.pk), "file": as_file()}

    assert api(cast.trainer).post("/api/v1/datasets", sent, "multipart").status_code == 202


def test_a_long_upload_without_the_slash_is_bounded_as_one():
    assert UPLOADS.fullmatch("/api/v1/datasets")
    assert UPLOADS.fullmatch(f"/api/v1/datasets/{uuid.uuid4()}/versions")
    assert not UPLOADS.fullmatch("/api/v1/models")


def test_a_read_without_the_slash_keeps_its_query(cast, api):
    make_model(cast.acme)
    make_model(cast.acme)

    page = api(cast.viewer).get("/api/v1/models?page_size=1").json()

    assert len(page["results"]) == 1
    assert "/api/v1/models/?page=2&page_size=1" in page["next"]


def test_both_ways_have_the_same_rules(cast, api):
    assert api().post("/api/v1/models", {}).status_code == 401
    assert api(cast.viewer).get("/api/v1/models/no-such-model").status_code == 404
    assert api(cast.stranger).get(f"/api/v1/models/{make_model(cast.acme).pk}").status_code == 404
    assert api(cast.viewer).put("/api/v1/models").status_code == 405


def test_a_retry_may_be_written_the_other_way(cast, api):
    body = {"workspace": str(cast.acme.pk), "name": "Odd", "algorithm": "isolation_forest", "task": "anomaly"}

    first = api(cast.trainer).post("/api/v1/models", body, headers={"Idempotency-Key": "k"})
    again = api(cast.trainer).post("/api/v1/models/", body, headers={"Idempotency-Key": "k"})

    assert first.json()["id"] == again.json()["id"]


@pytest.mark.parametrize("path", ["/models", "/healthz/", "/v2/health/live/", "/admin"])
def test_other_addresses_are_left_as_they_are(path, cast, client):
    client.force_login(cast.viewer)

    assert client.get(path).status_code in {301, 404}
