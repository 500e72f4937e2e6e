"""What a read costs the database does not grow with what there is."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.alerts.models import Delivery
from apps.core import clock
from apps.datasets.models import Dataset, DatasetVersion
from apps.detections.models import (
    Collection,
    Detection,
    DetectionReview,
    DetectionRule,
    DetectionStatistics,
    SuppressionRule,
)
from apps.feedback.models import Feedback
from apps.predictions.models import PredictionLog
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.retraining.models import RetrainingDecision, RetrainingPolicy
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.workspaces.models import AuditEntry, IdempotencyRecord, Membership
from tests.access.rules import address_of, reads
from tests.access.world import Things, World

FEW, MANY = 10, 100


def copies(row: Any, count: int, **changes: Any) -> list[Any]:
    """Make rows like this one; a change may be a function of their number."""
    kept = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}
    model, made = type(row), []
    for number in range(count):
        new = {name: value(number) if callable(value) else value for name, value in changes.items()}
        if isinstance(row.pk, int):
            made.append(model(**{**kept, **new}))
        else:
            made.append(model(**{**kept, "id": uuid4(), **new}))
    return list(model._default_manager.bulk_create(made))


def grow(world: World, count: int) -> None:
    """Add so many of everything to acme, each row with what belongs to it."""
    things = world.acme
    text = lambda _number: uuid4().hex  # noqa: E731
    users = User.objects.bulk_create(User(username=uuid4().hex) for _ in range(count))
    Membership.objects.bulk_create(Membership(workspace=things.workspace, user=user) for user in users)
    spaces = copies(things.workspace, count, slug=text, name=text)
    Membership.objects.bulk_create(Membership(workspace=space, user=world.cast.owner, role="owner") for space in spaces)
    AuditEntry.objects.bulk_create(
        AuditEntry(workspace=things.workspace, user=user, verb="x", target_type="x", target_id="x") for user in users
    )
    IdempotencyRecord.objects.bulk_create(
        IdempotencyRecord(user=user, key="k", route="/", request_sha256="0" * 64) for user in users
    )
    copies(things.key, count, user_id=lambda n: users[n].pk, key_sha256=text, prefix=lambda n: f"{n}")
    copies(things.key, count, user_id=world.cast.owner.pk, key_sha256=text)
    datasets = copies(
        Dataset.objects.get(pk=things.version.dataset_id), count, name=text, created_by_id=lambda n: users[n].pk
    )
    versions = copies(things.version, count, dataset_id=lambda n: datasets[n].pk, number=1)
    last = DatasetVersion.objects.filter(dataset=things.version.dataset).count()
    copies(things.version, count, number=lambda n: last + n + 1, created_by_id=lambda n: users[n].pk)
    grow_models(things, count, users, versions)
    channels = copies(things.channel, count, created_by_id=lambda n: users[n].pk)
    alerts = copies(things.alert, count, key=text, acknowledged_by_id=lambda n: users[n].pk)
    sent = Delivery.objects.filter(channel=things.channel)[0]
    copies(sent, count, channel_id=lambda n: channels[n].pk, alert_id=lambda n: alerts[n].pk)
    copies(things.batch, count, created_by_id=lambda n: users[n].pk, dataset_version_id=lambda n: versions[n].pk)
    log = PredictionLog.objects.filter(model=things.model)[0]
    copies(log, count, user_id=lambda n: users[n].pk)
    copies(RetrainingDecision.objects.filter(model=things.model)[0], count, user_id=lambda n: users[n].pk)
    copies(things.gate, count, created_by_id=lambda n: users[n].pk)
    copies(things.traffic, count, created_by_id=lambda n: users[n].pk, ended_at=clock.now())
    copies(things.drift, count, created_by_id=lambda n: users[n].pk)
    copies(things.sample, count)
    copies(things.labels, count)
    copies(things.export, count)
    copies(Feedback.objects.filter(model=things.model)[0], count, user_id=lambda n: users[n].pk, giver=text)
    grow_detections(things, count, users)


def grow_detections(things: Things, count: int, users: list[User]) -> None:
    by = lambda n: users[n].pk  # noqa: E731
    rules = copies(SuppressionRule.objects.get(pk=things.suppression.pk), count, created_by_id=by)
    hidden_by = lambda n: rules[n].pk  # noqa: E731
    one, new = Detection.objects.get(pk=things.detection.pk), lambda _number: uuid4()
    for status in ("confirmed", "new"):
        copies(one, count, entry_id=new, status=status, reviewed_by_id=by, suppressed_by_id=hidden_by)
    copies(DetectionReview.objects.filter(detection=one)[0], count, user_id=by)
    counted = DetectionStatistics.objects.filter(model=things.model)[0]
    last = DetectionStatistics.objects.filter(model=things.model).count()
    copies(counted, count, hour=lambda n: counted.hour - timedelta(hours=last + n))


def grow_models(things: Things, count: int, users: list[User], versions: list[Any]) -> None:
    text = lambda _number: uuid4().hex  # noqa: E731
    live = ModelVersion.objects.get(model=things.model, number=1)
    models = copies(RegisteredModel.objects.get(pk=things.model.pk), count, name=text)
    copies(RetrainingPolicy.objects.get(model=things.model), count, model_id=lambda n: models[n].pk)
    copies(DetectionRule.objects.get(model=things.model), count, model_id=lambda n: models[n].pk)
    copies(Collection.objects.get(model=things.model), count, model_id=lambda n: models[n].pk)
    filed = copies(live, count, model_id=lambda n: models[n].pk, number=1, campaign_id=lambda _: uuid4(), folder=text)
    last = ModelVersion.objects.filter(model=things.model).count()
    own = copies(
        live, count, number=lambda n: last + n + 1, campaign_id=lambda _: uuid4(), folder=text,
        dataset_version_id=lambda n: versions[n].pk,
    )  # fmt: skip
    span = Alias.objects.get(model=things.model, name="champion", until=None)
    copies(span, count, model_id=lambda n: models[n].pk, version_id=lambda n: filed[n].pk, set_by_id=lambda n: users[n].pk)
    copies(span, count, version_id=lambda n: own[n].pk, until=clock.now())
    done = TrainingCampaign.objects.get(pk=live.campaign_id)
    done.dataset_version_id = versions[0].pk
    copies(done, count, model_id=lambda n: models[n].pk, version_id=lambda n: filed[n].pk)
    copies(done, count, version_id=lambda n: own[n].pk, name=text)
    said = list(TrainingEvent.objects.filter(campaign=things.campaign))
    copies(said[0], count, seq=lambda n: len(said) + n + 1, kind="status")


def addresses(world: World) -> dict[str, str]:
    """Return every address that can be read, lists as long as they may be."""
    found = {route.name: address_of(route, world.acme) for route in reads()}
    lists = {
        name: f"{address}?page_size=200"
        for name, address in found.items()
        if name.endswith(("-list", "-versions")) and name != "algorithm-list"
    }
    more = {"archived models": "/models/?archived=1", "archived data sets": "/datasets/?archived=1"}
    changelists = {
        f"admin {model.__name__}": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
        if model._meta.app_label
        in {
            "workspaces",
            "datasets",
            "registry",
            "training",
            "predictions",
            "detections",
            "feedback",
            "monitoring",
            "retraining",
            "privacy",
            "alerts",
        }
    }
    return {**found, **lists, **more, **changelists}


def asked(client: Client, address: str) -> tuple[list[str], Any]:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    assert answer.status_code == 200, address
    return [query["sql"] for query in queries.captured_queries], answer


@pytest.fixture
def owner(world) -> Client:
    """Return the owner's browser, who is a superuser here and so sees the admin too."""
    User.objects.filter(pk=world.cast.owner.pk).update(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(world.cast.owner)
    return browser


def test_reads_ask_no_more_of_the_database_for_a_hundred_rows_than_for_ten(world, owner):
    places = addresses(world)
    for address in places.values():
        owner.get(address)  # what is remembered from the first look on
    grow(world, FEW)
    before = {name: asked(owner, address)[0] for name, address in places.items()}
    grow(world, MANY - FEW)
    after = {name: asked(owner, address) for name, address in places.items()}

    again = {}
    for name in [name for name in places if len(after[name][0]) > len(before[name])]:
        owner.get(places[name])  # what is remembered for some seconds was forgotten in between
        again[name] = asked(owner, places[name])
    after |= again
    more = {
        name: (len(before[name]), len(queries)) for name, (queries, _) in again.items() if len(queries) > len(before[name])
    }
    assert not more, "\n".join([str(more), *after[next(iter(more))][0]])
    rows = {name: answer.json()["count"] for name, (_, answer) in after.items() if "?page_size" in places[name]}
    assert min(rows.values()) >= MANY, rows
