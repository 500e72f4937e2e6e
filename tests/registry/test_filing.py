"""What is slow happens before the transaction; whatever breaks in between leaves no row without its files."""

import uuid
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.urls import reverse

from apps.core import clock
from apps.core.errors import Conflict
from apps.registry import actions, files
from apps.registry.models import ModelVersion
from apps.registry.selectors import champion_of, version_folder
from apps.training import lifecycle
from apps.training.engine import training as engine
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import IdempotencyRecord
from tests.factories import make_campaign, make_model, make_workspace
from tests.registry.filing import STAGING, facts_of, file_version, prepare, staged


@pytest.fixture
def read_within(monkeypatch) -> list[bool]:
    """Return what is filled with whether each reading of all files happened within a transaction."""
    found: list[bool] = []

    def spy(name: str) -> None:
        real = getattr(files, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            found.append(connection.in_atomic_block)
            return real(*args, **kwargs)

        monkeypatch.setattr(files, name, called)

    spy("seal_folder")
    spy("verify_folder")
    return found


@pytest.mark.django_db(transaction=True)
def test_files_are_read_and_flushed_before_the_transaction(read_within, store):
    model = make_model(make_workspace())
    file_version(model, store)
    second = file_version(model, store)
    actions.promote_version(version=second, actor=SYSTEM)
    actions.rollback_model(model=model, actor=SYSTEM)

    assert read_within == [False, False, False, False]


@pytest.mark.django_db(transaction=True)
def test_an_idempotency_key_does_not_hold_the_transaction_open_meanwhile(read_within, store, cast, api):
    model = make_model(cast.acme)
    file_version(model, store)
    second = file_version(model, store)
    client = api(cast.owner)
    promote = reverse("version-promote", args=[model.pk, second.number])
    rollback = reverse("model-rollback", args=[model.pk])
    read_within.clear()

    for route, number in ((promote, 2), (rollback, 1)):
        answers = [client.post(route, {}, headers={"Idempotency-Key": route[-9:]}) for _ in range(2)]
        assert [answer.json()["version"] for answer in answers] == [number, number]
        assert answers[1]["Idempotent-Replay"] == "true"
    assert read_within == [False, False]

    IdempotencyRecord.objects.update(status=None, answer=None)  # as a kill before the answer leaves it
    assert client.post(promote, {}, headers={"Idempotency-Key": promote[-9:]}).json()["version"] == 2
    assert client.post(rollback, {}, headers={"Idempotency-Key": rollback[-9:]}).json()["champion"] == 1


def test_two_versions_prepared_at_once_get_two_numbers_and_are_both_whole(model, store):
    prepared = [prepare(model, store) for _ in range(2)]
    versions = []
    for one in prepared:
        with transaction.atomic():
            versions.append(actions.register_version(one, actor=SYSTEM))

    assert [version.number for version in versions] == [1, 2]
    for version in versions:
        files.verify_version(version)
        assert f", version {version.number}\n" in (version_folder(version) / "card.md").read_text()


def register_without_commit(prepared: files.PreparedVersion) -> None:
    with transaction.atomic():
        actions.register_version(prepared, actor=SYSTEM)
        raise OperationalError


def test_a_transaction_that_is_rolled_back_after_the_move_can_be_tried_again(model, store):
    prepared = prepare(model, store)
    with pytest.raises(OperationalError):
        register_without_commit(prepared)
    file_version(model, store)  # takes its number meanwhile

    with transaction.atomic():
        version = actions.register_version(prepared, actor=SYSTEM)

    assert version.number == 2
    files.verify_version(version)
    assert len(list(store.glob("*/*/*"))) == 2


def test_what_a_dead_run_of_the_same_campaign_left_in_place_is_replaced(model, store):
    campaign, facts = uuid.uuid4(), facts_of(model)
    first = actions.prepare_version(model=model, campaign_id=campaign, staging=(a := staged(model, store)), facts=facts)
    content = (a / "predictor" / "nodes.npy").read_bytes()
    files.move_into_place(first)
    again = staged(model, store)
    (again / "predictor" / "nodes.npy").write_bytes(content)
    second = actions.prepare_version(model=model, campaign_id=campaign, staging=again, facts=facts)

    with transaction.atomic():
        version = actions.register_version(second, actor=SYSTEM)

    assert second.digest == first.digest
    files.verify_version(version)


@pytest.mark.parametrize(("name", "value"), [("target", "other"), ("algorithm", "xgboost"), ("features", ["x"])])
def test_a_version_of_what_the_model_no_longer_is_is_refused(name, value, model, store):
    prepared = prepare(model, store)
    type(model).objects.filter(pk=model.pk).update(**{name: value})

    with pytest.raises(Conflict, match=f"{name} changed while it was trained"), transaction.atomic():
        actions.register_version(prepared, actor=SYSTEM)

    assert not ModelVersion.objects.exists()


def test_a_model_that_was_archived_meanwhile_gets_no_version(model, store):
    prepared = prepare(model, store)
    type(model).objects.filter(pk=model.pk).update(archived_at=clock.now())

    with pytest.raises(Conflict, match="archived while it was trained"), transaction.atomic():
        actions.register_version(prepared, actor=SYSTEM)

    assert not ModelVersion.objects.exists()


@pytest.fixture
def training(store, monkeypatch) -> Any:
    """Return the arguments of a run that is about to file its version."""
    monkeypatch.setattr(engine.time, "sleep", lambda _seconds: None)
    model = make_model(make_workspace())
    campaign = make_campaign(model)
    claim = lifecycle.claim(campaign.pk, {})
    assert claim is not None
    campaign.refresh_from_db()
    return campaign, claim.token, staged(model, store), facts_of(model)


def fail_at_first(monkeypatch: pytest.MonkeyPatch, times: int, *, before: bool) -> list[int]:
    """Have the database go away that many times, before or after all was done but for the commit."""
    failed: list[int] = []
    real = actions.register_version

    def register(*args: Any, **kwargs: Any) -> Any:
        version = None if before else real(*args, **kwargs)
        if len(failed) < times:
            failed.append(1)
            raise OperationalError("the server closed the connection unexpectedly")
        return version or real(*args, **kwargs)

    monkeypatch.setattr(engine.registry, "register_version", register)
    return failed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [True, False])
def test_a_database_that_is_away_for_a_moment_costs_no_training(before, training, monkeypatch, store):
    failed = fail_at_first(monkeypatch, 2, before=before)

    engine._register(*training)

    campaign = TrainingCampaign.objects.get()
    assert (campaign.status, len(failed)) == ("completed", 2)
    version = champion_of(campaign.model)
    files.verify_version(version)
    assert [path.name for path in store.glob("*/*/*")] == [version.folder.rsplit("/", 1)[-1]]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_ends_the_run_and_leaves_no_row(training, monkeypatch, store):
    fail_at_first(monkeypatch, 99, before=True)

    with pytest.raises(OperationalError):
        engine._register(*training)

    assert not ModelVersion.objects.exists()
    assert [path.name.startswith(STAGING) for path in store.glob("*/*/*")] == [True]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_lost_its_lease_files_nothing(training, store):
    campaign, _token, folder, facts = training

    with pytest.raises(lifecycle.LeaseLost):
        engine._register(campaign, uuid.uuid4(), folder, facts)

    assert not ModelVersion.objects.exists()
