"""All that is known of a subject, as one archive: rows as CSV, the rest as JSON, samples as they are."""

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db.models import Model

from apps.core import clock
from apps.core.artifacts import remove_folder, storage_guard
from apps.core.instance import private_folder
from apps.datasets.engine.erasing import rows_of
from apps.datasets.selectors import table_file
from apps.feedback.models import Feedback, FeedbackSample, SupersededLabel
from apps.feedback.selectors import sample_file
from apps.predictions.engine import table_path, write_csv
from apps.privacy.engine.places import Search, of_prediction
from apps.privacy.lifecycle import complete
from apps.privacy.models import SubjectRequest
from apps.privacy.selectors import feedback_of, samples_of, unsearched_datasets

_AT_ONCE = 500


def export(request: SubjectRequest, token: UUID, search: Search) -> None:
    """Write the archive of a claimed request; it is there whole, or not at all."""
    folder = private_folder("exports")
    beside, name = folder / f"{request.pk}-{token.hex}.part", f"{request.pk}.zip"
    try:
        with storage_guard():
            beside.mkdir(mode=0o700)
            counts = _Archive(search, beside).write(request)
            archive = beside / name
            archive.chmod(0o600)
            with archive.open("rb") as file:
                os.fsync(file.fileno())
            archive.replace(folder / name)
        until = clock.now() + timedelta(days=settings.SUBJECT_EXPORT_DAYS)
        complete(request.pk, token, counts=counts, file_path=name, expires_at=until)
    finally:
        remove_folder(beside)


def _by_id(model: type[Model], wanted: Iterable[UUID], *beside: str) -> Iterator[Any]:
    """Yield rows by their ids, in portions: a database takes only so many at once."""
    pks = sorted(wanted)
    for start in range(0, len(pks), _AT_ONCE):
        yield from model._base_manager.filter(pk__in=pks[start : start + _AT_ONCE]).order_by("pk").prefetch_related(*beside)


def _said(one: Feedback | SupersededLabel) -> dict[str, Any]:
    return {
        "correct": one.correct,
        "label": one.label,
        "given_at": one.given_at.isoformat(),
        "known_at": one.known_at.isoformat(),
    }


class _Archive:
    """An archive under way, in a folder of its own."""

    def __init__(self, search: Search, folder: Path) -> None:
        self.search, self.folder = search, folder
        self.counts = dict.fromkeys(("dataset_rows", "batch_rows", "predictions", "detections", "feedback", "samples"), 0)
        self.said: set[UUID] = set()  # verdicts and samples of the subject's predictions, whoever gave them
        self.agreed: set[UUID] = set()

    def write(self, request: SubjectRequest) -> dict[str, int]:
        """Put everything into it; return how much of what."""
        with zipfile.ZipFile(self.folder / f"{request.pk}.zip", "w", zipfile.ZIP_DEFLATED) as into:
            for version in self.search.versions():
                name = f"datasets/{version.dataset_id}-version-{version.number}.csv"
                column = version.dataset.subject_column
                self.counts["dataset_rows"] += self._table(into, name, table_file(version), column)
            for batch in self.search.batches():
                column = batch.dataset_version.dataset.subject_column
                if table_path(batch).exists():
                    name = f"batch_predictions/{batch.pk}.csv"
                    self.counts["batch_rows"] += self._table(into, name, table_path(batch), column)
            self._json(into, "predictions.json", self._predictions())
            self._json(into, "detections.json", self._detections())
            self._json(into, "feedback.json", self._feedback())
            self._samples(into)
            into.writestr("about.json", json.dumps(self._about(request), indent=1))
        return self.counts

    def _table(self, into: zipfile.ZipFile, name: str, source: Path, column: str) -> int:
        rows = 0
        wanted, text = self.folder / "rows.parquet", self.folder / "rows.csv"
        schema = pq.ParquetFile(source).schema_arrow
        with pq.ParquetWriter(wanted, schema) as writer:
            for part in rows_of(source, column, self.search.matches, self.search.hold):
                if part.num_rows:
                    writer.write_table(pa.Table.from_batches([part]))
                    rows += part.num_rows
        if rows:
            write_csv(wanted, text, self.search.hold)
            into.write(text, name)
        return rows

    def _predictions(self) -> Iterator[dict[str, Any]]:
        for entry, places in self.search.entries():
            judged = of_prediction(entry.pk, places)
            self.said.update(Feedback.objects.filter(judged).values_list("pk", flat=True))
            self.agreed.update(FeedbackSample.objects.filter(judged).values_list("pk", flat=True))
            self.counts["predictions"] += len(places)
            for place in places:
                yield {
                    "id": f"{entry.pk.hex}-{place}",
                    "model": str(entry.model_id),
                    "at": entry.at.isoformat(),
                    "row": entry.rows[place],
                    "prediction": entry.predictions[place],
                    "details": entry.details[place] if entry.details else {},
                }

    def _detections(self) -> Iterator[dict[str, Any]]:
        for one in self.search.detections():
            self.counts["detections"] += 1
            yield {
                "id": str(one.pk),
                "model": str(one.model_id),
                "at": one.occurred_at.isoformat(),
                "row": one.row,
                "score": one.score,
                "status": one.status,
                "note": one.note,
            }

    def _feedback(self) -> Iterator[dict[str, Any]]:
        self.said.update(feedback_of(self.search.workspace_id, self.search.pseudonyms).values_list("pk", flat=True))
        for one in _by_id(Feedback, self.said, "superseded"):
            self.counts["feedback"] += 1
            own = one.subject in self.search.pseudonyms
            yield {
                "prediction": one.prediction_id,
                "model": str(one.model_id),
                "said_by_the_subject": own,
                "predicted": one.predicted,
                **_said(one),
                "said_before": [_said(before) for before in one.superseded.all()],
            }

    def _samples(self, into: zipfile.ZipFile) -> None:
        self.agreed.update(one.pk for one in self.search.row_samples())
        self.agreed.update(samples_of(self.search.workspace_id, self.search.pseudonyms).values_list("pk", flat=True))
        for sample in _by_id(FeedbackSample, self.agreed):
            self.search.hold()
            if (path := sample_file(sample)).exists():
                into.write(path, f"samples/{sample.prediction_id}-{sample.path}")
                self.counts["samples"] += 1

    def _json(self, into: zipfile.ZipFile, name: str, rows: Iterator[dict[str, Any]]) -> None:
        place = self.folder / "rows.json"
        with place.open("w", encoding="utf-8") as file:
            file.write("[")
            for number, row in enumerate(rows):
                file.write((",\n" if number else "\n") + json.dumps(row, ensure_ascii=False))
            file.write("\n]\n")
        into.write(place, name)

    def _about(self, request: SubjectRequest) -> dict[str, Any]:
        return {
            "workspace": str(request.workspace_id),
            "subject": request.subject,
            "made_at": clock.now().isoformat(),
            "counts": self.counts,
            "not_searched": [str(pk) for pk in unsearched_datasets(request.workspace_id).values_list("pk", flat=True)],
        }
