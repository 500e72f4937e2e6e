"""Files that would run code when a library loads them, under every name that somebody can store: none is ever opened so."""

import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.datasets import lifecycle
from apps.datasets.engine import check
from apps.datasets.models import DatasetVersion
from apps.registry.selectors import version_folder
from tests.hostile.conftest import forget
from tests.hostile.trained import TASKS, file_trained, model_of, trained

NAMES = (
    "model.pkl", "model.pickle", "forest.joblib", "weights.h5", "net.keras", "net.pt", "net.pth", "net.onnx", "net.tflite",
    "booster.ubj", "booster.json", "nodes.npy", "arrays.npz", "model.safetensors", "model.zip", "predictor.json", "data.csv",
    "data.parquet", "../../ml_models/forest.joblib", "model.pkl\x00.csv",
)  # fmt: skip


class Canary:
    """Leaves a file where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "canary"


def test_the_canary_sings(place: Path):
    pickle.loads(pickle.dumps(Canary(place)))  # noqa: S301  (it must)

    assert place.exists()


def test_no_upload_is_loaded_as_a_model_whatever_its_name(cast, api, store, settings, place: Path):
    settings.UPLOAD_WAIT_SECONDS = 0.0
    client = api(cast.trainer)

    for name in NAMES:
        content = pickle.dumps([Canary(place), name])
        fields = {"workspace": str(cast.acme.pk), "name": name.replace("\0", ""), "file": SimpleUploadedFile(name, content)}
        answer = client.post("/api/v1/datasets/", fields, format="multipart")
        assert answer.status_code in {202, 400}, (name, answer.content)
        for kind in ("images", "audio", "series", "model"):
            fields |= {"kind": kind, "file": SimpleUploadedFile(name, content)}
            assert client.post("/api/v1/datasets/", fields, format="multipart").status_code < 500

    waiting = DatasetVersion.objects.filter(status="checking").order_by("created_at")
    assert waiting.count() >= len(NAMES) - 1
    for version in list(waiting):
        check(version.pk, lifecycle.claim(version.pk))
    assert set(DatasetVersion.objects.values_list("status", flat=True)) == {"refused"}
    assert not place.exists()


@pytest.mark.parametrize("slug", TASKS)
def test_no_pickle_put_into_a_store_is_loaded(cast, api, store, place: Path, slug: str):
    model = model_of(cast.acme, slug)
    live, newer = file_trained(model, seed=0), file_trained(model, seed=1)
    client, rows = api(cast.approver), trained(slug, 0).rows
    content = pickle.dumps(Canary(place))
    for version in (live, newer):
        folder = version_folder(version)
        for name in [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]:
            name.write_bytes(content)
        for part in ("", "native", "predictor"):
            for name in NAMES:
                (folder / part / Path(name.replace("\0", "")).name).write_bytes(content)

    forget()
    told = [
        client.post(reverse("model-predict", args=[model.pk]), {"data": rows}),
        client.post(reverse("model-explain", args=[model.pk]), {"data": rows}),
        client.post(reverse("version-promote", args=[model.pk, newer.number]), {}),
        client.post(reverse("model-rollback", args=[model.pk]), {}),
        client.get(reverse("version-card", args=[model.pk, live.number])),
        client.get(reverse("version-artifacts", args=[model.pk, live.number])),
    ]

    assert [answer.status_code for answer in told[:4]] == [503, 503, 409, 409]
    assert all(answer.status_code != 500 for answer in told)
    assert not place.exists()


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/x-pickle", "application/python-pickle"])
def test_a_body_that_is_a_pickle_is_not_read(cast, api, store, place: Path, content_type: str):
    content = pickle.dumps(Canary(place))
    client = api(cast.owner)

    for route in ("/api/v1/models/", f"/api/v1/models/{uuid.uuid4()}/predict/", f"/v2/models/{uuid.uuid4()}/infer"):
        assert client.post(route, content, content_type=content_type).status_code in {404, 415}, route
    assert not place.exists()
