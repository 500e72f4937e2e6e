"""Where rows of a subject may be, and how many there are in each place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.datasets.engine.erasing import count_rows
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import table_file
from apps.detections.models import Detection
from apps.feedback.models import Feedback, FeedbackSample
from apps.feedback.selectors import ROW_MEDIA_TYPE, sampled_row
from apps.predictions.engine import table_path
from apps.predictions.erasing import entries_for_subject, entries_of_subject, places_of_subject
from apps.predictions.models import BatchPrediction, PredictionLog
from apps.privacy.models import SubjectRequest
from apps.privacy.selectors import (
    batches_with_subjects,
    exports_of,
    feedback_of,
    samples_of,
    subject_columns,
    unsearched_datasets,
    versions_with_subjects,
)
from apps.workspaces.subjects import matcher

_AT_ONCE = 500


class Busy(Exception):
    """Something else must end first; says what."""


@dataclass(frozen=True)
class Search:
    """Whom to look for, in which workspace; `hold` renews the lease as it goes."""

    workspace_id: UUID
    pseudonyms: list[str]
    matches: Callable[[Any], bool]
    hold: Callable[[], None]

    @classmethod
    def of(cls, request: SubjectRequest, hold: Callable[[], None]) -> "Search":
        """Return the search that a request asks for."""
        matches = matcher(request.workspace_id, request.pseudonyms)
        return cls(request.workspace_id, list(request.pseudonyms), matches, hold)

    def versions(self) -> list[DatasetVersion]:
        """Return the data set versions to look at; wait for one that is being checked."""
        found = list(versions_with_subjects(self.workspace_id))
        for version in found:
            if version.status == DatasetVersion.Status.CHECKING:
                raise Busy(f"Version {version.number} of {version.dataset.name!r} is still being checked.")
        return [version for version in found if version.status == DatasetVersion.Status.READY]

    def refused(self) -> list[DatasetVersion]:
        """Return the refused uploads of these data sets, whose rows nobody can tell apart."""
        refused = versions_with_subjects(self.workspace_id).filter(status=DatasetVersion.Status.REFUSED)
        return list(refused.exclude(upload_path=""))

    def batches(self) -> list[BatchPrediction]:
        """Return the results to look at; wait for one that is being written."""
        found = batches_with_subjects(self.workspace_id)
        if found.filter(status=BatchPrediction.Status.RUNNING).exists():
            raise Busy("A batch over such a data set is still being scored.")
        return list(found.exclude(result_path=""))

    def entries(self) -> Iterator[tuple[PredictionLog, list[int]]]:
        """Yield the log entries that hold rows of the subject, or are of requests for it, with their places."""
        yield from entries_for_subject(self.workspace_id, self.pseudonyms, self.hold)
        for model_id, columns in subject_columns(self.workspace_id).items():
            for entry, places in entries_of_subject(model_id, columns, self.matches, self.hold):
                if entry.subject not in self.pseudonyms:
                    yield entry, places

    def detections(self) -> Iterator[Detection]:
        """Yield the detections whose row or request names the subject, also those whose prediction has left the log."""
        named = Detection.objects.filter(workspace_id=self.workspace_id, subject__in=self.pseudonyms)
        yield from named.order_by("pk").iterator(chunk_size=_AT_ONCE)
        for model_id, columns in subject_columns(self.workspace_id).items():
            found = Detection.objects.filter(model_id=model_id).exclude(subject__in=self.pseudonyms).order_by("pk")
            for at, one in enumerate(found.iterator(chunk_size=_AT_ONCE)):
                if at % _AT_ONCE == 0:
                    self.hold()
                if places_of_subject([one.row], columns, self.matches):
                    yield one

    def row_samples(self) -> Iterator[FeedbackSample]:
        """Yield the kept rows that name the subject, whoever kept them, also those whose prediction has left the log."""
        for model_id, columns in subject_columns(self.workspace_id).items():
            found = FeedbackSample.objects.filter(model_id=model_id, media_type=ROW_MEDIA_TYPE).order_by("pk")
            for at, one in enumerate(found.iterator(chunk_size=_AT_ONCE)):
                if at % _AT_ONCE == 0:
                    self.hold()
                if places_of_subject([sampled_row(one)], columns, self.matches):
                    yield one

    def rows_in(self, version: DatasetVersion) -> int:
        """Count the subject's rows in a version."""
        return count_rows(table_file(version), version.dataset.subject_column, self.matches, self.hold)

    def rows_of_batch(self, batch: BatchPrediction) -> int:
        """Count the subject's rows in a batch's result."""
        path = table_path(batch)
        if not path.exists():
            return 0
        return count_rows(path, batch.dataset_version.dataset.subject_column, self.matches, self.hold)


def of_prediction(entry_id: UUID, places: list[int]) -> Q:
    """Return what keeps the verdicts and samples of these predictions."""
    return Q(entry_id=entry_id, place__in=places)


def count(search: Search) -> dict[str, int]:
    """Return how many rows of a subject there are, by place."""
    found = dict.fromkeys(("dataset_rows", "dataset_versions", "batch_rows", "predictions"), 0)
    for version in search.versions():
        rows = search.rows_in(version)
        found["dataset_rows"] += rows
        found["dataset_versions"] += bool(rows)
    for batch in search.batches():
        found["batch_rows"] += search.rows_of_batch(batch)
    said, agreed = feedback_of(search.workspace_id, search.pseudonyms), samples_of(search.workspace_id, search.pseudonyms)
    found["feedback"] = said.count()
    samples = {*agreed.values_list("pk", flat=True), *(one.pk for one in search.row_samples())}
    for entry, places in search.entries():
        found["predictions"] += len(places)
        judged = of_prediction(entry.pk, places)
        found["feedback"] += Feedback.objects.filter(judged).exclude(subject__in=search.pseudonyms).count()
        samples.update(FeedbackSample.objects.filter(judged).values_list("pk", flat=True))
    found["samples"] = len(samples)
    found["detections"] = sum(1 for _ in search.detections())
    found["exports"] = exports_of(search.workspace_id, search.pseudonyms).count()
    found["refused_uploads"] = len(search.refused())
    found["unsearched_datasets"] = unsearched_datasets(search.workspace_id).count()
    return found
