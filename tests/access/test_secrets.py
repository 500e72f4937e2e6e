"""What must be nowhere: passwords, keys and sessions in logs, rows, problems, messages to workers."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from celery.signals import before_task_publish
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import serializers
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.alerts import sending
from apps.alerts.actions import raise_alert
from apps.alerts.models import Channel
from apps.workspaces.models import ApiKey
from mlplatform.celery import app
from tests.access.rules import address_of, called, sent_to
from tests.access.world import MARK, World
from tests.alerts.conftest import receiver  # noqa: F401  (a fixture)
from tests.factories import make_user

PASSWORD, WRONG = "correct horse", "zq-wrong-password"
TOKEN = "/api/v1/auth/token/"


def everything(world: World) -> dict[str, Any]:
    """Sign in, well and badly, at every door; make keys at both; use good, dead and made-up ones."""
    boss = make_user("boss", is_staff=True, is_superuser=True)
    client, page, office = Client(), Client(), Client()
    for password in (WRONG, PASSWORD):
        given = {"username": world.cast.owner.username, "password": password}
        token = client.post(TOKEN, given, content_type="application/json").json().get("token")
        page.post(reverse("dashboard:sign_in"), given)
        office.post(reverse("admin:login"), {"username": boss.username, "password": password})
    bearer = {"Authorization": f"Bearer {token}"}
    keys = reverse("key-list", args=[world.acme.workspace.pk])
    with_key = {**bearer, "Idempotency-Key": "once"}
    made = [client.post(keys, {"name": "x"}, content_type="application/json", headers=with_key).json() for _ in range(2)]
    shown = page.post(
        reverse("dashboard:settings"), {"workspace": str(world.acme.workspace.pk), "name": "y", "scope": "read"}
    )
    for key in (token, made[0]["key"], f"{token}x", world.revoked):
        for address in (reverse("model-list"), "/api/v1/nothing/", f"{reverse('model-list')}?page=0"):
            client.get(address, headers={"Authorization": f"Bearer {key}"})
    client.generic("POST", reverse("model-list"), b"{", "application/json", headers=bearer)
    office.get(reverse("admin:workspaces_apikey_changelist"))
    sessions = [page.cookies["sessionid"].value, office.cookies["sessionid"].value]
    of_page = [word for word in shown.content.decode().replace("<", ">").split(">") if word.startswith("mlp_")]
    return {"keys": [token, made[0]["key"], f"{token}x", world.revoked, *of_page], "sessions": sessions, "told": made[1]}


def rows_as_text(*without: type[Model]) -> str:
    """Return every row of every table but the sessions' own, and those of these."""
    kept = [model for model in apps.get_models() if model not in {Session, *without}]
    return "\n".join(serializers.serialize("json", model._default_manager.all()) for model in kept)


def test_no_secret_is_in_a_log_or_in_a_row(world, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "django.db.backends")  # it is given parameters, and is off outside DEBUG

    secrets = everything(world)

    told = caplog.text + "".join(capfd.readouterr())
    hidden = [PASSWORD, WRONG, settings.SECRET_KEY, *secrets["keys"]]
    assert len(secrets["keys"]) >= 5
    assert "Unauthorized" in told
    assert [secret for secret in [*hidden, *secrets["sessions"]] if secret in told] == []
    kept = rows_as_text()
    assert ApiKey.objects.first().key_sha256 in kept
    assert [secret for secret in hidden if secret in kept] == []


def test_a_retry_is_not_told_the_key_again(world):
    secrets = everything(world)

    assert secrets["told"]["status"] == 409
    assert not [key for key in secrets["keys"] if key in json.dumps(secrets["told"])]


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Put Celery on a broker in memory; note what is sent."""
    monkeypatch.setattr(app.conf, "broker_write_url", "memory://")
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    sent: list[dict[str, Any]] = []

    def note(sender: str, body: Any, headers: dict[str, Any], **_more: Any) -> None:
        sent.append({"task": sender, "body": body, "headers": headers})

    before_task_publish.connect(note)
    yield sent
    before_task_publish.disconnect(note)


def test_a_message_to_a_worker_holds_an_id_and_nothing_else(world, messages, django_capture_on_commit_callbacks):
    owner = Client(headers={"authorization": f"Bearer {world.keys['owner']}"})
    for name in ("model-train", "model-batch"):
        route = called(name)
        with django_capture_on_commit_callbacks(execute=True):
            body = json.dumps(sent_to(route, "POST", world.acme)).encode()
            assert owner.generic("POST", address_of(route, world.acme), body, "application/json").status_code == 202
    with django_capture_on_commit_callbacks(execute=True):
        assert owner.post(reverse("dataset-list"), sent_to(called("dataset-list"), "POST", world.acme)).status_code == 202

    assert {message["task"] for message in messages} >= {"training.run_campaign", "predictions.run_batch"}
    assert len(messages) >= 3
    for message in messages:
        args, named, _embedded = message["body"]
        assert all(UUID(str(value)) for value in [*args, *named.values()])
        assert not [secret for secret in (MARK, "mlp_", PASSWORD, "redis://") if secret in str(message)]


def test_where_alerts_are_sent_is_told_to_nobody(
    world,
    messages,
    receiver,  # noqa: F811
    caplog,
    capfd,
    django_capture_on_commit_callbacks,
):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "django.db.backends")
    owner, as_json = Client(headers={"authorization": f"Bearer {world.keys['owner']}"}), {"content_type": "application/json"}
    secret = "whsec_enEtc2lnbmluZy1zZWNyZXQtb2YtYWNtZQ=="
    asked = {"workspace": str(world.acme.workspace.pk), "kind": "webhook", "name": "Hook", "least_severity": "info"}
    path = "zq-url-secret"
    places = [receiver.url(), f"http://127.0.0.1/{path}", f"https://u:{path}@example.org/", f"https://hooks.invalid/{path}"]
    receiver.statuses = [500, 200, 200]
    with django_capture_on_commit_callbacks(execute=True):
        made = [
            owner.post(reverse("channel-list"), {**asked, "secret": secret, "address": place}, **as_json) for place in places
        ]
        detail = reverse("channel-detail", args=[made[0].json()["id"]])
        tested = owner.post(f"{detail}test/")
        raise_alert(workspace_id=world.acme.workspace.pk, kind="drift", key="k", title="The data drift.")
    for _ in range(2):
        sending.dispatch()
    told = [*made, tested, owner.get(detail), owner.patch(detail, {"address": receiver.url()}, **as_json)]

    assert [answer.status_code for answer in told] == [201, 422, 422, 201, 202, 200, 200]
    assert {message["task"] for message in messages} >= {"alerts.deliver"}
    assert all(UUID(str(value)) for message in messages for value in message["body"][0])
    assert len(receiver.posts) >= 2
    answers = "".join(answer.content.decode() for answer in told)
    everywhere = "".join([caplog.text, *capfd.readouterr(), str(messages), rows_as_text(Channel), answers])
    assert [hidden for hidden in (path, secret, "zq-answered") if hidden in everywhere] == []
    assert path in rows_as_text()
