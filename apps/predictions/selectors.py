"""Reads of the prediction log and of batches."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from apps.core.artifacts import safe_join
from apps.core.errors import NotFound
from apps.datasets.models import DatasetVersion
from apps.predictions.models import BatchPrediction, PredictionLog
from apps.predictions.recorder import recorder

# The files of a batch's result, by the form in which they are asked for.
RESULTS = {"csv": "predictions.csv", "semicolons": "predictions_semicolons.csv", "parquet": "predictions.parquet"}


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


def prediction(text: str, workspace_ids: list[UUID]) -> dict[str, Any]:
    """Return one prediction by its id.

    What this process answered is found at once: it leaves its memory only when it is in the database, hence this order.
    What another process answered is found when that process has written it, as a rule within a quarter of a second.
    """
    log_id, place = split_prediction_id(text)
    entry = recorder.find(log_id) or PredictionLog.objects.select_related("model", "version").filter(pk=log_id).first()
    if entry is None or entry.model.workspace_id not in workspace_ids or not 0 <= place < entry.row_count:
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


def unfinished_batches(workspace_id: UUID) -> int:
    """Return how many batches of a workspace wait or run."""
    unfinished = (BatchPrediction.Status.PENDING, BatchPrediction.Status.RUNNING)
    return int(BatchPrediction.objects.filter(model__workspace_id=workspace_id, status__in=unfinished).count())


def waiting_batches(*, before: datetime | None = None) -> QuerySet[BatchPrediction, UUID]:
    """Return the ids of the batches that wait, those made first coming first."""
    waiting = BatchPrediction.objects.filter(status=BatchPrediction.Status.PENDING)
    if before is not None:
        waiting = waiting.filter(created_at__lt=before)
    return waiting.order_by("created_at", "id").values_list("pk", flat=True)


def results_folder() -> Path:
    """Return the folder that holds a folder a batch, and beside them those at work."""
    return Path(settings.DATASETS_DIR) / "predictions"
