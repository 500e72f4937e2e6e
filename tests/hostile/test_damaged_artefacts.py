"""Damaged files of versions: refused before anything of them is parsed; what is live stays live, and answers as before."""

import json
import pickle
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import xgboost
from django.urls import reverse
from rest_framework.test import APIClient

from apps.predictions import cache
from apps.registry import actions
from apps.registry.files import MANIFEST
from apps.registry.manifest import canonical_bytes, digest_of
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of, version_folder
from apps.workspaces.access import SYSTEM
from tests.cast import Cast
from tests.hostile.conftest import forget
from tests.hostile.damage import OF_FILES, SEED, files_of, is_served, kept
from tests.hostile.trained import TASKS, array_of, file_trained, model_of, trained


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the parsers that were called."""
    found: list[str] = []

    def watch(module: Any, name: str) -> None:
        real = getattr(module, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            found.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, called)

    watch(cache, "load_predictor")
    watch(np, "load")
    watch(joblib, "load")
    watch(pickle, "load")
    watch(pickle, "loads")
    watch(xgboost.Booster, "load_model")
    return found


class Stage:
    """A model with a live version and a newer one, and somebody who asks it."""

    def __init__(self, cast: Cast, slug: str, client: APIClient, aside: Path, parsed: list[str]) -> None:
        self.client, self.parsed = client, parsed
        self.model: RegisteredModel = model_of(cast.acme, slug)
        self.live, self.newer = file_trained(self.model, seed=0), file_trained(self.model, seed=1)
        self.rows = trained(slug, 0).rows
        self.aside = aside / "as it was"
        self.right = self.ask().json()["predictions"]
        self.cases = 0

    def ask(self) -> Any:
        """Predict in a process that has loaded nothing yet."""
        forget()
        self.parsed.clear()
        return self.client.post(reverse("model-predict", args=[self.model.pk]), {"data": self.rows})

    def expect_refusal(self, what: str) -> None:
        """Expect a damaged live version not to answer, unread."""
        answer = self.ask()
        assert answer.status_code == 503, (what, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "artifact_damaged", what
        assert int(answer["Retry-After"]) > 0
        assert self.parsed == [], what

    def expect_answers(self, what: str) -> None:
        """Expect the live version to answer as ever."""
        answer = self.ask()
        assert (answer.status_code, answer.json()["version"]) == (200, self.live.number), (what, answer.content)
        assert answer.json()["predictions"] == self.right, what

    def expect_no_promotion(self, what: str) -> None:
        """Expect a damaged newer version not to go live, unread, and the champion to answer on."""
        self.parsed.clear()
        answer = self.client.post(reverse("version-promote", args=[self.model.pk, self.newer.number]), {})
        assert answer.status_code == 409, (what, answer.content)
        assert "champion stays" in answer.json()["detail"]
        assert self.parsed == [], what
        assert champion_of(self.model) == self.live
        self.expect_answers(what)

    def expect_neither(self, what: str) -> None:
        """Expect the newer version not to go live, and the live one not to answer."""
        answer = self.client.post(reverse("version-promote", args=[self.model.pk, self.newer.number]), {})
        assert answer.status_code == 409, (what, answer.content)
        assert champion_of(self.model) == self.live
        self.expect_refusal(what)

    def try_both(self, what: str, damage: Callable[[ModelVersion, Path], None], *, served: bool) -> None:
        """Damage the newer version, then the live one; a damage that changes nothing fails here."""
        folder = version_folder(self.newer)
        with kept(folder, self.aside):
            damage(self.newer, folder)
            self.expect_no_promotion(what)
        folder = version_folder(self.live)
        with kept(folder, self.aside):
            damage(self.live, folder)
            if served:
                self.expect_refusal(what)
            else:
                self.expect_answers(what)
        self.expect_answers(f"after {what}")
        self.cases += 2


@pytest.fixture
def stage(cast, api, store, tmp_path, parsed, slug) -> Iterator[Stage]:
    """Return the stage; the parsers are seen at work where nothing is damaged, else the test would prove nothing."""
    found = Stage(cast, slug, api(cast.approver), tmp_path, parsed)
    found.expect_answers("nothing")
    assert "load_predictor" in found.parsed
    assert "load" in found.parsed
    yield found
    assert actions.promote_version(version=found.newer, actor=SYSTEM).version == found.newer


@pytest.mark.slow
@pytest.mark.parametrize("kind", OF_FILES)
@pytest.mark.parametrize("slug", TASKS)
def test_a_damaged_file_is_never_parsed(stage: Stage, kind: str, slug: str):
    chance = random.Random(f"{SEED}{kind}{slug}")
    names = files_of(version_folder(stage.live))
    assert {MANIFEST, "schema.json", "classes.json", "card.md", "predictor/predictor.json"} < {*names}
    assert array_of(version_folder(stage.live)) in names
    assert any(name.startswith("native/") for name in names)

    for name in names:
        stage.try_both(
            f"{kind} {name}", lambda _v, folder, n=name: OF_FILES[kind](folder / n, chance), served=is_served(name)
        )

    assert stage.cases == 2 * len(names) >= 26


@pytest.mark.parametrize("slug", TASKS)
def test_files_swapped_between_versions_are_never_parsed(stage: Stage, slug: str):
    one, other = version_folder(stage.live), version_folder(stage.newer)
    different = [name for name in files_of(one) if (one / name).read_bytes() != (other / name).read_bytes()]
    assert {MANIFEST, array_of(one), "native/service.json"} <= set(different)

    for name in different:
        swap(one / name, other / name)
        stage.expect_neither(name) if is_served(name) else stage.expect_no_promotion(name)
        swap(one / name, other / name)


def swap(one: Path, other: Path) -> None:
    between = one.with_name("between")
    one.rename(between)
    other.rename(one)
    between.rename(other)


def _edit_manifest(folder: Path) -> bytes:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["metrics"] = dict.fromkeys(manifest["metrics"], 1.0)
    written = canonical_bytes(manifest)
    (folder / MANIFEST).write_bytes(written)
    return written


def add_file(_version: ModelVersion, folder: Path) -> None:
    (folder / "predictor" / "extra.npy").write_bytes(b"\x93NUMPY")


def add_file_beside(_version: ModelVersion, folder: Path) -> None:
    (folder / "extra.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")


def add_link(_version: ModelVersion, folder: Path) -> None:
    (folder / "predictor" / "extra.npy").symlink_to("/etc/passwd")


def add_link_to_itself(_version: ModelVersion, folder: Path) -> None:
    (folder / "predictor" / "again").symlink_to(folder)


def part_is_link(_version: ModelVersion, folder: Path) -> None:
    outside = folder.parents[3] / f"part of {folder.name}"
    shutil.rmtree(outside, ignore_errors=True)
    shutil.move(folder / "predictor", outside)
    (folder / "predictor").symlink_to(outside)


def folder_is_link(_version: ModelVersion, folder: Path) -> None:
    outside = folder.parents[3] / f"all of {folder.name}"
    shutil.rmtree(outside, ignore_errors=True)
    shutil.move(folder, outside)
    folder.symlink_to(outside)


def folder_is_file(_version: ModelVersion, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


def folder_renamed(_version: ModelVersion, folder: Path) -> None:
    away = folder.with_name("renamed")
    shutil.rmtree(away, ignore_errors=True)
    folder.rename(away)


def folder_gone(_version: ModelVersion, folder: Path) -> None:
    shutil.rmtree(folder)


def part_gone(_version: ModelVersion, folder: Path) -> None:
    shutil.rmtree(folder / "predictor")


def manifest_edited(_version: ModelVersion, folder: Path) -> None:
    _edit_manifest(folder)


OF_VERSIONS = {
    damage.__name__: damage
    for damage in (
        add_file, add_link, add_link_to_itself, part_is_link, folder_is_link, folder_is_file, folder_renamed, folder_gone,
        part_gone, manifest_edited,
    )
}  # fmt: skip


@pytest.mark.parametrize("slug", TASKS)
def test_damaged_folders_are_never_parsed(stage: Stage, slug: str):
    for name, damage in OF_VERSIONS.items():
        stage.try_both(name, damage, served=True)
    stage.try_both("add_file_beside", add_file_beside, served=False)


def row_and_file_agree(version: ModelVersion, folder: Path) -> None:
    """Edit a manifest, and have the row bear it out: only the signature is not to be had."""
    written = _edit_manifest(folder)
    ModelVersion.objects.filter(pk=version.pk).update(manifest=json.loads(written), manifest_sha256=digest_of(written))


def model_replaced(version: ModelVersion, folder: Path) -> None:
    """Replace a file, and have manifest and row bear it out."""
    name = array_of(folder)
    (folder / name).write_bytes(pickle.dumps({"no": "array"}))
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"][name] = digest_of((folder / name).read_bytes())
    written = canonical_bytes(manifest)
    (folder / MANIFEST).write_bytes(written)
    ModelVersion.objects.filter(pk=version.pk).update(manifest=manifest, manifest_sha256=digest_of(written))


def row_edited(version: ModelVersion, _folder: Path) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(manifest={**version.manifest, "metrics": {}})


def signature_of_another(version: ModelVersion, _folder: Path) -> None:
    other = ModelVersion.objects.exclude(pk=version.pk).first()
    assert other is not None
    ModelVersion.objects.filter(pk=version.pk).update(signature=other.signature)


def row_of_another(version: ModelVersion, _folder: Path) -> None:
    """Point a row at the folder of another, which is whole and signed."""
    other = ModelVersion.objects.exclude(pk=version.pk).first()
    assert other is not None
    taken = other.folder
    ModelVersion.objects.filter(pk=other.pk).update(folder=f"{taken}-")
    ModelVersion.objects.filter(pk=version.pk).update(folder=taken)


def row_leads_out(version: ModelVersion, folder: Path) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(folder=f"../{folder.name}")


@pytest.mark.parametrize(
    "damage", [row_and_file_agree, model_replaced, row_edited, signature_of_another, row_of_another, row_leads_out]
)
@pytest.mark.parametrize("who", ["live", "newer"])
@pytest.mark.parametrize("slug", TASKS)
def test_a_row_that_was_changed_in_the_database_is_not_believed(
    cast, api, store, tmp_path, parsed, damage: Callable[[ModelVersion, Path], None], who: str, slug: str
):
    stage = Stage(cast, slug, api(cast.approver), tmp_path, parsed)
    version: ModelVersion = getattr(stage, who)

    damage(version, version_folder(version))

    if who == "live":
        stage.expect_refusal(damage.__name__)
    elif damage is row_of_another:  # the live version lost its folder to it
        stage.expect_neither(damage.__name__)
    else:
        stage.expect_no_promotion(damage.__name__)


@pytest.mark.parametrize("slug", TASKS)
def test_every_door_to_a_damaged_version_is_closed(stage: Stage, slug: str):
    folder = version_folder(stage.live)
    doors = {
        reverse("model-predict", args=[stage.model.pk]): {"data": stage.rows},
        reverse("model-explain", args=[stage.model.pk]): {"data": stage.rows},
        reverse("model-invocations", args=[stage.model.pk]): {"dataframe_records": stage.rows},
        f"/v2/models/{stage.model.pk}/infer": {
            "inputs": [{"name": n, "datatype": "BYTES", "shape": [1], "data": [v]} for n, v in stage.rows[0].items()]
        },
    }
    with kept(folder, stage.aside):
        (folder / array_of(folder)).write_bytes(b"")
        for route, body in doors.items():
            forget()
            stage.parsed.clear()
            answer = stage.client.post(route, body)
            assert (answer.status_code, stage.parsed) == (503, []), route


@pytest.mark.parametrize("kind", ["flip", "truncate", "empty", "remove", "become_folder"])
@pytest.mark.parametrize("slug", TASKS)
def test_a_damaged_file_is_not_handed_out(stage: Stage, kind: str, slug: str):
    folder = version_folder(stage.live)
    card = reverse("version-card", args=[stage.model.pk, stage.live.number])
    for name in ("card.md", "native/service.json", array_of(folder)):
        route = reverse("version-artifact", args=[stage.model.pk, stage.live.number, name])
        routes = [route, card] if name == "card.md" else [route]
        for each in routes:
            assert stage.client.get(each).status_code == 200, each
        with kept(folder, stage.aside):
            OF_FILES[kind](folder / name, random.Random(SEED))
            for each in routes:
                answer = stage.client.get(each)
                assert (answer.status_code, answer.json()["code"]) == (503, "artifact_damaged"), each
