"""Files of a version, and the libraries of another release: what is safe goes on with a warning, what is not is refused unread."""

import json
import shutil
from pathlib import Path
from typing import Any

import joblib
import pytest
import xgboost

from apps.algorithms import catalog
from apps.algorithms.base import FACTS
from apps.algorithms.predictors import FORMAT, load_predictor
from apps.core.errors import Unavailable
from tests.hostile.trained import TASKS, trained

pytestmark = pytest.mark.slow
WITH_FILES_OF_A_LIBRARY = [slug for slug in TASKS if catalog.get(slug).library]


@pytest.fixture
def native(slug: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained(slug, 0).folder / "native", tmp_path / "native"))


def facts_of(native: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((native / FACTS).read_text())
    return facts


def written_with(native: Path, version: str | None) -> None:
    """Have the files say that another version wrote them; None: as a release that noted none."""
    facts = facts_of(native)
    del facts["library_version"]
    (native / FACTS).write_text(json.dumps(facts if version is None else {**facts, "library_version": version}))


def other(version: str, *, place: int) -> str:
    parts = version.split(".")
    parts[place] = str(int(parts[place]) + 1)
    return ".".join(parts)


@pytest.mark.parametrize("slug", WITH_FILES_OF_A_LIBRARY)
def test_the_same_version_and_one_that_was_not_noted_are_read_without_a_word(slug: str, native: Path):
    rows, service = trained(slug, 0).rows, catalog.get(slug)
    same = service.load(native)
    written_with(native, None)
    unknown = service.load(native)

    assert (same.warnings, unknown.warnings) == ((), ())
    assert same.predict(rows).values == unknown.predict(rows).values


@pytest.mark.parametrize("slug", WITH_FILES_OF_A_LIBRARY)
def test_another_minor_version_is_a_warning_that_names_both(slug: str, native: Path):
    here = facts_of(native)["library_version"]
    written_with(native, other(here, place=1))

    (warning,) = catalog.get(slug).load(native).warnings

    assert here in warning
    assert other(here, place=1) in warning


@pytest.mark.parametrize("slug", WITH_FILES_OF_A_LIBRARY)
def test_another_major_version_is_refused_before_a_file_is_read(slug: str, native: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    monkeypatch.setattr(joblib, "load", lambda *_args: read.append("joblib"))
    monkeypatch.setattr(xgboost.Booster, "load_model", lambda *_args: read.append("xgboost"))
    written_with(native, other(facts_of(native)["library_version"], place=0))

    with pytest.raises(Unavailable, match="Install that version"):
        catalog.get(slug).load(native)

    assert read == []


@pytest.mark.parametrize("slug", WITH_FILES_OF_A_LIBRARY)
def test_the_light_predictor_knows_no_library_only_its_own_format(slug: str, tmp_path: Path):
    folder = Path(shutil.copytree(trained(slug, 0).folder / "predictor", tmp_path / "predictor"))
    written = (folder / "predictor.json").read_text()
    right = load_predictor(folder).predict(trained(slug, 0).rows)

    assert "version" not in json.loads(written)
    assert len(right.values) == len(right.asked or trained(slug, 0).rows)
    (folder / "predictor.json").write_text(json.dumps({**json.loads(written), "format": FORMAT + 1}))
    with pytest.raises(Unavailable, match=f"format {FORMAT + 1}; this release reads {FORMAT}"):
        load_predictor(folder)
