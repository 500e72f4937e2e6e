"""Batches: one run at a time writes one result, whole or not at all, whatever dies in between."""

import csv
import io
import os
import subprocess
import sys
import textwrap
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.urls import reverse

from apps.algorithms.results import Answers
from apps.core import clock
from apps.core.instance import adopt
from apps.core.leases import Leases
from apps.datasets import lifecycle as datasets_lifecycle
from apps.datasets.actions import register_upload
from apps.datasets.engine import check
from apps.datasets.models import DatasetVersion
from apps.predictions import actions, engine, lifecycle, tasks
from apps.predictions.models import BatchPrediction
from apps.registry.models import ModelVersion
from apps.registry.selectors import version_folder
from apps.workspaces.access import SYSTEM
from tests.journeys.tables import as_csv

FORMULA = "=HYPERLINK(0)"


def url(model: Any) -> str:
    return reverse("model-batch", args=[model.pk])


@pytest.fixture
def places(settings: Any, tmp_path: Path) -> Path:
    settings.DATASETS_DIR = tmp_path / "datasets"
    return settings.DATASETS_DIR


def table_of(workspace: Any, rows: list[dict[str, Any]]) -> DatasetVersion:
    """Upload rows as CSV and have them read, as a worker does."""
    return read(workspace, as_csv(rows))


def read(workspace: Any, content: bytes) -> DatasetVersion:
    """Upload a file and have it read."""
    upload = SimpleUploadedFile("rows.csv", content, content_type="text/csv")
    version = register_upload(workspace=workspace, dataset=None, name="rows", upload=upload, actor=SYSTEM)
    token = datasets_lifecycle.claim(version.pk)
    assert token is not None
    check(version.pk, token)
    version.refresh_from_db()
    assert version.status == "ready", version.problems
    return version


@pytest.fixture
def data(trained, cast, places) -> DatasetVersion:
    """Return the trained model's rows as a data set; the first has a category that looks like a formula."""
    _model, rows = trained
    return table_of(cast.acme, [{**rows[0], "few": FORMULA}, *rows[1:]])


@pytest.fixture
def batch(trained, data) -> BatchPrediction:
    return actions.start_batch(model=trained[0], dataset_version=data, actor=SYSTEM)


def run(batch: BatchPrediction) -> BatchPrediction:
    token = lifecycle.claim(batch.pk)
    assert token is not None
    engine.score(batch.pk, token)
    batch.refresh_from_db()
    return batch


def results(places: Path) -> list[str]:
    return sorted(path.relative_to(places / "predictions").as_posix() for path in (places / "predictions").rglob("*.*"))


def test_one_batch_runs_at_a_time_and_the_next_is_sent_when_it_ends(trained, data, batch, monkeypatch):
    second = actions.start_batch(model=trained[0], dataset_version=data, actor=SYSTEM)
    sent: list[uuid.UUID] = []
    monkeypatch.setattr(actions, "send_batch", sent.append)
    token = lifecycle.claim(batch.pk)
    assert token is not None

    tasks.run_batch(str(second.pk))
    second.refresh_from_db()
    assert (second.status, sent) == ("pending", [])

    BatchPrediction.objects.filter(pk=batch.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    lifecycle.take_back_expired()
    tasks.run_batch(str(second.pk))
    second.refresh_from_db()
    assert (second.status, sent) == ("completed", [batch.pk])


def lose(batch_id: uuid.UUID) -> None:
    """Have another run take the batch, as after an expired lease."""
    BatchPrediction.objects.filter(pk=batch_id).update(lease_until=clock.now() - timedelta(seconds=1))
    lifecycle.take_back_expired()
    assert lifecycle.claim(batch_id) is not None


def test_a_batch_answers_as_single_predictions_do(trained, data, batch, cast, api):
    model, rows = trained

    done = run(batch)

    assert (done.status, done.rows, done.token) == ("completed", 30, None)
    wanted = actions.predict(model_id=model.pk, rows=[{**rows[0], "few": FORMULA}, *rows[1:]], actor=SYSTEM)
    table = pq.read_table(Path(settings.DATASETS_DIR) / done.result_path).to_pylist()
    assert [row["prediction"] for row in table] == wanted.predictions
    for row, detail in zip(table, wanted.details, strict=True):
        for label, chance in detail["probabilities"].items():
            assert row[f"probability of {label}"] == pytest.approx(chance, abs=1e-12)
    assert "few" in table[0]["warnings"]
    answer = api(cast.viewer).get(reverse("batch-download", args=[done.pk]))
    lines = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [line["prediction"] for line in lines] == wanted.predictions
    assert lines[0]["few"] == f"'{FORMULA}"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_text_of_a_csv_is_a_formula(start, tmp_path):
    risky = f"{start}1+1"
    table = pa.table({"plain": ["a=b", None], risky: [risky, "-"], "number": [-1.5, 2.0]})
    pq.write_table(table, tmp_path / "t.parquet")

    engine.write_csv(tmp_path / "t.parquet", tmp_path / "t.csv", lambda: None)

    head, first, second = list(csv.reader((tmp_path / "t.csv").open(newline="")))
    assert head == ["plain", f"'{risky}", "number"]
    assert first == ["a=b", f"'{risky}", "-1.5"]
    assert second == ["", "'-", "2"]

    engine.write_csv(tmp_path / "t.parquet", tmp_path / "s.csv", lambda: None, semicolons=True)

    again = list(csv.reader((tmp_path / "s.csv").open(newline="", encoding="utf-8-sig"), delimiter=";"))
    assert again == [head, ["a=b", f"'{risky}", "-1,5"], second]


def test_columns_that_are_named_like_answers_keep_their_place():
    part = pa.RecordBatch.from_pydict({"prediction": ["mine"], "prediction (model)": ["too"]})

    table = engine._with_answers(part, Answers(["theirs"], [{}]))

    assert table.column_names == ["prediction", "prediction (model)", "prediction (model) (model)", "warnings"]


def test_a_batch_is_claimed_once(batch):
    assert lifecycle.claim(batch.pk) is not None
    assert lifecycle.claim(batch.pk) is None
    tasks.run_batch(str(batch.pk))

    batch.refresh_from_db()
    assert (batch.status, batch.attempt) == ("running", 1)


@pytest.mark.parametrize("step", ["_write_parquet", "write_csv", "seal_folder"])
def test_a_run_that_lost_its_lease_moves_and_leaves_nothing(step, batch, places, monkeypatch):
    token = lifecycle.claim(batch.pk)
    real = getattr(engine, step)

    def lose_and_go_on(*args: Any, **kwargs: Any) -> Any:
        lose(batch.pk)
        return real(*args, **kwargs)

    monkeypatch.setattr(engine, step, lose_and_go_on)
    engine.score(batch.pk, token)

    batch.refresh_from_db()
    assert (batch.status, batch.attempt, batch.result_path) == ("running", 2, "")
    assert results(places) == []


def test_the_lease_is_renewed_with_every_portion_of_the_table_and_of_the_csv(batch, monkeypatch):
    held: list[int] = []
    renew = Leases.renew

    def count(*args: Any) -> bool:
        held.append(1)
        return renew(*args)

    monkeypatch.setattr(engine, "_ROWS_AT_ONCE", 10)
    monkeypatch.setattr(Leases, "renew", count)
    done = run(batch)

    assert (done.status, done.rows, len(held)) == ("completed", 30, 6)


def test_data_that_lacks_a_column_or_holds_other_values_in_it_is_refused_at_once(trained, cast, places, api):
    model, rows = trained
    lacking = table_of(cast.acme, [{name: value for name, value in row.items() if name != "few"} for row in rows])
    other = table_of(cast.acme, [{**row, "x0": f"about {i % 3}", "few": i} for i, row in enumerate(rows)])
    empty = table_of(cast.acme, [{**row, "x0": None} for row in rows])

    refused = [api(cast.viewer).post(url(model), {"dataset": str(version.dataset_id)}) for version in (lacking, other)]

    assert [answer.status_code for answer in refused] == [422, 422]
    assert refused[0].json()["detail"] == "The data set has no column 'few', which the model needs."
    said = {problem["detail"] for problem in refused[1].json()["errors"]}
    assert said == {
        "The column 'x0' holds texts; the model learned from numbers.",
        "The column 'few' holds numbers; the model learned from texts.",
    }
    assert not BatchPrediction.objects.exists()
    assert run(actions.start_batch(model=model, dataset_version=empty, actor=SYSTEM)).status == "completed"


def test_a_damaged_file_ends_in_words(trained, cast, places):
    model, rows = trained
    (version_folder(ModelVersion.objects.get()) / "predictor" / "nodes.npy").unlink()
    failed = run(actions.start_batch(model=model, dataset_version=table_of(cast.acme, rows), actor=SYSTEM))
    assert failed.status == "failed"
    assert "nodes.npy" in failed.error
    assert results(places) == []


def test_a_date_column_that_came_as_text_is_read_as_the_api_reads_it(trained, cast, places):
    model, rows = trained
    odd = [{**row, "day": f"{row['day']} at noon" if i == 0 else row["day"]} for i, row in enumerate(rows)]

    done = run(actions.start_batch(model=model, dataset_version=table_of(cast.acme, odd), actor=SYSTEM))

    assert done.status == "failed"
    assert "day" in done.error
    assert "AttributeError" not in done.error


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_at_the_end_gives_the_batch_back(batch, places, monkeypatch):
    complete = lifecycle.complete

    def complete_and_lose(*args: Any, **facts: Any) -> bool:
        complete(*args, **facts)
        raise OperationalError

    monkeypatch.setattr(lifecycle, "complete", complete_and_lose)
    with pytest.raises(OperationalError):
        run(batch)
    batch.refresh_from_db()
    assert (batch.status, batch.result_path, results(places)) == ("running", "", [])

    monkeypatch.setattr(lifecycle, "complete", complete)
    BatchPrediction.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    lifecycle.take_back_expired()

    assert run(batch).status == "completed"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["seal_folder", "publish_folder"])
def test_a_killed_run_is_scored_again_and_what_it_left_is_swept(step, batch, places):
    before = "" if step == "seal_folder" else "real(*args)"
    text = f"""
        import os, signal
        import django
        from django.conf import settings
        settings.DATABASES["default"]["NAME"] = {connection.settings_dict["NAME"]!r}
        settings.ML_MODELS_DIR = {str(settings.ML_MODELS_DIR)!r}
        settings.DATASETS_DIR = {str(places)!r}
        django.setup()
        from apps.predictions import engine, tasks
        real = engine.{step}
        def die(*args):
            {before}
            os.kill(os.getpid(), signal.SIGKILL)
        engine.{step} = die
        tasks.run_batch("{batch.pk}")
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(text)], check=False, env=dict(os.environ), timeout=120)
    assert killed.returncode == -9
    left = next(path for path in (places / "predictions").iterdir())
    assert (left.suffix == ".part") == (step == "seal_folder")

    BatchPrediction.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    lifecycle.take_back_expired()
    done = run(batch)

    assert (done.status, done.attempt) == ("completed", 2)
    adopt(places)
    old = time.time() - 2 * 24 * 3600
    for path in (places / "predictions").iterdir():
        os.utime(path, (old, old))
    actions.sweep_results()
    assert results(places) == [f"{batch.pk}/{name}" for name in ("predictions.csv", "predictions.parquet")]


def test_the_sweep_takes_what_is_old_and_unnamed_and_nothing_else(batch, places):
    run(batch)
    folder = places / "predictions"
    earlier = BatchPrediction.objects.create(
        model=batch.model, version=batch.version, dataset_version=batch.dataset_version, status="completed"
    )
    BatchPrediction.objects.filter(pk=earlier.pk).update(result_path=f"predictions/{earlier.pk}.parquet")
    for name in (f"{earlier.pk}.parquet", f"{earlier.pk}.csv", f"{uuid.uuid4()}-dead.part", f"{uuid.uuid4()}-dead.csv"):
        (folder / name).write_text("x")
    (folder / "orphan").mkdir()
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    (folder / "fresh.part").mkdir()

    assert actions.sweep_results() == []  # not our store
    adopt(places)
    removed = actions.sweep_results()

    assert len(removed) == 3
    kept = {path.name for path in folder.iterdir()}
    assert kept == {str(batch.pk), f"{earlier.pk}.parquet", f"{earlier.pk}.csv", "fresh.part"}


def test_a_workspace_has_few_batches_at_once(trained, data, cast, api, settings):
    settings.BATCH_MAX_UNFINISHED = 2
    model, _rows = trained
    client, address = api(cast.owner), reverse("model-batch", args=[model.pk])
    body = {"dataset": str(data.dataset_id)}
    first = client.post(address, body)
    assert [first.status_code, client.post(address, body).status_code] == [202, 202]

    answer = client.post(address, body)
    run(BatchPrediction.objects.get(pk=first.json()["id"]))

    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert client.post(address, body).status_code == 202


def test_a_data_set_with_semicolons_gets_its_result_so_too(trained, cast, places, api):
    _model, rows = trained
    text = as_csv([{**row, "few": f"é {row['few']}"} for row in rows]).decode().replace(",", ";").replace(".", ",")
    version = read(cast.acme, text.encode("cp1252"))
    done = run(actions.start_batch(model=trained[0], dataset_version=version, actor=SYSTEM))

    def lines(form: str, separator: str) -> list[dict[str, str]]:
        answer = api(cast.viewer).get(reverse("batch-download", args=[done.pk]), {"form": form})
        assert answer["Content-Type"].startswith("text/csv")
        content = b"".join(answer.streaming_content).decode("utf-8")
        assert content.startswith("\ufeff") == (form == "semicolons")
        return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff")), delimiter=separator))

    semicolons, plain = lines("semicolons", ";"), lines("csv", ",")
    assert len(semicolons) == len(rows)
    chance = next(name for name in plain[0] if name.startswith("probability"))
    assert [line[chance].replace(",", ".") for line in semicolons] == [line[chance] for line in plain]
    assert "," in semicolons[0][chance]
    assert [line["few"] for line in semicolons] == [line["few"] for line in plain]


def test_a_data_set_with_commas_has_no_result_with_semicolons(trained, batch, cast, api):
    answer = api(cast.viewer).get(reverse("batch-download", args=[run(batch).pk]), {"form": "semicolons"})

    assert answer.status_code == 404
    assert "not written with semicolons" in answer.json()["detail"]
