"""A new version that is another table: said, column by column, before somebody trains on it."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from apps.datasets import lifecycle
from apps.datasets.actions import register_upload
from apps.datasets.engine import check
from apps.datasets.models import Dataset, DatasetVersion
from apps.workspaces.access import Actor

CODES = {"column_gone", "column_new", "column_type"}


@pytest.fixture
def versions(cast, tmp_path):
    """Return a maker of versions of one dataset, read here and now."""
    dataset = Dataset.objects.create(workspace=cast.acme, name="sales")

    def make(content: bytes) -> DatasetVersion:
        file = SimpleUploadedFile("sales.csv", content)
        version = register_upload(workspace=cast.acme, dataset=dataset, upload=file, actor=Actor(user_id=None))
        check(version.pk, lifecycle.claim(version.pk))
        version.refresh_from_db()
        return version

    with override_settings(DATASETS_DIR=tmp_path):
        yield make


def changes_in(version: DatasetVersion) -> dict[tuple[str, str], str]:
    return {(w["column"], w["code"]): w["detail"] for w in version.warnings if w["code"] in CODES}


def test_columns_gone_new_and_of_another_type_are_named(versions):
    assert changes_in(versions(b"amount;day;city\n1,5;2026-01-01;Lyon\n2,5;2026-01-02;Nice\n")) == {}

    second = versions(b"amount;when;city\na lot;2026-01-01;1\nlittle;2026-01-02;2\n")

    assert second.status == "ready"
    assert changes_in(second) == {
        ("day", "column_gone"): "Version 1 had this column; it is missing here.",
        ("when", "column_new"): "Version 1 did not have this column.",
        ("amount", "column_type"): "It is read as category; version 1 read it as number.",
        ("city", "column_type"): "It is read as integer; version 1 read it as category.",
    }


def test_more_rows_of_the_same_columns_are_no_change(versions):
    versions(b"n,t\n1,a\n2,b\n")

    assert changes_in(versions(b"t,n\n" + b"".join(b"text %d,%d.5\n" % (i, i) for i in range(100)))) == {}


def test_a_refused_version_in_between_is_not_compared_with(versions):
    versions(b"a,b\n1,2\n")
    assert versions(b"a,b\n1,2,3\n").status == "refused"

    assert changes_in(versions(b"a\n1\n")) == {("b", "column_gone"): "Version 1 had this column; it is missing here."}


def test_a_table_of_other_columns_altogether_does_not_fill_the_page(versions):
    versions(",".join(f"old{i}" for i in range(300)).encode() + b"\n" + b",".join([b"1"] * 300) + b"\n")

    found = changes_in(versions(",".join(f"new{i}" for i in range(300)).encode() + b"\n" + b",".join([b"1"] * 300) + b"\n"))

    assert len(found) == 40
