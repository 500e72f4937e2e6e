"""A workspace in which one person has left traces wherever data are kept."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings as django_settings
from django.db import connection

from apps.datasets.actions import declare_subject
from apps.datasets.models import DatasetVersion
from apps.predictions import actions as predictions
from apps.predictions import engine as batches
from apps.predictions import lifecycle as batch_runs
from apps.predictions.models import BatchPrediction
from apps.privacy import engine
from apps.privacy.lifecycle import claim
from apps.privacy.models import SubjectRequest
from apps.registry.actions import create_model
from apps.registry.models import RegisteredModel
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import checked, places, prediction_log, train, upload  # noqa: F401  (fixtures)

PERSON, NOTE = "zq-person-4711", "zq-private-note"
_ROWS = 240


def rows_of_people(*, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows of 60 people, four each; those of one of them carry a note of their own."""
    made = []
    for number in range(_ROWS):
        who = (number + seed) % 60
        person = PERSON if who == 7 else f"person-{who:02}"
        note = f"{NOTE}-{number}" if who == 7 else f"plain note {number}"
        amount = (number * 37 + seed) % 500
        made.append({"customer": person, "note": note, "amount": amount, "late": "yes" if amount > 250 else "no"})
    return made


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    return "\n".join(lines).encode()


def asked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as a client posts them: without the target and the note, with whose they are."""
    return [{"amount": row["amount"], "customer": row["customer"]} for row in rows]


@dataclass
class Traces:
    """What there is of the workspace."""

    workspace: Any
    version: DatasetVersion
    model: RegisteredModel
    batch: BatchPrediction
    answered: list[str]


@pytest.fixture
def traces(cast, settings, prediction_log) -> Traces:  # noqa: F811
    settings.UPLOAD_WAIT_SECONDS = 0.0
    version = upload(cast.acme, as_csv(rows_of_people()), name="Customers")
    declare_subject(dataset=version.dataset, column="customer", actor=SYSTEM)
    version = DatasetVersion.objects.select_related("dataset").get(pk=version.pk)
    model = create_model(
        workspace=cast.acme, actor=SYSTEM, name="Late", algorithm="random_forest", task="classification", target="late",
        parameters={"n_estimators": 10, "max_depth": 3},
    )  # fmt: skip
    campaign = train(model, version)
    assert campaign.status == "completed", campaign.error
    done = predictions.predict(model_id=model.pk, rows=asked(rows_of_people()[:60]), actor=SYSTEM)
    predictions.predict(
        model_id=model.pk, rows=asked([row for row in rows_of_people() if row["customer"] == PERSON]), actor=SYSTEM
    )
    prediction_log.flush()
    batch = predictions.start_batch(model=model, dataset_version=version, actor=SYSTEM)
    token = batch_runs.claim(batch.pk)
    assert token is not None
    batches.score(batch.pk, token)
    batch.refresh_from_db()
    assert batch.status == "completed", batch.error
    return Traces(cast.acme, version, model, batch, done.prediction_ids)


def work(found: SubjectRequest) -> SubjectRequest:
    """Do what was asked for, as a worker does."""
    token = claim(found.pk)
    assert token is not None
    engine.work(found.pk, token)
    found.refresh_from_db()
    return found


def found_in(*needles: str) -> dict[str, list[str]]:
    """Look for texts in every table and in every file, whatever packs them; return where they are, by needle."""
    hits: dict[str, list[str]] = {needle: [] for needle in needles}
    for place, text in [
        *_tables(),
        *_files(Path(django_settings.DATASETS_DIR)),
        *_files(Path(django_settings.ML_MODELS_DIR)),
    ]:
        for needle in needles:
            if needle.encode() in text:
                hits[needle].append(place)
    return hits


def _tables() -> list[tuple[str, bytes]]:
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  (a table's own name)
            found.append((table, repr(cursor.fetchall()).encode()))
    return found


def _files(folder: Path) -> list[tuple[str, bytes]]:
    return [
        (path.relative_to(folder).as_posix(), path.name.encode() + _unpacked(path.read_bytes()))
        for path in folder.rglob("*")
        if path.is_file()
    ]


def _unpacked(content: bytes) -> bytes:
    if content[:4] == b"PAR1":
        table = pq.read_table(pa.BufferReader(content))
        return json.dumps(table.to_pylist(), default=str).encode() + str(table.schema).encode()
    if is_zipfile(BytesIO(content)):
        with ZipFile(BytesIO(content)) as archive:
            return b"".join(_unpacked(archive.read(name)) for name in archive.namelist())
    return content
