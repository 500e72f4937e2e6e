"""Reads of models, versions and aliases: all that belongs, nothing that does not."""

from datetime import timedelta
from typing import Any

import pytest

from apps.core import clock
from apps.datasets.models import DatasetVersion
from apps.registry import actions
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import (
    NO_BETTER,
    champion_at,
    champion_id_of,
    champion_of,
    is_live_model,
    models_of,
    newest_versions,
    open_span,
    reasons_to_retrain,
    version_now,
    workspace_id_of,
)
from apps.workspaces.access import SYSTEM
from tests.factories import make_model, make_workspace
from tests.registry.filing import file_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(model: RegisteredModel, store: Any) -> RegisteredModel:
    """Return another model of the same workspace, with a champion and a challenger of its own."""
    made = make_model(model.workspace)
    for _ in range(2):
        file_version(made, store)
    return made


def as_listed(model: RegisteredModel) -> RegisteredModel:
    return models_of([model.workspace_id]).get(pk=model.pk)


def test_a_list_of_models_has_those_of_the_workspace_that_are_not_archived(model, other):
    make_model(make_workspace())
    make_model(model.workspace, archived_at=clock.now())

    assert list(models_of([model.workspace_id])) == [other, model]
    assert list(models_of([])) == []


def test_a_listed_model_has_its_open_aliases(other):
    found = as_listed(other)

    assert sorted((alias.name, alias.version.number) for alias in found.open_aliases) == [("challenger", 2), ("champion", 1)]


@pytest.mark.parametrize("listed", [False, True])
def test_an_alias_points_where_it_points_now(listed, model, other, store):
    for _ in range(2):
        file_version(model, store)
    second = ModelVersion.objects.get(model=model, number=2)
    actions.promote_version(version=second, actor=SYSTEM)
    seen = as_listed(model) if listed else model

    assert champion_of(seen) == version_now(seen, "champion") == second
    assert version_now(seen, "challenger") is None
    third = file_version(model, store)
    seen = as_listed(model) if listed else model
    assert version_now(seen, "challenger") == third


def test_a_champion_s_id_is_found_without_the_version(model, other, store):
    assert champion_id_of(model.pk) is None
    first, second = (file_version(model, store) for _ in range(2))
    assert champion_id_of(model.pk) == first.pk

    actions.promote_version(version=second, actor=SYSTEM)

    assert champion_id_of(model.pk) == second.pk
    assert open_span(model.pk, Alias.Name.CHAMPION).version == second
    assert open_span(model.pk, Alias.Name.CHALLENGER) is None


def test_the_open_span_is_the_present_also_where_a_clock_was_set_back(model, store, monkeypatch):
    _first, second = (file_version(model, store) for _ in range(2))
    early = clock.now() - timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: early)

    actions.promote_version(version=second, actor=SYSTEM)

    assert champion_id_of(model.pk) == second.pk
    assert open_span(model.pk, Alias.Name.CHAMPION).version == champion_of(model) == second


def test_a_live_model_is_one_of_the_workspace_that_is_not_archived(model, other):
    mine, theirs = [model.workspace_id], [make_workspace().pk]

    assert is_live_model(model.pk, mine) is True
    assert is_live_model(model.pk, theirs) is False
    assert is_live_model(make_model(make_workspace()).pk, mine) is False
    actions.archive_model(model=model, actor=SYSTEM)
    assert is_live_model(model.pk, mine) is False
    assert is_live_model(other.pk, mine) is True


def test_whose_a_model_is_is_told_of_live_ones_only(model, other):
    elsewhere = make_model(make_workspace())

    assert workspace_id_of(model.pk) == model.workspace_id
    assert workspace_id_of(elsewhere.pk) == elsewhere.workspace_id
    actions.archive_model(model=model, actor=SYSTEM)
    assert workspace_id_of(model.pk) is None


def test_the_newest_versions_of_one_model_come_first(model, other, store):
    for _ in range(3):
        file_version(model, store)

    assert [version.number for version in newest_versions(model, 2)] == [3, 2]
    assert {version.model_id for version in newest_versions(model, 9)} == {model.pk}


def test_who_was_live_is_told_from_the_first_moment_of_a_span_to_before_its_last(model, other, store):
    first, second = (file_version(model, store) for _ in range(2))
    turn = actions.promote_version(version=second, actor=SYSTEM).since
    began = Alias.objects.get(version=first, name="champion").since
    moment = timedelta(microseconds=1)

    told = [champion_at(model, at) for at in (began - moment, began, turn - moment, turn, turn + timedelta(days=9))]

    assert [span and span.version for span in told] == [None, first, first, second, second]


# reasons to train again


def old(version: ModelVersion, **age: float) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(created_at=clock.now() - timedelta(**age))


def test_a_model_that_nobody_trained_has_no_reason_to_be_trained_again(model):
    assert reasons_to_retrain(model) == []


def test_a_good_young_champion_on_the_newest_data_gives_no_reason(model, store):
    file_version(model, store, evaluation={"beats_baseline": True})

    assert reasons_to_retrain(model) == []


@pytest.mark.parametrize(
    ("every", "age", "reasons"),
    [
        (None, {"days": 400}, []),
        (7, {"days": 7, "seconds": -60}, []),
        (7, {"days": 7, "seconds": 60}, ["The champion is 7 days old; it is to be retrained every 7 days."]),
    ],
)
def test_a_champion_is_too_old_after_as_many_days_as_were_asked_for(every, age, reasons, model, store):
    old(file_version(model, store), **age)
    model.retrain_every_days = every

    assert reasons_to_retrain(model) == reasons


def test_a_champion_no_better_than_the_baseline_is_a_reason(model, store):
    file_version(model, store, evaluation={"beats_baseline": False})

    assert reasons_to_retrain(model) == [NO_BETTER]


@pytest.mark.parametrize(
    ("status", "number", "same", "is_reason"),
    [("ready", 3, True, True), ("checking", 3, True, False), ("ready", 1, True, False), ("ready", 3, False, False)],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_newer_ready_version_of_its_data_is_a_reason(listed, status, number, same, is_reason, model, store):
    version = file_version(model, store)
    data = version.dataset_version
    DatasetVersion.objects.filter(pk=data.pk).update(number=2)
    dataset = data.dataset
    if not same:
        dataset = file_version(make_model(model.workspace), store).dataset_version.dataset
    newer = DatasetVersion.objects.get(pk=data.pk)
    newer.pk, newer.dataset, newer.number, newer.status = None, dataset, number, status
    newer.save(force_insert=True)

    found = reasons_to_retrain(as_listed(model) if listed else model)

    assert found == (["A newer version of its data set is ready."] if is_reason else [])


def test_every_reason_is_told(model, store):
    old(file_version(model, store, evaluation={"beats_baseline": False}), days=9)
    model.retrain_every_days = 8

    assert reasons_to_retrain(model) == [
        "The champion is 9 days old; it is to be retrained every 8 days.",
        NO_BETTER,
    ]
