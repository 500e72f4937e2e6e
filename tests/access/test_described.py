"""The description of the API names the refusals that its routes give."""

import pytest

from tests.access.described import SCHEMA
from tests.factories import make_model

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
    if method != "parameters"
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_names_its_refusals(name):
    operation, answers = OPERATIONS[name], OPERATIONS[name]["responses"]

    assert "503" in answers
    if any(operation.get("security", [])):
        assert {"401", "403"} <= answers.keys()
    if "{" in name:
        assert "404" in answers
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= answers.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_refusals_are_problem_documents(name):
    for status, answer in OPERATIONS[name]["responses"].items():
        if status >= "400":
            _, _, kind = answer["$ref"].rpartition("/")
            content = SCHEMA["components"]["responses"][kind]["content"]
            assert list(content) == ["application/problem+json"]


@pytest.mark.parametrize("method", ["put", "options", "trace"])
def test_a_method_that_a_route_does_not_take_is_405_with_those_it_does(method, cast, api):
    address = f"/api/v1/models/{make_model(cast.acme).pk}/"

    answer = api(cast.viewer).generic(method.upper(), address)

    assert answer.status_code == 405
    assert {word.strip() for word in answer["Allow"].split(",")} == {"GET", "PATCH", "DELETE", "HEAD"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_pages_take_no_method_that_a_browser_does_not_send(method, cast, client):
    client.force_login(cast.viewer)

    assert client.generic(method, "/models/").status_code == 405
    assert client.generic(method, "/api/v1/docs/").status_code == 405
