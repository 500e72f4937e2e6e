"""A manifest is signed as bytes: numbers may be spelt otherwise in a database, keys may change, contents may not."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from apps.core.artifacts import ArtifactDamaged
from apps.registry import files
from apps.registry.manifest import says_the_same
from apps.registry.models import ModelVersion
from apps.registry.selectors import version_folder
from apps.workspaces.models import AuditEntry
from tests.registry.filing import file_version

ODD = {"huge": 1e16, "vast": 1e23, "nothing": -0.0, "tiny": 1e-7, "third": 1 / 3, "whole": 2.0}
OTHER_KEY = "another-key-0123456789abcdefghijklmnopqrstuvwxyz-0123"


def as_jsonb(value: Any) -> Any:
    """Return a value as PostgreSQL's jsonb gives it back: numbers as exact decimals without an exponent."""
    if isinstance(value, dict):
        return {name: as_jsonb(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_jsonb(inner) for inner in value]
    if isinstance(value, float):
        return json.loads(format(abs(Decimal(repr(value))) if value == 0 else Decimal(repr(value)), "f"))
    return value


def test_numbers_that_a_database_spells_otherwise_do_not_break_the_seal(model, store):
    version = file_version(model, store, metrics={"roc_auc": 0.9, **ODD})
    stored = as_jsonb(version.manifest)
    assert json.dumps(stored) != json.dumps(version.manifest)
    ModelVersion.objects.filter(pk=version.pk).update(manifest=stored)

    files.verify_version(ModelVersion.objects.get())


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 2), (1, True), (1.0, True), (0.1, 0.2), ({"a": 1}, {}), ([1], [1, 2]), ("1", 1), (None, 0), (None, 0.0), ({}, [])],
)
def test_what_differs_is_not_the_same(one, other):
    assert not says_the_same({"x": [one]}, {"x": [other]})


def test_a_baseline_without_a_finite_value_can_be_filed(model, store):
    from apps.algorithms.results import Baseline

    version = file_version(model, store, baseline=Baseline("mean", {"rmse": 1.0, "r2": float("nan")}))

    assert version.baseline == {"name": "mean", "metrics": {"rmse": 1.0}}


def test_a_manifest_that_was_rewritten_with_its_row_is_still_not_signed(model, store):
    version = file_version(model, store)
    manifest = version_folder(version) / files.MANIFEST
    told = {**json.loads(manifest.read_bytes()), "metrics": {"roc_auc": 1.0}}
    written = json.dumps(told).encode()
    manifest.write_bytes(written)
    version.manifest, version.manifest_sha256 = told, files.digest_of(written)
    version.save()

    with pytest.raises(ArtifactDamaged, match="signature"):
        files.verify_version(version)


def test_versions_signed_with_a_key_before_are_believed_while_it_is_named(model, store):
    version = file_version(model, store)

    with override_settings(SECRET_KEY=OTHER_KEY):
        with pytest.raises(ArtifactDamaged, match="resign_versions"):
            files.verify_version(version)
        with override_settings(SECRET_KEY_FALLBACKS=["only-for-tests-0123456789abcdefghijklmnopqrstuvwxyz"]):
            files.verify_version(version)


def resign() -> str:
    out = StringIO()
    call_command("resign_versions", stdout=out, stderr=out)
    return out.getvalue()


def test_versions_can_be_signed_anew_when_the_old_key_is_lost(model, store):
    versions = [file_version(model, store) for _ in range(2)]

    with override_settings(SECRET_KEY=OTHER_KEY):
        assert "2 versions were signed" in resign()
        for version in versions:
            version.refresh_from_db()
            files.verify_version(version)
        assert "0 versions were signed" in resign()

    assert AuditEntry.objects.filter(verb="version.resign").count() == 2


def test_damaged_versions_are_named_and_not_signed(model, store):
    whole, damaged = file_version(model, store), file_version(model, store)
    (version_folder(damaged) / "predictor" / "nodes.npy").write_bytes(b"other")

    with override_settings(SECRET_KEY=OTHER_KEY):
        with pytest.raises(CommandError, match="1 versions are damaged"):
            resign()
        whole.refresh_from_db()
        files.verify_version(whole)
        damaged.refresh_from_db()
        with pytest.raises(ArtifactDamaged):
            files.verify_version(damaged)
