"""The page that describes the API: every file of it is there, every kind of problem, and examples that work."""

import json
import re
import uuid
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from drf_spectacular.generators import SchemaGenerator

from apps.core.errors import PlatformError
from apps.predictions.actions import Predicted
from tests.dashboard.reading import Page

DOCS = "/api/v1/docs/"


@pytest.fixture(scope="module")
def description():
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


def examples(description, path: str, method: str, status: str | None = None) -> dict:
    operation = description["paths"][path][method]
    content = operation["responses"][status]["content"] if status else operation["requestBody"]["content"]
    return {name: example["value"] for name, example in content["application/json"].get("examples", {}).items()}


def test_it_leads_back_and_every_file_it_names_is_there(db, client):
    page = Page(client.get(DOCS))

    assert page.faults == []
    assert "/" in page.links
    files = [e.get("src") or e.get("href") for e in page.elements if e.tag in {"script", "link"}]
    assert [name for name in files if not finders.find(name.removeprefix("/static/"))] == []
    assert page.one("link", rel="icon").get("type") == "image/svg+xml"


@pytest.mark.parametrize(("language", "word"), [("en", "Errors"), ("fr", "Erreurs")])
def test_every_problem_s_type_leads_to_its_line(db, client, language, word):
    page = Page(client.get(DOCS, headers={"accept-language": language}))

    lines = {row.get("id") for row in page.all("tr")}
    assert {
        f"problem-{kind.code}" for kind in PlatformError.__subclasses__() if kind.__module__ == "apps.core.errors"
    } <= lines
    for answer in (client.get("/api/v1/nowhere/"), client.get("/api/v1/models/"), client.put("/api/v1/auth/token/")):
        assert answer.json()["type"].partition("#")[2] in lines
    assert word in page.text


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/v1/models/", "post", None),
        ("/api/v1/models/{id}/", "patch", None),
        ("/api/v1/models/{id}/train/", "post", None),
        ("/api/v1/models/{id}/predict/", "post", None),
        ("/api/v1/models/{id}/predict/", "post", "200"),
        ("/api/v1/models/{id}/explain/", "post", None),
        ("/api/v1/models/{id}/explain/", "post", "200"),
        ("/api/v1/models/{id}/invocations/", "post", None),
        ("/v2/models/{id}/infer", "post", None),
    ],
)
def test_what_is_sent_and_answered_has_examples(description, path, method, status):
    found = examples(description, path, method, status)

    assert found
    assert "additionalProp" not in json.dumps(found)


def test_the_examples_of_models_are_taken(cast, api, description):
    for name, body in examples(description, "/api/v1/models/", "post").items():
        answer = api(cast.trainer).post("/api/v1/models/", {**body, "workspace": str(cast.acme.pk), "name": name})
        assert answer.status_code == 201, (name, answer.json())
    model = answer.json()["id"]
    for body in examples(description, "/api/v1/models/{id}/", "patch").values():
        assert api(cast.trainer).patch(f"/api/v1/models/{model}/", body).status_code == 200


def test_the_examples_of_predictions_have_the_form_of_answers(description):
    form = set(Predicted(uuid.uuid4(), uuid.uuid4(), 1, [], []).as_json())

    for name, answer in examples(description, "/api/v1/models/{id}/predict/", "post", "200").items():
        assert set(answer) == form, name
        assert len(answer["predictions"]) == len(answer["details"]) == len(answer["prediction_ids"])


def test_the_page_is_dark_where_the_reader_s_screen_is():
    script = Path(finders.find("core/swagger/start.js")).read_text()
    style = Path(finders.find("core/swagger/look.css")).read_text()

    assert "prefers-color-scheme: dark" in script
    assert re.search(r":root\.dark-mode {[^}]*color-scheme: dark", style)


def test_every_operation_says_in_a_line_what_it_does(description):
    lines = {
        (path, method): operation.get("summary", "")
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    }

    assert [where for where, line in lines.items() if not 5 <= len(line) <= 140 or "\n" in line] == []
