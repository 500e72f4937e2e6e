"""A version's files: what is written, what is handed out, and how each kind of damage is told."""

import json
import os
import time
import uuid
from pathlib import Path

import pytest

from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import NotFound
from apps.core.instance import adopt
from apps.registry import files
from apps.registry.models import ModelVersion
from apps.registry.selectors import version_folder
from tests.registry.filing import facts_of, file_version, staged

pytestmark = pytest.mark.django_db
DAY = 24 * 3600


@pytest.fixture
def version(model, store) -> ModelVersion:
    return file_version(model, store)


def test_a_sealed_folder_has_schema_and_classes_as_they_are_spelt(model, store):
    from apps.algorithms.schema import Column, ColumnKind, TableSchema

    schema = TableSchema((Column("été", ColumnKind.NUMBER),), "label", ColumnKind.CATEGORY, ("payé", "dû"))

    folder = version_folder(file_version(model, store, schema=schema))

    assert json.loads((folder / "schema.json").read_text()) == json.loads(json.dumps(schema.as_json()))
    assert "été" in (folder / "schema.json").read_text()
    assert (folder / "classes.json").read_text() == '["payé", "dû"]'


def test_what_a_training_left_under_the_names_of_card_and_manifest_is_not_sealed(model, store):
    folder = staged(model, store)
    for name in (files.CARD, files.MANIFEST):
        (folder / name).write_text("left")

    prepared = files.seal(model=model, campaign_id=uuid.uuid4(), staging=folder, facts=facts_of(model))

    assert set(prepared.checksums) == {"schema.json", "classes.json", "predictor/nodes.npy"}


def test_a_version_s_files_carry_its_number_twice_and_their_checksums(version):
    folder = version_folder(version)
    manifest = json.loads((folder / files.MANIFEST).read_bytes())

    assert (manifest["version"], manifest["campaign"]) == (1, str(version.campaign_id))
    assert manifest["files"] == version.manifest["files"]
    assert "version 1" in (folder / files.CARD).read_text()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("leads out", "lie outside of the store"),
        ("gone", "are missing"),
        ("no manifest", "manifest.json is missing or was changed"),
        ("manifest is a link", "manifest.json is missing or was changed"),
        ("manifest is a folder", "manifest.json is missing or was changed"),
        ("unreadable", "cannot be read"),
        ("file changed", "nodes.npy does not match its checksum"),
    ],
)
def test_each_damage_has_its_words(damage, words, version, tmp_path, monkeypatch):
    folder = version_folder(version)
    manifest = folder / files.MANIFEST
    if damage == "leads out":
        version.folder = "../elsewhere"
    elif damage == "gone":
        folder.rename(tmp_path / "moved")
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "manifest is a link":
        manifest.rename(tmp_path / "manifest")
        manifest.symlink_to(tmp_path / "manifest")
    elif damage == "manifest is a folder":
        manifest.unlink()
        manifest.mkdir()
    elif damage == "unreadable":
        monkeypatch.setattr(Path, "is_dir", _unreadable)
    else:
        (folder / "predictor" / "nodes.npy").write_bytes(b"other")

    with pytest.raises(ArtifactDamaged, match=words):
        files.check_files(version)


def _unreadable(_path: Path) -> bool:
    raise PermissionError(13, "Permission denied")


def test_what_is_checked_is_returned_as_it_was_signed(version):
    assert files.check_files(version) == (version_folder(version) / files.MANIFEST).read_bytes()


def test_a_check_of_one_folder_looks_at_no_file_beside_it(version):
    folder = version_folder(version)
    (folder / "classes.json").write_text("[]")

    files.verify_version(version, below="predictor/")
    with pytest.raises(ArtifactDamaged, match=r"classes\.json"):
        files.verify_version(version)
    (folder / "predictor" / "nodes.npy").write_bytes(b"other")
    with pytest.raises(ArtifactDamaged, match=r"nodes\.npy"):
        files.verify_version(version, below="predictor/")


def test_a_whole_file_is_handed_out(version):
    place = files.whole_file(version, "predictor/nodes.npy")

    assert place == version_folder(version) / "predictor" / "nodes.npy"


def test_a_file_that_is_damaged_or_gone_is_not_handed_out(version):
    place = version_folder(version) / "predictor" / "nodes.npy"
    place.write_bytes(b"other")
    with pytest.raises(ArtifactDamaged, match="does not match its checksum"):
        files.whole_file(version, "predictor/nodes.npy")
    place.unlink()
    with pytest.raises(ArtifactDamaged, match="is missing"):
        files.whole_file(version, "predictor/nodes.npy")
    with pytest.raises(NotFound):
        files.whole_file(version, "../../secret")


def test_only_old_folders_that_no_row_names_are_swept(version, store):
    adopt(store)
    beside = version_folder(version).parent
    ages = {"old": DAY + 60, "young": DAY - 60}
    for name, age in ages.items():
        (beside / name).mkdir()
        (beside / name / "file").write_bytes(b"x")
        os.utime(beside / name, (time.time() - age,) * 2)
    (beside / "file").write_bytes(b"x")
    for path in (beside / "file", version_folder(version)):
        os.utime(path, (1, 1))

    swept = files.sweep_orphans()

    assert swept == [f"{beside.relative_to(store).as_posix()}/old"]
    assert {path.name for path in beside.iterdir()} == {"young", "file", version_folder(version).name}
    assert files.sweep_orphans() == []
