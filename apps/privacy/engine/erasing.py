"""One erasure, from place to place. Each step can be done again: killed at any moment, the next run goes on where it was.

What is removed and what is said of it commit together; files that no row names any more are written down in that
transaction and destroyed after it, so that a kill in between leaves them to the next run. At the end every place is looked
at once more: what came meanwhile (a log entry written late) is erased too, and the certificate says that nothing was found.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.core import clock
from apps.core.artifacts import remove_folder, safe_join
from apps.core.models import Instance
from apps.datasets.engine.erasing import destroy_file, destroy_unread, erase_rows, of_subject
from apps.datasets.models import Erasure
from apps.datasets.supervision import sweep_files
from apps.detections.models import Detection
from apps.feedback.learning import models_of_erased_labels, note_erased_labels
from apps.feedback.models import Feedback, FeedbackSample, LabelFile
from apps.predictions.engine import write_result_without
from apps.predictions.erasing import hold_entries, take_out
from apps.predictions.models import BatchPrediction
from apps.privacy import certificate
from apps.privacy.engine.places import Busy, Search, count, of_prediction
from apps.privacy.lifecycle import complete, note
from apps.privacy.models import SubjectRequest
from apps.privacy.selectors import exports_of, feedback_of, samples_of, unsearched_datasets
from apps.registry.models import ModelVersion
from apps.registry.selectors import learned_and_erased
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import forget_answers, record_audit

_ROUNDS = 3
_AT_ONCE = 500
_REMAINS_SECONDS = 3_600  # a file that no row names and that is older than this belongs to no upload under way
_ERASABLE = ("dataset_rows", "batch_rows", "predictions", "detections", "feedback", "samples", "exports", "refused_uploads")
_NOT_REACHED = (
    "Backups made before this time still hold the rows: after restoring one, erase again.",
    "Models that learned from the rows cannot unlearn them: they are marked, and are to be trained again.",
    "The bytes of files were removed from the file system; what a disk keeps of removed files is not overwritten.",
)


class Erasing:
    """One run of an erasure."""

    def __init__(self, request: SubjectRequest, token: UUID, hold: Callable[[], None]) -> None:
        self.request, self.token = request, token
        self.search = Search.of(request, hold)

    def run(self) -> None:
        """Erase, look again, sign, end."""
        self._destroy()
        for _ in range(_ROUNDS):
            self._datasets()
            self._batches()
            self._log()
            self._detections()
            self._said()
            self._exports()
            self._note(counts={"answers": forget_answers(self.request.workspace_id)})
            left = count(self.search)
            if not any(left[name] for name in _ERASABLE):
                sweep_files(grace=_REMAINS_SECONDS)
                self._sign()
                return
        raise Busy("Rows of this subject still come in. Stop what sends them.")

    def _note(self, **told: Any) -> None:
        with transaction.atomic():
            note(self.request.pk, self.token, **told)

    def _destroy(self) -> None:
        """Destroy the files that no row names any more, also those that a run before this one left."""
        root = Path(settings.DATASETS_DIR)
        for path in SubjectRequest.objects.values_list("to_destroy", flat=True).get(pk=self.request.pk):
            place = safe_join(root, path)
            if place.is_dir():
                remove_folder(place)
            elif path.startswith("private/"):
                place.unlink(missing_ok=True)
            else:
                destroy_file(path)
        with transaction.atomic():
            note(self.request.pk, self.token)
            SubjectRequest.objects.filter(pk=self.request.pk).update(to_destroy=[])

    def _datasets(self) -> None:
        for version in self.search.versions():
            erase_rows(
                version,
                request_id=self.request.pk,
                matches=self.search.matches,
                hold=self.search.hold,
                destroy=lambda paths: note(self.request.pk, self.token, destroy=paths),
            )
            self._destroy()
        for version in self.search.refused():
            destroy_unread(version, destroy=self._unread)
            self._destroy()

    def _unread(self, paths: list[str]) -> None:
        note(self.request.pk, self.token, counts={"refused_uploads": 1}, destroy=paths)

    def _batches(self) -> None:
        for batch in self.search.batches():
            if rows := self.search.rows_of_batch(batch):
                self._batch(batch, rows)
                self._destroy()

    def _batch(self, batch: BatchPrediction, rows: int) -> None:
        column, matches = batch.dataset_version.dataset.subject_column, self.search.matches

        def others(part: Any) -> Any:
            import pyarrow.compute as pc

            return pc.invert(of_subject(part.column(column), matches))

        path, left = write_result_without(batch, others, self.search.hold)
        with transaction.atomic():
            same = BatchPrediction.objects.filter(pk=batch.pk, result_path=batch.result_path)
            if same.update(result_path=path, rows=left):
                old = Path(batch.result_path).parent.as_posix()
                note(self.request.pk, self.token, counts={"batch_rows": rows, "batches": 1}, destroy=[old])

    def _log(self) -> None:
        for entry, places in self.search.entries():
            with transaction.atomic():
                note(self.request.pk, self.token)
                hold_entries([entry.pk])  # what is said of it now is taken out below, what comes later finds no prediction
                judged = of_prediction(entry.pk, places)
                self._remove(Feedback.objects.filter(judged), FeedbackSample.objects.filter(judged))
                note(self.request.pk, self.token, counts={"predictions": take_out(entry.pk, places)})

    def _detections(self) -> None:
        found = [one.pk for one in self.search.detections()]
        for at in range(0, len(found), _AT_ONCE):
            with transaction.atomic():
                gone = Detection.objects.filter(pk__in=found[at : at + _AT_ONCE]).delete()[1].get(Detection._meta.label, 0)
                note(self.request.pk, self.token, counts={"detections": gone})

    def _said(self) -> None:
        unread = LabelFile.objects.filter(model__workspace_id=self.request.workspace_id)
        if unread.filter(status__in=(LabelFile.Status.PENDING, LabelFile.Status.RUNNING)).exists():
            raise Busy("A file of labels is still being read.")
        names = self.search.pseudonyms
        while True:
            said = feedback_of(self.request.workspace_id, names).order_by("pk")[:_AT_ONCE]
            agreed = samples_of(self.request.workspace_id, names).order_by("pk")[:_AT_ONCE]
            with transaction.atomic():
                note(self.request.pk, self.token)
                if not self._remove(said, agreed):
                    break
        kept = [one.pk for one in self.search.row_samples()]
        for at in range(0, len(kept), _AT_ONCE):
            with transaction.atomic():
                note(self.request.pk, self.token)
                self._remove(Feedback.objects.none(), FeedbackSample.objects.filter(pk__in=kept[at : at + _AT_ONCE]))
        self._destroy()

    def _remove(self, said: QuerySet[Feedback], agreed: QuerySet[FeedbackSample]) -> int:
        """Remove verdicts and samples in the caller's transaction; the samples' files are destroyed after it."""
        verdicts = list(said.values_list("pk", flat=True))
        samples = dict(agreed.values_list("pk", "path"))
        note_erased_labels(verdicts, request_id=self.request.pk)
        counts = {
            "feedback": Feedback.objects.filter(pk__in=verdicts).delete()[1].get(Feedback._meta.label, 0),
            "samples": FeedbackSample.objects.filter(pk__in=list(samples)).delete()[0],
        }
        files = [f"private/samples/{path}" for path in samples.values()]
        note(self.request.pk, self.token, counts=counts, destroy=files)
        return sum(counts.values())

    def _exports(self) -> None:
        for export in exports_of(self.request.workspace_id, self.search.pseudonyms):
            with transaction.atomic():
                if SubjectRequest.objects.filter(pk=export.pk).exclude(file_path="").update(file_path=""):
                    note(self.request.pk, self.token, counts={"exports": 1}, destroy=[f"private/exports/{export.file_path}"])
        self._destroy()

    def _sign(self) -> None:
        with transaction.atomic():
            note(self.request.pk, self.token)
            self.request.refresh_from_db()
            told = certificate_of(self.request)
            written = certificate.canonical(told)
            counts = told["erased"]
            details = {"subject": self.request.subject, "erased": counts}
            record_audit(
                actor=SYSTEM,
                workspace_id=self.request.workspace_id,
                verb="subject.erased",
                target=self.request,
                details=details,
            )
            signature = certificate.sign(written)
            complete(self.request.pk, self.token, certificate=written, signature=signature, counts=counts)


def certificate_of(request: SubjectRequest) -> dict[str, Any]:
    """Return what is certified of an erasure that has found nothing more."""
    erasures = list(Erasure.objects.filter(request_id=request.pk).select_related("dataset_version__dataset").order_by("pk"))
    counts = {name: int(request.counts.get(name, 0)) for name in (*_ERASABLE, "batches", "answers")}
    counts |= {"dataset_rows": sum(one.rows for one in erasures), "dataset_versions": len(erasures)}
    return {
        "format": 1,
        "instance": str(Instance.objects.get_or_create(only=True)[0].pk),
        "workspace": str(request.workspace_id),
        "request": str(request.pk),
        "subject": request.subject,
        "asked_at": request.created_at.isoformat(),
        "asked_by": request.created_by_id,
        "finished_at": clock.now().isoformat(),
        "erased": counts,
        "remaining": 0,
        "dataset_versions": [_of_version(one) for one in erasures],
        "model_versions": _marked(erasures, models_of_erased_labels(request.pk)),
        "not_searched": [str(pk) for pk in unsearched_datasets(request.workspace_id).values_list("pk", flat=True)],
        "not_reached": list(_NOT_REACHED),
    }


def _of_version(erasure: Erasure) -> dict[str, Any]:
    version = erasure.dataset_version
    return {
        "dataset": str(version.dataset_id),
        "version": version.number,
        "rows": erasure.rows,
        "before": {"content": erasure.content_before, "upload": erasure.upload_before, "table": erasure.table_before},
        "after": {"content": erasure.content_after, "table": erasure.table_after},
    }


def _marked(erasures: list[Erasure], models: list[UUID]) -> list[dict[str, Any]]:
    """Return the model versions that learned from what was erased; `holds_ids`: from the subjects' column itself."""
    of_data = Q(dataset_version__in=[one.dataset_version_id for one in erasures])
    touched = ModelVersion.objects.filter(of_data | Q(model_id__in=models))
    found = []
    for version in touched.select_related("dataset_version__dataset").order_by("model_id", "number"):
        if (learned := learned_and_erased(version)) is not None:
            column = version.dataset_version.dataset.subject_column
            read = {one["name"] for one in version.schema.get("columns", [])} | {version.schema.get("series")}
            mark = {"model": str(version.model_id), "version": version.number, "trained_with_erased": learned.rows}
            found.append({**mark, "holds_ids": column in read})
    return found
