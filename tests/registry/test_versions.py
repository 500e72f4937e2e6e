"""Versions filed, promoted, rolled back and verified; one champion whatever happens at once."""

import os
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from apps.core import clock
from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import Conflict
from apps.core.instance import adopt
from apps.registry import actions, files
from apps.registry.models import Alias, ModelVersion
from apps.registry.selectors import champion_at, champion_of, version_folder
from apps.workspaces.access import SYSTEM
from tests.factories import make_model, make_workspace
from tests.registry.filing import STAGING, file_version


def test_the_first_version_is_live_and_later_ones_wait(model, store):
    first, second = file_version(model, store), file_version(model, store)

    assert (first.number, second.number) == (1, 2)
    assert champion_of(model) == first
    assert list(Alias.objects.filter(until=None).values_list("name", "version__number")) == [
        ("challenger", 2),
        ("champion", 1),
    ]
    assert not list(store.rglob(f"{STAGING}*"))


def test_the_files_tell_what_the_row_tells(model, store):
    version = file_version(model, store)

    files.verify_version(version)
    assert set(version.manifest["files"]) == {"card.md", "classes.json", "schema.json", "predictor/nodes.npy"}
    assert "# " + model.name in (version_folder(version) / "card.md").read_text()


@pytest.mark.parametrize("damage", ["flip", "remove", "add", "manifest", "row", "signature"])
def test_damage_anywhere_is_found_before_a_version_goes_live(damage, model, store):
    live, version = file_version(model, store), file_version(model, store)
    file = version_folder(version) / "predictor" / "nodes.npy"
    if damage == "flip":
        content = file.read_bytes()
        file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "remove":
        file.unlink()
    elif damage == "add":
        (file.parent / "extra.pkl").write_bytes(b"no")
    elif damage == "manifest":
        (version_folder(version) / files.MANIFEST).write_text("{}")
    elif damage == "row":
        version.manifest["metrics"]["roc_auc"] = 1.0
    else:
        version.signature = "0" * 64
    version.save()

    with pytest.raises(ArtifactDamaged):
        files.verify_version(version)
    with pytest.raises(Conflict, match="champion stays"):
        actions.promote_version(version=version, actor=SYSTEM)
    assert champion_of(model) == live


def test_promotion_and_rollback_keep_the_history(model, store):
    first, second = file_version(model, store), file_version(model, store)
    before = clock.now()

    actions.promote_version(version=second, actor=SYSTEM, reason="better")
    between = clock.now()
    actions.rollback_model(model=model, actor=SYSTEM)

    assert champion_at(model, before).version == first
    assert champion_at(model, between).version == second
    assert champion_of(model) == first
    assert champion_at(model, before - timedelta(days=1)) is None
    with pytest.raises(Conflict, match="already"):
        actions.promote_version(version=first, actor=SYSTEM)


def test_there_is_nothing_to_roll_back_to_at_first(model, store):
    file_version(model, store)

    with pytest.raises(Conflict, match="no earlier champion"):
        actions.rollback_model(model=model, actor=SYSTEM)


def test_rollback_to_files_that_are_gone_changes_nothing(model, store):
    first, second = file_version(model, store), file_version(model, store)
    actions.promote_version(version=second, actor=SYSTEM)
    (version_folder(first) / "predictor" / "nodes.npy").unlink()

    with pytest.raises(Conflict, match="cannot go live"):
        actions.rollback_model(model=model, actor=SYSTEM)

    assert champion_of(model) == second


def test_a_transaction_that_fails_after_the_move_leaves_no_row_and_the_next_one_succeeds(model, store):
    class Broken(Exception):
        pass

    def file_and_break() -> None:
        with transaction.atomic():
            file_version(model, store)
            raise Broken

    with pytest.raises(Broken):
        file_and_break()

    assert not ModelVersion.objects.exists()
    assert file_version(model, store).number == 1


def test_orphans_are_swept_and_what_a_row_names_stays(model, store):
    version = file_version(model, store)
    adopt(store)
    orphan = version_folder(version).parent / "9-orphan"
    orphan.mkdir()
    old = time.time() - 3 * 24 * 3600
    os.utime(orphan, (old, old))
    os.utime(version_folder(version), (old, old))
    fresh = version_folder(version).parent / f"{STAGING}now"
    fresh.mkdir()

    assert [name.rsplit("/", 1)[-1] for name in files.sweep_orphans()] == ["9-orphan"]
    assert version_folder(version).exists()
    assert fresh.exists()


def test_a_store_that_another_database_owns_is_left_alone(model, store):
    version = file_version(model, store)
    adopt(store)
    (store / ".mlplatform-instance").write_text("another\n")
    orphan = version_folder(version).parent / "9-orphan"
    orphan.mkdir()
    old = time.time() - 3 * 24 * 3600
    os.utime(orphan, (old, old))

    assert files.sweep_orphans() == []
    assert orphan.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_promotions_at_once_leave_one_champion_and_no_error(store):
    model = make_model(make_workspace())
    versions = [file_version(model, store) for _ in range(8)]
    errors: list[BaseException] = []

    def promote(version: ModelVersion) -> None:
        try:
            actions.promote_version(version=version, actor=SYSTEM)
        except Conflict:
            pass  # the one that is champion already
        except BaseException as error:  # noqa: BLE001  (the test counts them)
            errors.append(error)
        finally:
            connection.close()

    for _ in range(3):
        threads = [threading.Thread(target=promote, args=(version,)) for version in versions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert Alias.objects.filter(model=model, name="champion", until=None).count() == 1
