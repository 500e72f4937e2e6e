"""Files of another database are never taken for rubbish."""

from pathlib import Path

import pytest
from django.core.management import call_command

from apps.core import instance
from apps.core.models import Instance

pytestmark = pytest.mark.django_db


def put_file(store: Path) -> Path:
    file = store / "workspace" / "model" / "weights.npy"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    return file


def test_an_empty_store_is_taken_and_stays_so_once_it_holds_files(tmp_path: Path):
    assert not instance.owns(tmp_path / "store")
    instance.take_if_empty(tmp_path / "store")
    put_file(tmp_path / "store")
    assert instance.owns(tmp_path / "store")


def test_a_store_of_another_database_is_not_owned(tmp_path: Path):
    instance.take_if_empty(tmp_path)
    assert instance.owns(tmp_path)
    Instance.objects.all().delete()  # a new database pointed at the old store

    assert not instance.owns(tmp_path)


def test_files_of_nobody_are_not_owned_until_they_are_adopted(tmp_path: Path, settings, capsys):
    put_file(tmp_path)
    settings.ML_MODELS_DIR = settings.DATASETS_DIR = tmp_path
    assert not instance.owns(tmp_path)

    call_command("adopt_stores")
    assert not instance.owns(tmp_path)
    call_command("adopt_stores", "--yes")

    assert instance.owns(tmp_path)
    assert "adopted" in capsys.readouterr().out


def test_a_file_beside_the_folders_is_nobodys_work(tmp_path: Path):
    (tmp_path / "README.md").write_text("What lies here.")
    instance.take_if_empty(tmp_path)
    assert instance.owns(tmp_path)
