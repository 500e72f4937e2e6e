"""The short way through the ASGI application itself: it answers as the long way, or leaves it to the long way."""

import asyncio
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from django.core.asgi import get_asgi_application
from django.test import override_settings

from apps.predictions import actions
from apps.predictions.api import fast
from apps.predictions.api.fast import ShortWay, from_memory
from apps.predictions.cache import champions, predictors
from apps.predictions.metrics import _ROWS as PREDICTED
from apps.predictions.models import PredictionLog
from apps.predictions.recorder import Recorder
from apps.registry.actions import promote_version
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from apps.workspaces.recent_keys import recent_keys
from apps.workspaces.subjects import pseudonym
from tests.predictions.conftest import train_version

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "testserver"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any
    was_short: bool


@dataclass
class Client:
    """Speaks ASGI to the short way with Django behind it, and sees which of the two answered."""

    model: RegisteredModel
    rows: list[dict[str, Any]]
    clear: str

    def post(self, body: bytes | None = None, *, path: str = "", scheme: str = "http", **headers: str) -> Answer:
        sent = orjson.dumps({"data": self.rows}) if body is None else body
        given = {"host": HOST, "content-type": "application/json", "content-length": str(len(sent))}
        given |= {"authorization": f"Bearer {self.clear}", **{n.replace("_", "-"): v for n, v in headers.items()}}
        scope = {
            "type": "http",
            "method": "POST",
            "path": path or f"/api/v1/models/{self.model.pk}/predict/",
            "scheme": scheme,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        return asyncio.run(_speak(scope, sent))


async def _speak(scope: dict[str, Any], body: bytes) -> Answer:
    django, used, said = get_asgi_application(), [], []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    async def long_way(*args: Any) -> None:
        used.append("long")
        await django(*args)

    await ShortWay(long_way)(scope, receive, send)
    text = b"".join(message.get("body", b"") for message in said[1:])
    headers = {name.decode().lower(): value.decode() for name, value in said[0]["headers"]}
    return Answer(said[0]["status"], headers, orjson.loads(text) if text.startswith((b"{", b"[")) else text, not used)


@pytest.fixture
def log(monkeypatch) -> Iterator[Recorder]:
    """Return a log with its own running thread."""
    found = Recorder(room=100)
    monkeypatch.setattr(actions, "recorder", found)
    yield found
    found.close()


@pytest.fixture
def client(trained, cast, log, monkeypatch) -> Iterator[Client]:
    """Return a client whose key and model are known to the short way."""
    for remembered in ("predictions.cache.REMEMBER_SECONDS", "workspaces.recent_keys._REMEMBER_SECONDS"):
        monkeypatch.setattr(f"apps.{remembered}", 30.0)  # a slow machine forgets too soon
    model, rows = trained
    _key, clear = issue_key(user=cast.viewer, workspace=cast.acme, name="k", scope="predict", actor=SYSTEM)
    found = Client(model, rows, clear)
    champions._known.clear()
    fast._headers_for.cache_clear()
    assert not found.post().was_short  # nothing is known yet: the long way decides
    yield found
    champions._known.clear()
    fast._headers_for.cache_clear()


def know(client: Client) -> None:
    """Have the short way know the champion."""
    champions.remember(client.model.pk)


def test_it_answers_as_the_long_way(client):
    wanted = client.post(idempotency_key=str(uuid.uuid4()))
    know(client)

    found = client.post()

    assert (found.was_short, wanted.was_short) == (True, False)
    for name in ("predictions", "details", "model", "version"):
        assert found.body[name] == wanted.body[name]


def test_both_ways_log_whom_a_request_is_for_under_a_pseudonym(client, log):
    know(client)
    body = orjson.dumps({"data": client.rows, "subject": "client-7"})

    answers = client.post(body), client.post(body, idempotency_key=str(uuid.uuid4()))
    log.flush()

    assert [answer.was_short for answer in answers] == [True, False]
    logged = [PredictionLog.objects.get(pk=answer.body["prediction_ids"][0].split("-")[0]).subject for answer in answers]
    assert logged == [pseudonym(client.model.workspace_id, "client-7")] * 2


@pytest.mark.parametrize("given", [{"content_type": "application/json; charset=utf-8"}, {"accept": "text/plain, */*;q=0.1"}])
def test_what_usual_clients_send_is_answered_short(given, client):
    know(client)

    assert client.post(**given).was_short


def test_it_carries_the_headers_that_django_adds_for_safety(client):
    with override_settings(SECURE_HSTS_SECONDS=3600, SECURE_HSTS_PRELOAD=True):
        fast._headers_for.cache_clear()
        wanted = client.post(scheme="https", idempotency_key=str(uuid.uuid4()), x_request_id="of-a-test")
        know(client)
        found = client.post(scheme="https", x_request_id="of-a-test")

    assert (found.was_short, wanted.was_short) == (True, False)
    of_negotiation = {"allow", "vary", "content-language", "content-length"}
    assert {n: v for n, v in found.headers.items() if n != "content-length"} == {
        n: v for n, v in wanted.headers.items() if n not in of_negotiation
    }
    assert "strict-transport-security" in found.headers
    assert "content-security-policy" in found.headers


def test_both_ways_count_and_give_the_request_an_id(client):
    def of_version() -> float:
        return sum(s.value for s in PREDICTED.collect()[0].samples if s.name.endswith("_total"))

    know(client)
    seconds, rows = fast._counted()._sum.get(), of_version()

    short = client.post(x_request_id="mine-1")
    long = client.post(x_request_id="bad\tid", idempotency_key=str(uuid.uuid4()))

    assert (short.was_short, long.was_short) == (True, False)
    assert short.headers["x-request-id"] == "mine-1"
    assert re.fullmatch("[0-9a-f]{32}", long.headers["x-request-id"])
    assert fast._counted()._sum.get() > seconds
    assert of_version() == rows + 2 * len(client.rows)


def test_a_host_that_is_not_ours_goes_to_django_which_refuses_it(client):
    know(client)

    found = client.post(host="evil.example")

    assert (found.status, found.was_short) == (400, False)


def test_plain_http_goes_to_django_where_that_is_redirected(client):
    with override_settings(SECURE_SSL_REDIRECT=True, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        fast._headers_for.cache_clear()
        know(client)
        plain = client.post()
        know(client)
        private = client.post(x_forwarded_proto="https")

    assert (plain.status, plain.was_short) == (301, False)
    assert (private.status, private.was_short) == (200, True)


@pytest.mark.parametrize("odd", ["-" * 36, "a" * 36, "0" * 35 + "-", "3d170715a8d35-44b6-8f01-81bc7ef84638"])
def test_an_id_that_is_none_is_not_found(odd, client):
    assert client.post(path=f"/api/v1/models/{odd}/predict/").status == 404


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"authorization": "Bearer nonsense"}, 401),
        ({"authorization": ""}, 401),
        ({"body": b'{"data": [{}]}'}, 422),
        ({"body": b'{"data": [{"x0": 1}], "threshold": 0.3}'}, 422),
        ({"body": b"{"}, 400),
        ({"body": b'{"data": "\\u0000"}'}, 400),
        ({"body": b"[" * 200_000}, 400),
        ({"content_type": "text/plain"}, 415),
        ({"accept": "text/html"}, 406),
    ],
)
def test_a_refusal_is_worded_by_django(given, status, client):
    know(client)

    found = client.post(**given)

    assert (found.status, found.was_short) == (status, False)


def test_a_header_given_twice_is_for_django(client):
    know(client)
    scope_headers = [(b"host", HOST.encode()), (b"host", b"evil.example"), (b"content-type", b"application/json")]
    scope = {"path": f"/api/v1/models/{client.model.pk}/predict/", "headers": [*scope_headers, (b"content-length", b"2")]}

    assert fast._own_headers(scope) is None
    assert fast._own_headers({**scope, "headers": scope["headers"][:1] + scope["headers"][2:]}) is not None


def test_what_goes_wrong_on_the_short_way_is_answered_by_the_long_way(client, caplog):
    loaded = predictors.peek(ModelVersion.objects.get().pk)
    assert loaded is not None

    class Broken:
        size_bytes = 1
        task = loaded.predictor.task

        def predict(self, rows: Any) -> Any:
            raise ZeroDivisionError

    know(client)
    predictors._loaded[loaded.version_id] = replace(loaded, predictor=Broken())
    headers = {b"authorization": f"Bearer {client.clear}".encode()}
    assert from_memory(client.model.pk, headers, orjson.dumps({"data": client.rows})) is None
    predictors._loaded[loaded.version_id] = loaded

    assert "ZeroDivisionError" in caplog.text


def test_nothing_is_answered_from_what_is_forgotten(client):
    headers = {b"authorization": f"Bearer {client.clear}".encode()}
    body = orjson.dumps({"data": client.rows})
    know(client)
    assert from_memory(client.model.pk, headers, body) is not None

    assert from_memory(uuid.uuid4(), headers, body) is None
    assert from_memory(client.model.pk, {}, body) is None
    recent_keys.forget_all()
    assert from_memory(client.model.pk, headers, body) is None


def test_who_promotes_and_then_asks_is_answered_by_the_new_champion(client):
    know(client)
    assert (client.post().body["version"], client.post().was_short) == (1, True)
    second, _rows = train_version(client.model, seed=7)

    promote_version(version=second, actor=SYSTEM)

    answer = client.post()
    assert (answer.body["version"], answer.was_short) == (2, False)
    assert client.post().was_short


def test_with_a_full_log_every_answer_is_still_given_and_logged(client, log):
    log.close()  # its thread is gone: what is offered now would never be written
    full = Recorder(room=2)
    full._pid = os.getpid()
    actions.recorder = full  # the fixture of `log` puts the right one back
    know(client)
    before = PredictionLog.objects.count()

    answers = [client.post() for _ in range(4)]

    assert [answer.status for answer in answers] == [200] * 4
    assert [answer.was_short for answer in answers] == [True, True, False, False]
    assert PredictionLog.objects.count() == before + 2
    full.flush()
    assert PredictionLog.objects.count() == before + 4


def test_many_answers_through_a_small_log_are_all_logged(client, log):
    log._room, ids = 3, []
    for _ in range(30):
        know(client)
        ids += client.post().body["prediction_ids"][:1]
    log.close()

    logged = {pk.hex for pk in PredictionLog.objects.values_list("pk", flat=True)}
    assert {one.split("-")[0] for one in ids} <= logged
