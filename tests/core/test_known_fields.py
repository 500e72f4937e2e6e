"""A field that nobody reads is refused by name: a misspelt one must not change what is done in silence."""

import json
from pathlib import Path

import pytest

from apps.workspaces.models import Workspace
from tests.access.world import as_file
from tests.factories import make_dataset_version, make_model


def faults(answer):
    assert answer.status_code == 422, answer.content
    return {fault["pointer"]: fault for fault in answer.json()["errors"]}


@pytest.fixture
def ids(cast):
    model = make_model(cast.acme)
    member = cast.viewer.memberships.get().pk
    return {"acme": cast.acme.pk, "model": model.pk, "member": member, "data": make_dataset_version(cast.acme).dataset_id}


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("post", "workspaces/", {"name": "x"}),
        ("patch", "workspaces/{acme}/", {"name": "x"}),
        ("post", "workspaces/{acme}/members/", {"username": "nobody", "role": "viewer"}),
        ("patch", "workspaces/{acme}/members/{member}/", {"role": "trainer"}),
        ("post", "workspaces/{acme}/keys/", {"name": "x"}),
        ("post", "models/", {"workspace": "{acme}", "name": "x", "algorithm": "isolation_forest", "task": "anomaly"}),
        ("patch", "models/{model}/", {"description": "x"}),
        ("post", "models/{model}/train/", {"dataset": "{data}"}),
        ("post", "models/{model}/rollback/", {"reason": "x"}),
        ("post", "models/{model}/predict/", {}),
        ("post", "models/{model}/explain/", {}),
        ("post", "models/{model}/batch_predictions/", {"dataset": "{data}"}),
        ("post", "auth/token/", {"username": "owner-of-acme", "password": "correct horse"}),
    ],
)
def test_a_field_that_nobody_reads_is_refused_and_nothing_is_done(method, address, body, ids, cast, api):
    client, before = api(cast.owner), Workspace.objects.count()
    sent = {name: value.format(**ids) for name, value in body.items()}

    answer = getattr(client, method)(f"/api/v1/{address.format(**ids)}", {**sent, "not_a_field": 1})

    assert faults(answer).keys() == {"/not_a_field"}
    assert faults(answer)["/not_a_field"]["code"] == "unknown_field"
    assert Workspace.objects.count() == before


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("featurs", "features"), ("hyperparameters", "parameters"), ("Target", "target"), ("algorith", "algorithm")],
)
def test_a_misspelt_field_is_told_what_it_may_have_meant(wrong, meant, cast, api):
    body = {"workspace": str(cast.acme.pk), "name": "x", "algorithm": "isolation_forest", "task": "anomaly"}

    fault = faults(api(cast.owner).post("/api/v1/models/", {**body, wrong: "x"}))[f"/{wrong}"]

    assert f"{wrong!r}" in fault["detail"]
    assert f"did you mean {meant!r}?" in fault["detail"]


def test_a_field_like_none_is_told_those_there_are(cast, api):
    fault = faults(api(cast.owner).post("/api/v1/models/", {"zzz": 1}))["/zzz"]

    assert "known: algorithm, auto_retrain, description" in fault["detail"]
    assert "champion" not in fault["detail"], "what the platform sets cannot be sent"


def test_what_else_is_wrong_is_told_beside_it(cast, api):
    assert {"/zzz", "/name", "/workspace"} <= faults(api(cast.owner).post("/api/v1/models/", {"zzz": 1})).keys()


def test_an_answer_may_be_sent_back_as_it_was_read(cast, api):
    client, address = api(cast.owner), f"/api/v1/models/{make_model(cast.acme).pk}/"

    answer = client.patch(address, {**client.get(address).json(), "description": "changed"})

    assert (answer.status_code, answer.json()["description"]) == (200, "changed")


def test_ten_thousand_unknown_fields_make_a_short_answer(cast, api):
    answer = api(cast.owner).post(
        "/api/v1/workspaces/", {"name": "x", **{f"field {n} {'x' * 500}": n for n in range(10_000)}}
    )

    assert answer.status_code == 422
    assert len(answer.content) < 20_000


class TestUploads:
    def test_a_form_field_that_nobody_reads_is_refused(self, cast, api, settings):
        sent = {"workspace": str(cast.acme.pk), "file": as_file(), "nmae": "sales"}

        assert (
            "did you mean 'name'?" in faults(api(cast.owner).post("/api/v1/datasets/", sent, "multipart"))["/nmae"]["detail"]
        )

    def test_a_page_may_send_its_token_with_the_form(self, cast, api, settings):
        settings.UPLOAD_WAIT_SECONDS = 0
        sent = {"workspace": str(cast.acme.pk), "file": as_file(), "csrfmiddlewaretoken": "x"}

        assert api(cast.owner).post("/api/v1/datasets/", sent, "multipart").status_code == 202

    def test_the_next_version_may_come_with_the_fields_of_the_first(self, cast, api, settings):
        settings.UPLOAD_WAIT_SECONDS = 0
        address = f"/api/v1/datasets/{make_dataset_version(cast.acme).dataset_id}/versions/"
        sent = {"workspace": str(cast.acme.pk), "name": "sales", "kind": "tabular"}

        assert api(cast.owner).post(address, {**sent, "file": as_file()}, "multipart").status_code == 202
        assert "/colour" in faults(api(cast.owner).post(address, {"file": as_file(), "colour": "red"}, "multipart"))


def test_the_description_says_that_other_fields_are_refused():
    components = json.loads((Path(__file__).resolve().parents[2] / "docs" / "openapi.json").read_text())["components"][
        "schemas"
    ]

    assert components["ModelRequest"]["additionalProperties"] is False
    assert components["TrainRequest"]["additionalProperties"] is False
    assert "additionalProperties" not in components["Model"], "fields may be added to answers"


@pytest.mark.parametrize(
    ("address", "body", "said"),
    [
        ("channels/", {"workspace": "{acme}", "name": "x", "kind": "pigeon"}, {"/kind": "webhook"}),
        (
            "workspaces/{acme}/members/",
            {"username": "nobody", "role": "king"},
            {"/role": "There is no choice 'king' here. Choose one of: viewer, annotator"},
        ),
        ("detections/review/", {"ids": [], "status": "odd"}, {"/status": "Choose one of: new, confirmed, false_positive"}),
    ],
)
def test_a_choice_that_is_none_is_told_the_choices(address, body, said, cast, api, ids):
    sent = {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}
    answer = api(cast.owner).post(f"/api/v1/{address.format(**ids)}", sent, format="json")

    found = faults(answer)
    for pointer, words in said.items():
        assert words in found[pointer]["detail"]


def test_a_filter_that_is_no_choice_is_told_the_choices(cast, api):
    answer = api(cast.viewer).get("/api/v1/campaigns/?status=odd")

    assert faults(answer)["/status"]["detail"].startswith("Choose one of: pending, ")
