"""What an answer holds is what the description says it holds: no field is missing from it, none is new to it."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.alerts.actions import create_channel, raise_alert
from apps.core import clock
from apps.datasets import lifecycle as datasets
from apps.datasets.actions import register_upload
from apps.datasets.engine import check
from apps.datasets.models import DatasetVersion
from apps.detections.models import Detection, DetectionReview, SuppressionRule
from apps.feedback.models import LabelFile
from apps.monitoring.models import DriftReport
from apps.predictions.models import BatchPrediction, PredictionLog
from apps.privacy.models import SubjectRequest
from apps.retraining.actions import set_policy
from apps.retraining.models import GateReport
from apps.workspaces.access import SYSTEM
from tests.cast import Cast
from tests.factories import make_campaign
from tests.hostile.trained import file_trained, model_of

ROOT = Path(__file__).resolve().parents[2]
DESCRIBED = json.loads((ROOT / "docs/openapi.json").read_text())


def described() -> dict[str, dict[str, Any]]:
    """Return the schema of every answer to a GET below /api/ that is described field by field."""
    contents = {
        path: ways["get"]["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
        for path, ways in DESCRIBED["paths"].items()
        if "get" in ways and path.startswith("/api/v1/")
    }
    return {path: schema for path, schema in contents.items() if "additionalProperties" not in schema and schema}


def whole(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema or len(schema.get("allOf", ())) == 1:
        schema = (
            DESCRIBED["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema["allOf"][0]
        )
    return schema


def differences(schema: dict[str, Any], body: Any, at: str) -> Iterator[str]:
    schema = whole(schema)
    if isinstance(body, list) and "items" in schema:
        for one in body[:1]:
            yield from differences(schema["items"], one, f"{at}/0")
    if not isinstance(body, dict) or "properties" not in schema:
        return
    known = schema["properties"]
    yield from (f"{at}/{name} is not described" for name in body.keys() - known.keys())
    yield from (f"{at}/{name} is not answered" for name in set(schema.get("required", ())) - body.keys())
    for name in body.keys() & known.keys():
        yield from differences(known[name], body[name], f"{at}/{name}")


@pytest.fixture
def rows(cast: Cast, settings, tmp_path: Path) -> dict[str, str]:
    """Return the id that stands in the path of each resource."""
    settings.ML_MODELS_DIR = settings.DATASETS_DIR = tmp_path
    model = model_of(cast.acme, "random_forest")
    version = file_trained(model)
    upload = SimpleUploadedFile("sales.csv", b"amount,day,city\n1.5,2026-01-01,Lyon\n2.5,2026-01-02,Nice\n")
    data = register_upload(workspace=cast.acme, dataset=None, upload=upload, actor=SYSTEM)
    check(data.pk, datasets.claim(data.pk))
    data.refresh_from_db()
    DatasetVersion.objects.update(columns=data.columns)
    batch = BatchPrediction.objects.create(model=model, version=version, dataset_version=data)
    seen = PredictionLog.objects.create(
        id=uuid.uuid4(), model=model, version=version, at=clock.now(), milliseconds=1.0,
        row_count=1, rows=[{"x": 1}], predictions=["a"], details=[{}],
    )  # fmt: skip
    now = clock.now()
    fields = {"name": "Ops", "address": "https://example.org/hook", "least_severity": "info"}
    channel = create_channel(workspace=cast.acme, kind="webhook", fields=fields, actor=SYSTEM).channel
    alert = raise_alert(workspace_id=cast.acme.pk, kind="drift", key="k", title="The data drift.")
    drift = DriftReport.objects.create(model=model, version=version, since=now, until=now)
    gate = GateReport.objects.create(model=model, champion=version, challenger=version)
    found = Detection.objects.create(
        workspace=cast.acme, model=model, version=version, entry_id=seen.pk, place=0, occurred_at=now, predicted="a",
        score=0.5, row={"x": 1}, reason={"columns": [], "output": "", "method": "", "fault": ""},
    )  # fmt: skip
    DetectionReview.objects.create(detection=found, at=now, before="new", after="confirmed")
    hides = SuppressionRule.objects.create(model=model, conditions=[{"column": "x", "in": [1]}], reason="known")
    set_policy(model=model, settings={}, actor=SYSTEM)
    erasure = SubjectRequest.objects.create(
        workspace=cast.acme, kind="erase", subject="s-0", pseudonyms=["s-0"], certificate="{}", signature="0", counts={}
    )
    labels = LabelFile.objects.create(model=model, original_name="labels.csv", path="")
    return {
        "alerts": str(alert.pk), "channels": str(channel.pk),
        "requests": str(erasure.pk), "file": str(labels.pk),
        "drift": str(drift.pk), "gate_reports": str(gate.pk),
        "detections": str(found.pk), "suppression_rules": str(hides.pk),
        "models": str(model.pk), "workspaces": str(cast.acme.pk), "datasets": str(data.dataset_id),
        "campaigns": str(make_campaign(model, dataset_version=data).pk), "batch_predictions": str(batch.pk), "predictions": f"{seen.pk.hex}-0",
    }  # fmt: skip


@pytest.mark.parametrize("path", sorted(described()))
def test_an_answer_holds_what_its_description_says(path: str, rows: dict[str, str], cast: Cast, api):
    resource = path.split("/")[3]
    filled = path
    for nested in ("drift", "gate_reports", "suppression_rules", "requests", "file"):
        filled = filled.replace(f"/{nested}/{{id}}/", f"/{nested}/{rows[nested]}/")
    filled = re.sub(r"\{(\w*id)\}", lambda _found: rows[resource], filled)
    answer = api(cast.owner).get(filled.replace("{number}", "1").replace("{name}", "random_forest"))

    assert answer.status_code == 200, answer.content
    assert list(differences(described()[path], answer.json(), "")) == []
