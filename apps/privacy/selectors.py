"""Reads of privacy: where a workspace's data may name subjects, and how long it keeps what."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from apps.datasets.models import Dataset, DatasetVersion
from apps.feedback.models import Feedback, FeedbackSample
from apps.predictions.models import BatchPrediction
from apps.privacy.models import RetentionPolicy, SubjectRequest
from apps.registry.models import ModelVersion, RegisteredModel

COUNTED_FOR = timedelta(hours=24)


def versions_with_subjects(workspace_id: UUID) -> QuerySet[DatasetVersion]:
    """Return the versions of the data sets of a workspace that name a subject's column, archived ones too."""
    return (
        DatasetVersion.objects.filter(dataset__workspace_id=workspace_id)
        .exclude(dataset__subject_column="")
        .select_related("dataset")
        .order_by("created_at", "pk")
    )


def unsearched_datasets(workspace_id: UUID) -> QuerySet[Dataset]:
    """Return the data sets in which nobody has said whose data a row is: they cannot be searched."""
    return Dataset.objects.filter(workspace_id=workspace_id, subject_column="").order_by("created_at", "pk")


def batches_with_subjects(workspace_id: UUID) -> QuerySet[BatchPrediction]:
    """Return the batches of those data sets."""
    of_workspace = BatchPrediction.objects.filter(dataset_version__dataset__workspace_id=workspace_id)
    return of_workspace.exclude(dataset_version__dataset__subject_column="").select_related("dataset_version__dataset")


def subject_columns(workspace_id: UUID) -> dict[UUID, set[str]]:
    """Return by model the columns that may name the subject of a row that it answered."""
    versions = ModelVersion.objects.filter(model__workspace_id=workspace_id)
    found: dict[UUID, set[str]] = {}
    told = versions.values_list("model_id", "evaluation__subject_column", "dataset_version__dataset__subject_column")
    for model_id, of_version, of_dataset in told.order_by().distinct():
        found.setdefault(model_id, set()).update(filter(None, (of_version, of_dataset)))
    return {model_id: columns for model_id, columns in found.items() if columns}


def feedback_of(workspace_id: UUID, pseudonyms: list[str]) -> QuerySet[Feedback]:
    """Return what a subject has said."""
    return Feedback.objects.filter(model__workspace_id=workspace_id, subject__in=pseudonyms)


def samples_of(workspace_id: UUID, pseudonyms: list[str]) -> QuerySet[FeedbackSample]:
    """Return the samples that a subject has agreed to."""
    return FeedbackSample.objects.filter(model__workspace_id=workspace_id, subject__in=pseudonyms)


def exports_of(workspace_id: UUID, pseudonyms: list[str]) -> QuerySet[SubjectRequest]:
    """Return the exports of a subject whose file is still there."""
    made = SubjectRequest.objects.filter(workspace_id=workspace_id, kind=SubjectRequest.Kind.EXPORT)
    return made.filter(subject__in=pseudonyms).exclude(file_path="")


def open_request(workspace_id: UUID, kind: str, subject: str) -> SubjectRequest | None:
    """Return a request of this kind that waits or runs."""
    unfinished = (SubjectRequest.Status.PENDING, SubjectRequest.Status.RUNNING)
    mine = SubjectRequest.objects.filter(workspace_id=workspace_id, kind=kind, subject=subject)
    found: SubjectRequest | None = mine.filter(status__in=unfinished).first()
    return found


def is_counted(request_id: UUID, workspace_id: UUID, pseudonyms: list[str], *, now: datetime) -> bool:
    """Say whether this request has counted what there is of a subject, within the last day and since it was erased last."""
    done = Q(status=SubjectRequest.Status.COMPLETED, finished_at__gte=now - COUNTED_FOR)
    counted = SubjectRequest.objects.filter(done, pk=request_id, workspace_id=workspace_id, kind=SubjectRequest.Kind.COUNT)
    found = counted.filter(subject__in=pseudonyms).first()
    return found is not None and not is_used_up(found, erased_at(workspace_id, pseudonyms))


def erased_at(workspace_id: UUID, pseudonyms: Collection[str]) -> dict[str, datetime]:
    """Return when each of these subjects was last asked to be erased."""
    asked = SubjectRequest.objects.filter(workspace_id=workspace_id, kind=SubjectRequest.Kind.ERASE, subject__in=pseudonyms)
    return dict(asked.values_list("subject").annotate(Max("created_at")).order_by())


def is_used_up(count: SubjectRequest, erased: Mapping[str, datetime]) -> bool:
    """Say whether what was counted has been asked to be erased since."""
    return count.subject in erased and erased[count.subject] >= count.created_at


def is_of_another(request_id: UUID, workspace_id: UUID, pseudonyms: Collection[str]) -> bool:
    """Say whether this request is a count of another subject."""
    counted = SubjectRequest.objects.filter(pk=request_id, workspace_id=workspace_id, kind=SubjectRequest.Kind.COUNT)
    return bool(counted.exclude(subject__in=pseudonyms).exists())


@dataclass(frozen=True, slots=True)
class Days:
    """For how many days a workspace keeps what."""

    predictions: int
    feedback: int
    samples: int


def longest_days() -> Days:
    """Return what the installation allows."""
    return Days(settings.RETENTION_PREDICTION_DAYS, settings.RETENTION_FEEDBACK_DAYS, settings.RETENTION_SAMPLE_DAYS)


def retention_of(workspace_id: UUID) -> Days:
    """Return how long a workspace keeps what: as long as the installation allows, or shorter."""
    longest, own = longest_days(), RetentionPolicy.objects.filter(pk=workspace_id).first()
    if own is None:
        return longest
    return Days(
        min(longest.predictions, own.prediction_days or longest.predictions),
        min(longest.feedback, own.feedback_days or longest.feedback),
        min(longest.samples, own.sample_days or longest.samples),
    )


def models_of_workspace(workspace_id: UUID) -> QuerySet[RegisteredModel]:
    """Return a workspace's models, archived ones too."""
    return RegisteredModel.objects.filter(workspace_id=workspace_id)
