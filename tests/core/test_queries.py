"""A query parameter that nobody reads, or whose value cannot be read, is refused by name."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from apps.algorithms import catalog
from tests.factories import make_campaign, make_dataset_version, make_model

DESCRIBED = json.loads((Path(__file__).resolve().parents[2] / "docs" / "openapi.json").read_text())["paths"]
OURS = [
    (method, path, [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"])
    for path, operations in DESCRIBED.items()
    for method, operation in operations.items()
    if path.startswith("/api/v1/") and path != "/api/v1/auth/token/"
]
LISTS = [path for method, path, names in OURS if "page" in names]


def address(path, **ids):
    numbers = {"number": 1, **({"id": 1} if "/members/" in path else {})}
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return path.format(**{name: ids.get(name) or numbers.get(name) or uuid.uuid4() for name in names})


def codes(answer):
    return {fault["code"] for fault in answer.json()["errors"]} if answer.status_code == 422 else set()


@pytest.mark.parametrize(("method", "path", "names"), OURS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_route_takes_the_parameters_of_its_description_and_no_other(method, path, names, cast, api):
    client, place = api(cast.owner), address(path, workspace_id=cast.acme.pk)

    assert codes(getattr(client, method)(f"{place}?no_such_parameter=1")) == {"unknown_parameter"}
    for name in names:
        assert "unknown_parameter" not in codes(getattr(client, method)(f"{place}?{name}=")), name


def test_the_lists_were_found():
    assert len(LISTS) >= 11


def test_an_unknown_parameter_is_told_its_neighbour_and_those_there_are(cast, api):
    (fault,) = api(cast.viewer).get("/api/v1/models/?algoritm=xgboost").json()["errors"]

    assert fault["pointer"] == "algoritm"
    assert "did you mean 'algorithm'?" in fault["detail"]
    assert "algorithm, domain, name, ordering, page, page_size, task, workspace" in fault["detail"]


def test_who_is_nobody_is_told_that_first(api, db):
    assert api().get("/api/v1/models/?zzz=1").status_code == 401


def test_nothing_is_done_by_a_request_with_an_unknown_parameter(cast, api):
    model = make_model(cast.acme)

    assert api(cast.owner).delete(f"/api/v1/models/{model.pk}/?dry_run=true").status_code == 422

    model.refresh_from_db()
    assert model.archived_at is None


class TestPages:
    REFUSED = ("page_size=abc", "page_size=0", "page_size=-1", "page_size=1e9", "page=abc", "page=%00", "page=1.5")
    TAKEN = {
        "page_size=1000000000": 200,
        "page=last": 200,
        "page=": 200,
        "page=1": 200,
        "page=-1": 404,
        "page=1" + 12 * "0": 404,
    }

    @pytest.fixture
    def list_at(self, cast, api):
        """Return a reader of a list, with a query, in a workspace that has something."""
        model, version = make_model(cast.acme), make_dataset_version(cast.acme, columns=[])
        campaign = make_campaign(model, dataset_version=version).pk
        client = api(cast.owner)

        def read(path: str, query: str) -> Any:
            own = campaign if "campaigns" in path else version.dataset_id
            return client.get(f"{address(path, workspace_id=cast.acme.pk, model_id=model.pk, id=own)}?{query}")

        return read

    @pytest.mark.parametrize("path", LISTS)
    def test_what_is_no_number_is_refused(self, path, list_at):
        for query in self.REFUSED:
            answer = list_at(path, query)

            assert codes(answer) == {"bad_value"}, query
            assert answer.json()["errors"][0]["pointer"] == query.partition("=")[0]

    @pytest.mark.parametrize("path", LISTS)
    def test_what_is_one_is_kept_within_bounds(self, path, list_at):
        assert {query: list_at(path, query).status_code for query in self.TAKEN} == self.TAKEN


def test_a_page_is_never_longer_than_two_hundred_rows(cast, api):
    for _ in range(201):
        make_model(cast.acme)

    page = api(cast.viewer).get("/api/v1/models/?page_size=1000000000").json()

    assert (page["count"], len(page["results"])) == (201, 200)
    assert "page=2" in page["next"]


def test_the_menu_comes_in_pages_too(cast, api):
    first = api(cast.viewer).get("/api/v1/algorithms/?page_size=1").json()

    assert (first["count"], len(first["results"])) == (len(catalog.entries()), 1)
    assert "page=2" in first["next"]


@pytest.mark.parametrize("query", ["after=abc", "after=1e3", "after=99999999999999999999"])
def test_the_events_of_a_campaign_begin_after_a_number(query, cast, api):
    events = f"/api/v1/campaigns/{make_campaign(make_model(cast.acme)).pk}/events/"

    assert codes(api(cast.viewer).get(f"{events}?{query}", headers={"Accept": "application/json"})) == {"bad_value"}
    assert api(cast.viewer).get(f"{events}?after=0", headers={"Accept": "application/json"}).status_code == 200


def test_the_inference_protocol_may_ask_with_what_it_likes(cast, api):
    model = make_model(cast.acme)

    assert api(cast.viewer).get(f"/v2/models/{model.pk}/ready?timeout=3").status_code == 409, "it has no version"
