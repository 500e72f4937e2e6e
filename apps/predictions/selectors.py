"""Reads of the prediction log and of batches."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Sum

from apps.core.artifacts import safe_join
from apps.core.errors import NotFound
from apps.datasets.models import DatasetVersion
from apps.predictions.models import BatchPrediction, PredictionLog, TrafficSplit
from apps.predictions.recorder import recorder

# The files of a batch's result, by the form in which they are asked for.
RESULTS = {"csv": "predictions.csv", "semicolons": "predictions_semicolons.csv", "parquet": "predictions.parquet"}
_PATIENCE = (0.1, 0.2, 0.4)  # seconds: what another process answered is written within a quarter of a second, as a rule


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """How many requests, with how many rows, a version answered; `passed_on` says why the challenger left them to it, if it did."""

    version_id: UUID
    passed_on: str
    requests: int
    rows: int


def wants_semicolons(data: DatasetVersion) -> bool:
    """Say whether a result is written with `;` and decimal commas too: for those who sent a data set with `;`."""
    return bool(data.reading.get("separator") == ";")


def result_file(batch: BatchPrediction, form: str) -> Path | None:
    """Return the file of a result in one of `RESULTS`, None where there is none."""
    if not batch.result_path:
        return None
    path = safe_join(Path(settings.DATASETS_DIR), batch.result_path).with_name(RESULTS[form])
    return path if path.exists() else None


def split_prediction_id(text: str) -> tuple[UUID, int]:
    """Return the log entry's id and the row's place of a prediction id, or raise `NotFound`."""
    entry, _, place = text.partition("-")
    try:
        return UUID(hex=entry), int(place or 0)
    except ValueError:
        raise NotFound from None


def place_of(text: str) -> int:
    """Return the row's place of a prediction id, or raise `NotFound`."""
    return split_prediction_id(text)[1]


def entries_of(model_id: UUID, texts: Iterable[str], *, patient: bool = False) -> dict[str, PredictionLog]:
    """Return by prediction id the log entry that holds it, without its rows; ids of which a model has none are left out.

    With `patient`, those that another process may be about to write are waited for.
    """
    wanted = dict(_readable(texts))
    found: dict[UUID, PredictionLog] = {}
    for pause in (*_PATIENCE, 0.0) if patient else (0.0,):
        missing = {entry for entry, _ in wanted.values()} - found.keys()
        found |= {entry: waiting for entry in missing if (waiting := recorder.find(entry)) is not None}
        written = PredictionLog.objects.select_related("version").defer("rows", "details").filter(model_id=model_id)
        found |= written.in_bulk(missing - found.keys())
        if len(found) == len({entry for entry, _ in wanted.values()}):
            break
        time.sleep(pause)
    return {
        text: found[entry]
        for text, (entry, place) in wanted.items()
        if entry in found
        and found[entry].model_id == model_id
        and 0 <= place < found[entry].row_count
        and found[entry].predictions[place] is not None  # it was erased
    }


def unwritten(ids: Iterable[UUID]) -> set[UUID]:
    """Return which entries this process holds in memory still; they leave it once they are in the database, which is asked after."""
    return {entry for entry in ids if recorder.find(entry) is not None}


def _readable(texts: Iterable[str]) -> Iterator[tuple[str, tuple[UUID, int]]]:
    for text in texts:
        with contextlib.suppress(NotFound):
            yield text, split_prediction_id(text)


def prediction(text: str, workspace_ids: list[UUID]) -> dict[str, Any]:
    """Return one prediction by its id.

    What this process answered is found at once: it leaves its memory only when it is in the database, hence this order.
    What another process answered is found when that process has written it, as a rule within a quarter of a second.
    """
    log_id, place = split_prediction_id(text)
    entry = recorder.find(log_id) or PredictionLog.objects.select_related("model", "version").filter(pk=log_id).first()
    if entry is None or entry.model.workspace_id not in workspace_ids or not 0 <= place < entry.row_count:
        raise NotFound
    if entry.rows[place] is None:  # it was erased
        raise NotFound
    return {
        "id": f"{entry.pk.hex}-{place}",
        "model": entry.model_id,
        "version": entry.version.number,
        "at": entry.at,
        "row": entry.rows[place],
        "prediction": entry.predictions[place],
        "details": entry.details[place] if entry.details else {},
    }


def count_answered(model_id: UUID, *, since: datetime, logged: tuple[datetime, datetime]) -> list[AnsweredBy]:
    """Count what was asked of a model since a time and was written between two others, by who answered and why it had to."""
    log = PredictionLog.objects.filter(
        model_id=model_id, at__gte=since, logged_at__gte=logged[0], logged_at__lt=logged[1]
    ).order_by()
    counted = log.values_list("version_id", "passed_on").annotate(requests=Count("pk"), rows=Sum("row_count"))
    return [AnsweredBy(*row) for row in counted]


def unfinished_batches(workspace_id: UUID) -> int:
    """Return how many batches of a workspace wait or run."""
    unfinished = (BatchPrediction.Status.PENDING, BatchPrediction.Status.RUNNING)
    return int(BatchPrediction.objects.filter(model__workspace_id=workspace_id, status__in=unfinished).count())


def versions_of_open_batches(model_id: UUID) -> list[UUID]:
    """Return the versions of a model that batches wait for or run with."""
    unfinished = (BatchPrediction.Status.PENDING, BatchPrediction.Status.RUNNING)
    batches = BatchPrediction.objects.filter(model_id=model_id, status__in=unfinished)
    return list(batches.values_list("version_id", flat=True))


def versions_that_share_traffic(model_id: UUID) -> list[UUID]:
    """Return the versions of a model that are compared on live requests."""
    return list(
        TrafficSplit.objects.filter(model_id=model_id, ended_at__isnull=True).values_list("challenger_id", flat=True)
    )


def results_folder() -> Path:
    """Return the folder that holds a folder a batch, and beside them those at work."""
    return Path(settings.DATASETS_DIR) / "predictions"
