"""What each verb on models and versions writes and refuses, field by field, and what it says in the trail."""

import json
import uuid
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import transaction

from apps.core import clock
from apps.core.errors import Conflict, InvalidInput
from apps.registry import actions
from apps.registry.files import MANIFEST, check_files
from apps.registry.manifest import sign
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import version_folder
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.models import AuditEntry
from tests.factories import make_model, make_user, make_workspace
from tests.registry.filing import facts_of, file_version, prepare, staged
from tests.trail import entry_of

pytestmark = pytest.mark.django_db
GIVEN = {"name": "Late payers", "algorithm": "random_forest", "task": "classification", "target": "label"}


@pytest.fixture
def actor() -> Actor:
    return Actor(make_user().pk, "abcd")


# models


def test_a_model_is_made_with_what_was_said_and_the_algorithm_s_defaults(actor):
    workspace = make_workspace()

    model = actions.create_model(workspace=workspace, actor=actor, **GIVEN, parameters={"max_depth": 3})

    model.refresh_from_db()
    assert (model.name, model.target, model.created_by_id) == ("Late payers", "label", actor.user_id)
    assert model.parameters["max_depth"] == 3
    assert "n_estimators" in model.parameters
    assert entry_of("model.create", model, actor).details == {"name": "Late payers", "algorithm": "random_forest"}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"task": "anomaly"}, "/task"),
        ({"target": ""}, "/target"),
        ({"features": ["x", "label"]}, "/features"),
        ({"parameters": {"nonsense": 1}}, "/parameters/nonsense"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused_when_made_and_when_changed(fields, pointer, actor):
    workspace = make_workspace()
    with pytest.raises(InvalidInput) as made:
        actions.create_model(workspace=workspace, actor=actor, **{**GIVEN, **fields})
    assert not RegisteredModel.objects.exists()

    model = make_model(workspace)
    with pytest.raises(InvalidInput) as changed:
        actions.update_model(model=model, actor=actor, **fields)

    assert [[problem.pointer for problem in refused.value.problems] for refused in (made, changed)] == [[pointer]] * 2
    assert not AuditEntry.objects.exists()


def test_an_algorithm_without_a_target_needs_none_and_may_have_features(actor):
    fields = {"algorithm": "isolation_forest", "task": "anomaly", "target": "", "features": ["", "x"]}

    model = actions.create_model(workspace=make_workspace(), actor=actor, **{**GIVEN, **fields})

    assert model.features == ["", "x"]


def test_features_without_the_target_are_taken(actor):
    model = actions.create_model(workspace=make_workspace(), actor=actor, **GIVEN, features=["x"])

    assert model.features == ["x"]


def test_a_name_is_free_in_another_workspace_and_after_an_archive(actor):
    here, there = make_workspace(), make_workspace()
    first = actions.create_model(workspace=here, actor=actor, **GIVEN)
    actions.create_model(workspace=there, actor=actor, **GIVEN)
    with pytest.raises(Conflict, match="named 'Late payers' in this workspace already"):
        actions.create_model(workspace=here, actor=actor, **GIVEN)
    other = actions.create_model(workspace=here, actor=actor, **{**GIVEN, "name": "Other"})
    with pytest.raises(Conflict, match="already"):
        actions.update_model(model=other, actor=actor, name="Late payers")

    actions.archive_model(model=first, actor=actor)

    assert actions.update_model(model=other, actor=actor, name="Late payers").name == "Late payers"


def test_a_change_keeps_what_it_names_and_tells_of_nothing_else(actor):
    model = make_model(make_workspace(), description="old", domain="sales")

    changed = actions.update_model(
        model=model, actor=actor, description="new", domain="sales", name=model.name, workspace=None
    )

    assert changed == RegisteredModel.objects.get(description="new", workspace=model.workspace)
    assert entry_of("model.update", model, actor).details == {"fields": ["description"]}


def test_a_change_of_nothing_leaves_no_trace(actor):
    model = make_model(make_workspace(), description="same")

    assert actions.update_model(model=model, actor=actor, description="same") == model

    assert not AuditEntry.objects.exists()


def test_parameters_are_completed_when_they_change(actor):
    model = make_model(make_workspace())

    actions.update_model(model=model, actor=actor, parameters={"max_depth": 4})

    model.refresh_from_db()
    assert model.parameters["max_depth"] == 4
    assert "n_estimators" in model.parameters


def test_a_model_with_versions_keeps_what_they_are_made_for_and_changes_the_rest(store, actor):
    model = make_model(make_workspace())
    file_version(model, store)

    with pytest.raises(Conflict, match="its target, features cannot change"):
        actions.update_model(model=model, actor=actor, target="other", features=["y"])

    model.refresh_from_db()
    assert (model.target, model.features) == ("label", [])
    assert actions.update_model(model=model, actor=actor, description="new").description == "new"


def test_any_app_above_may_say_that_a_model_is_at_work(monkeypatch, actor):
    busy, idle = make_model(make_workspace()), make_model(make_workspace())
    monkeypatch.setattr(actions, "_at_work", [*actions._at_work])
    actions.keep_models_while(lambda model_id: model_id == busy.pk)

    with pytest.raises(Conflict, match="is being trained, so its target cannot change"):
        actions.update_model(model=busy, actor=actor, target="other")

    assert actions.update_model(model=busy, actor=actor, description="free").description == "free"
    assert actions.update_model(model=idle, actor=actor, target="other").target == "other"


def test_an_archive_ends_what_apps_above_do_and_is_dated(monkeypatch, actor):
    model, ended, before = make_model(make_workspace()), [], clock.now()
    monkeypatch.setattr(actions, "_ends_work", [])
    actions.end_with_models(lambda *given: ended.append(given))

    actions.archive_model(model=model, actor=actor)

    assert ended == [(model, actor)]
    model.refresh_from_db()
    assert before <= model.archived_at <= clock.now()
    assert entry_of("model.archive", model, actor)


# versions


def test_a_version_s_row_says_what_its_training_told(store, actor):
    model = make_model(make_workspace())
    facts = facts_of(model, parameters={"n_estimators": 7}, seed=3, evaluation={"note": "x"}, metrics={"auc": 0.75})
    campaign = uuid.uuid4()
    prepared = actions.prepare_version(model=model, campaign_id=campaign, staging=staged(model, store), facts=facts)

    with transaction.atomic():
        made = actions.register_version(prepared, actor=actor)

    version = ModelVersion.objects.get(pk=made.pk)
    assert (version.model, version.number, version.campaign_id) == (model, 1, campaign)
    assert (version.dataset_version, version.algorithm) == (facts.dataset_version, "random_forest")
    assert (version.parameters, version.seed, version.metrics) == ({"n_estimators": 7}, 3, {"auc": 0.75})
    assert version.schema == json.loads(json.dumps(facts.schema.as_json()))
    assert version.importance == json.loads(json.dumps(facts.importance.as_json()))
    assert version.baseline == {"name": "guess", "metrics": {"roc_auc": 0.5}}
    assert version.evaluation == {"note": "x", "main": "roc_auc", "greater_is_better": True}
    assert version.created_by_id == actor.user_id
    folder = version_folder(version)
    assert folder.name == f"1-{version.manifest_sha256[:12]}"
    assert version.manifest == json.loads((folder / MANIFEST).read_bytes())
    assert version.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert entry_of("version.register", version, actor).details == {
        "number": 1,
        "campaign": str(campaign),
        "manifest_sha256": version.manifest_sha256,
    }


def aliases(model: RegisteredModel) -> list[tuple[str, int, str, bool]]:
    spans = Alias.objects.filter(model=model).order_by("pk")
    return [(span.name, span.version.number, span.reason, span.until is None) for span in spans]


def test_versions_are_numbered_and_pointed_at_within_their_model(store):
    model, other = make_model(make_workspace()), make_model(make_workspace())
    file_version(other, store)

    assert [file_version(model, store).number for _ in range(3)] == [1, 2, 3]

    assert aliases(model) == [
        ("champion", 1, "first version", True),
        ("challenger", 2, "newest version", False),
        ("challenger", 3, "newest version", True),
    ]
    assert aliases(other) == [("champion", 1, "first version", True)]


def test_a_version_prepared_before_another_was_filed_takes_the_next_number(store):
    model = make_model(make_workspace())
    early = prepare(model, store)
    assert early.number == 1
    file_version(model, store)

    with transaction.atomic():
        version = actions.register_version(early, actor=SYSTEM)

    assert (version.number, version.manifest["version"]) == (2, 2)


def test_a_promotion_ends_both_spans_at_its_moment_and_says_why(store, actor):
    model = make_model(make_workspace())
    first, second = file_version(model, store), file_version(model, store)

    alias = actions.promote_version(version=second, actor=actor, reason="better")

    assert (alias.name, alias.version, alias.set_by_id, alias.reason) == ("champion", second, actor.user_id, "better")
    ended = Alias.objects.filter(until__isnull=False)
    assert {(span.name, span.version_id, span.until) for span in ended} == {
        ("champion", first.pk, alias.since),
        ("challenger", second.pk, alias.since),
    }
    assert entry_of("version.promote", second, actor).details == {"number": 2, "reason": "better"}


def test_a_challenger_that_was_not_promoted_stays_one(store):
    model = make_model(make_workspace())
    versions = [file_version(model, store) for _ in range(3)]

    actions.promote_version(version=versions[1], actor=SYSTEM)

    assert ("challenger", 3, "newest version", True) in aliases(model)


def test_a_promotion_of_one_model_leaves_the_others_spans_open(store):
    model, other = make_model(make_workspace()), make_model(make_workspace())
    file_version(other, store)
    file_version(model, store)

    actions.promote_version(version=file_version(model, store), actor=SYSTEM)

    assert aliases(other) == [("champion", 1, "first version", True)]


def test_a_long_reason_is_cut_to_what_the_row_holds(store):
    model = make_model(make_workspace())
    file_version(model, store)

    alias = actions.promote_version(version=file_version(model, store), actor=SYSTEM, reason="x" * 600)

    assert alias.reason == "x" * 500


@pytest.mark.parametrize(("said", "kept"), [("", "rollback"), ("it was wrong", "it was wrong")])
def test_a_rollback_says_why_and_marks_what_it_left(said, kept, store, actor):
    model = make_model(make_workspace())
    first, second = file_version(model, store), file_version(model, store)
    actions.promote_version(version=second, actor=SYSTEM)

    alias = actions.rollback_model(model=model, actor=actor, reason=said)

    assert (alias.version, alias.reason, alias.set_by_id) == (first, kept, actor.user_id)
    assert list(Alias.objects.filter(rolled_back=True).values_list("version_id", flat=True)) == [second.pk]
    assert entry_of("model.rollback", first, actor).details == {"number": 1, "reason": kept}


@pytest.mark.parametrize("deed", ["promote", "rollback"])
def test_an_archived_model_s_champion_does_not_change(deed, store):
    model = make_model(make_workspace())
    versions = [file_version(model, store) for _ in range(3)]
    actions.promote_version(version=versions[1], actor=SYSTEM)
    actions.archive_model(model=model, actor=SYSTEM)
    before = aliases(model)
    deeds = {
        "promote": partial(actions.promote_version, version=versions[2]),
        "rollback": partial(actions.rollback_model, model=model),
    }

    with pytest.raises(Conflict, match="archived"):
        deeds[deed](actor=SYSTEM)

    assert aliases(model) == before


def test_a_rollback_whose_champion_changed_meanwhile_is_asked_again(store, monkeypatch):
    model = make_model(make_workspace())
    versions = [file_version(model, store) for _ in range(3)]
    actions.promote_version(version=versions[1], actor=SYSTEM)
    real = actions.verify_version

    def promote_meanwhile(version: ModelVersion) -> None:
        monkeypatch.setattr(actions, "verify_version", real)
        actions.promote_version(version=versions[2], actor=SYSTEM)
        real(version)

    monkeypatch.setattr(actions, "verify_version", promote_meanwhile)

    with pytest.raises(Conflict, match="champion changed at this moment"):
        actions.rollback_model(model=model, actor=SYSTEM)

    assert not Alias.objects.filter(rolled_back=True).exists()


def test_a_version_is_signed_anew_once_and_no_other_with_it(store, settings, actor):
    model = make_model(make_workspace())
    version, other = file_version(model, store), file_version(model, store)
    old = other.signature
    settings.SECRET_KEY = "another-key-0123456789abcdefghijklmnopqrstuvwxyz-0123"

    assert actions.resign_version(version=version, actor=actor) is True

    version.refresh_from_db()
    other.refresh_from_db()
    assert (version.signature, other.signature) == (sign(check_files(version)), old)
    assert actions.resign_version(version=version, actor=actor) is False
    assert entry_of("version.resign", version, actor)


def test_a_span_begins_when_it_is_made(store):
    before: datetime = clock.now()
    file_version(make_model(make_workspace()), store)

    assert before <= Alias.objects.get().since <= before + timedelta(minutes=1)
