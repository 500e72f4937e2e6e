"""A web process that is killed at any moment of a request that changes something: all of it is done, or nothing."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.urls import reverse

from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import upload_file
from apps.registry.actions import promote_version
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.actions import issue_key
from tests.cast import Cast, make_cast
from tests.factories import make_campaign, make_dataset_version, make_user
from tests.hostile.conftest import Forks, adopt_stores
from tests.hostile.trained import file_trained, model_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@dataclass
class World:
    """What requests are about."""

    cast: Cast
    model: RegisteredModel
    newer: ModelVersion
    data: DatasetVersion
    waiting: TrainingCampaign
    newcomer: str


@dataclass
class Write:
    """A request; `makes` says how many rows it adds, by table, besides its audit entry and its kept answer."""

    path: str
    makes: dict[str, int]
    body: dict[str, Any] = field(default_factory=dict)
    method: str = "post"
    file: str | None = None
    retried: tuple[int, ...] = (200, 201, 202)


def _model(world: World) -> Write:
    body = {"workspace": str(world.cast.acme.pk), "name": "Late payers", "algorithm": "random_forest"}
    return Write("/api/v1/models/", {"RegisteredModel": 1}, {**body, "task": "classification", "target": "late"})


def _upload(world: World) -> Write:
    body = {"workspace": str(world.cast.acme.pk), "name": "rows"}
    return Write("/api/v1/datasets/", {"Dataset": 1, "DatasetVersion": 1, "AuditEntry": 2}, body, file="a,b\n1,x\n2,y\n")


def _new_version(world: World) -> Write:
    path = reverse("dataset-versions", args=[world.data.dataset_id])
    return Write(path, {"DatasetVersion": 1}, file="a,b\n1,x\n2,y\n")


def _train(world: World) -> Write:
    path = reverse("model-train", args=[world.model.pk])
    return Write(path, {"TrainingCampaign": 1, "TrainingEvent": 1}, {"dataset": str(world.data.dataset_id)})


def _cancel(world: World) -> Write:
    return Write(reverse("campaign-cancel", args=[world.waiting.pk]), {"TrainingEvent": 1})


def _promote(world: World) -> Write:
    path = reverse("version-promote", args=[world.model.pk, world.newer.number])
    return Write(path, {"Alias": 1}, {"reason": "better"})


def _rollback(world: World) -> Write:
    promote_version(version=world.newer, actor=SYSTEM)
    return Write(reverse("model-rollback", args=[world.model.pk]), {"Alias": 1})


def _batch(world: World) -> Write:
    path = reverse("model-batch", args=[world.model.pk])
    return Write(path, {"BatchPrediction": 1}, {"dataset": str(world.data.dataset_id)})


def _key(world: World) -> Write:
    path = reverse("key-list", args=[world.cast.acme.pk])
    return Write(path, {"ApiKey": 1}, {"name": "for the desk", "scope": "read"}, retried=(409,))


def _workspace(world: World) -> Write:
    return Write("/api/v1/workspaces/", {"Workspace": 1, "Membership": 1}, {"name": "Third"})


def _member(world: World) -> Write:
    path = reverse("member-list", args=[world.cast.acme.pk])
    return Write(path, {"Membership": 1}, {"username": world.newcomer, "role": "viewer"})


def _archive_model(world: World) -> Write:
    path = reverse("model-detail", args=[world.model.pk])
    return Write(path, {"AuditEntry": 2, "TrainingEvent": 1, "IdempotencyRecord": 0}, method="delete", retried=(404,))


WRITES: dict[str, Callable[[World], Write]] = {
    make.__name__.lstrip("_"): make
    for make in (
        _model, _upload, _new_version, _train, _cancel, _promote, _rollback, _batch, _key, _workspace, _member, _archive_model,
    )
}  # fmt: skip


@pytest.fixture
def world(store: Path) -> World:
    cast = make_cast()
    adopt_stores()
    model = model_of(cast.acme, "random_forest")
    live, newer = file_trained(model, seed=0), file_trained(model, seed=1)
    columns = [{"name": column["name"], "dtype": column["kind"]} for column in live.schema["columns"]]
    data = make_dataset_version(cast.acme, name="for all", columns=[*columns, {"name": "y", "dtype": "category"}], rows=200)
    return World(cast, model, newer, data, make_campaign(model), make_user().username)


@pytest.fixture
def headers(world: World) -> dict[str, str]:
    owner = world.cast.owner
    _key, clear = issue_key(user=owner, workspace=None, name="test", scope="admin", actor=Actor(user_id=owner.pk))
    return {"Authorization": f"Bearer {clear}"}


def rows() -> dict[str, int]:
    """Count the rows of every table of ours, and what of them has a state."""
    ours = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
    states = {
        "live": str(Alias.objects.filter(name="champion", until=None).values_list("version__number", flat=True).get()),
        "cancelled": TrainingCampaign.objects.filter(status="cancelled").count(),
        "archived": RegisteredModel.objects.filter(archived_at__isnull=False).count(),
    }
    return {**{model.__name__: model._default_manager.count() for model in ours}, **states}


def is_done(before: dict[str, int], now: dict[str, int], write: Write) -> bool:
    """Say whether a request was done; a part of it fails the test."""
    if now == before:
        return False
    added = {name: now[name] - before[name] for name in now if isinstance(now[name], int) and now[name] != before[name]}
    counted = {name: count for name, count in added.items() if name not in {"cancelled", "archived"}}
    wanted = {"AuditEntry": 1, "IdempotencyRecord": 1, **write.makes}
    assert counted == {name: count for name, count in wanted.items() if count}, "done by halves"
    return True


def assert_files_are_there() -> None:
    for version in DatasetVersion.objects.filter(upload_path__startswith="uploads/"):
        assert upload_file(version).read_bytes() == b"a,b\n1,x\n2,y\n"


@pytest.mark.parametrize("name", WRITES)
def test_a_request_killed_at_any_moment_is_done_once_or_not_at_all(
    world: World, headers: dict[str, str], forks: Forks, name: str
):
    write, moments, before = WRITES[name](world), 0, rows()
    done = False
    while not done:
        moments += 1
        key = {"Idempotency-Key": f"try {moments}"}
        job = {"method": write.method, "path": write.path, "body": write.body, "headers": {**headers, **key}}
        job |= {"file": write.file} if write.file else {}
        ended = forks.do("ask", fatal=moments, **job)
        assert ended["code"] == -signal.SIGKILL, ended
        now = rows()
        done = is_done(before, now, write)
        assert_files_are_there()
    assert moments > 3, "it died at too few moments to tell"

    retried = forks.do("ask", fatal=0, **job)

    assert retried["status"] in write.retried, retried
    assert rows() == now
    assert ModelVersion.objects.count() == 2
