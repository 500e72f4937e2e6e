"""Whose a store is, and whether what nobody names may be removed from it."""

from pathlib import Path

import pytest

from apps.core import instance
from apps.core.models import Instance

pytestmark = pytest.mark.django_db


def fill(store: Path) -> None:
    file = store / "workspace" / "model" / "weights.npy"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")


def test_there_are_two_stores(settings):
    assert instance.stores() == (Path(settings.ML_MODELS_DIR), Path(settings.DATASETS_DIR))


def test_a_store_is_marked_with_the_one_id_of_its_database(tmp_path):
    store = tmp_path / "not" / "there" / "yet"

    for _ in range(2):
        instance.adopt(store)

    assert (store / instance.MARK).read_text() == f"{Instance.objects.get().pk}\n"


def test_an_empty_store_is_marked_by_who_takes_it_first(tmp_path):
    assert instance.owns(tmp_path) is False  # asking takes nothing
    instance.take_if_empty(tmp_path)

    assert instance.owns(tmp_path) is True


@pytest.mark.parametrize("mark", ["another\n", None])
def test_a_filled_store_of_another_or_of_nobody_stays_as_it_is(mark, tmp_path, caplog):
    fill(tmp_path)
    if mark:
        (tmp_path / instance.MARK).write_text(mark)

    assert instance.owns(tmp_path) is False

    assert (tmp_path / instance.MARK).exists() is (mark is not None)
    assert f"belongs to {mark.strip() if mark else 'nobody'}, not to this database" in caplog.text


def test_an_adopted_store_is_owned_whoever_had_it_before(tmp_path):
    fill(tmp_path)
    (tmp_path / instance.MARK).write_text("another\n")

    instance.adopt(tmp_path)

    assert instance.owns(tmp_path) is True


@pytest.mark.parametrize(
    ("kind", "is_away", "may_sweep"),
    [
        ("missing", True, False),
        ("empty", True, False),
        ("empty folders", True, False),
        ("filled", False, False),
        ("ours", False, True),
        ("ours and filled", False, True),
        ("another's", False, False),
    ],
)
def test_only_a_store_of_ours_that_is_there_is_swept(kind, is_away, may_sweep, tmp_path):
    store = tmp_path / "store"
    if kind != "missing":
        store.mkdir()
    if kind == "empty folders":
        (store / "workspace" / "model").mkdir(parents=True)
    if kind.endswith("filled"):
        fill(store)
    if kind.startswith("ours"):
        instance.adopt(store)
    elif kind == "another's":
        (store / instance.MARK).write_text("another\n")

    assert instance.is_away(store) is is_away
    assert instance.may_sweep(store) is may_sweep
    assert instance.is_away(store) is is_away  # a look leaves no mark
