"""`GET /api/v1/`: where to begin."""

import pytest

URL = "/api/v1/"


def test_who_is_signed_in_is_told_the_collections_and_where_they_are_described(cast, api):
    index = api(cast.viewer).get(URL).json()

    assert index["models"] == "http://testserver/api/v1/models/"
    assert {"workspaces", "datasets", "algorithms", "campaigns", "batch_predictions", "docs", "schema"} <= index.keys()


def test_every_address_of_the_index_answers(cast, api):
    client = api(cast.viewer)

    assert {name: client.get(place).status_code for name, place in client.get(URL).json().items()} == dict.fromkeys(
        client.get(URL).json(), 200
    )


@pytest.mark.django_db
@pytest.mark.parametrize("path", [URL, "/api/v1"])
def test_nobody_is_asked_to_sign_in(path, api):
    answer = api().get(path)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


def test_the_index_is_only_read(cast, api):
    assert api(cast.owner).post(URL, {}).status_code == 405
