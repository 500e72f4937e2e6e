"""Datasets as the API shows them."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly, NameField
from apps.datasets.models import Dataset, DatasetVersion, Kind
from apps.datasets.selectors import latest_version


class ProblemSerializer(serializers.Serializer[Any]):
    """One reason for a refusal."""

    row = serializers.IntegerField(allow_null=True, help_text="Row of the file; the header is row 1.")
    column = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class WarningSerializer(serializers.Serializer[Any]):
    """Something to know before training."""

    column = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class ColumnSerializer(serializers.Serializer[Any]):
    """One column and its profile."""

    name = serializers.CharField()
    dtype = serializers.CharField()
    missing = serializers.IntegerField()
    distinct = serializers.IntegerField()
    min = serializers.JSONField()
    max = serializers.JSONField()
    mean = serializers.FloatField(required=False)
    std = serializers.FloatField(required=False)
    quantiles = serializers.JSONField(required=False)
    top = serializers.JSONField(required=False)
    histogram = serializers.JSONField(required=False)


class DatasetVersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    """One immutable version."""

    version = serializers.IntegerField(source="number")
    size_bytes = serializers.IntegerField(source="upload_bytes")
    columns = ColumnSerializer(many=True)
    problems = ProblemSerializer(many=True)
    warnings = WarningSerializer(many=True)

    class Meta:
        model = DatasetVersion
        fields = [
            "id", "version", "status", "rows", "size_bytes", "original_name", "columns", "problems", "warnings", "reading",
            "content_hash", "held_up_by", "created_at", "checked_at",
        ]  # fmt: skip
        read_only_fields = fields


_OF_VERSION = (
    "status",
    "rows",
    "size_bytes",
    "columns",
    "problems",
    "warnings",
    "reading",
    "content_hash",
    "held_up_by",
    "version",
)


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset with what its newest version holds."""

    workspace = serializers.UUIDField(source="workspace_id")
    version_id = serializers.SerializerMethodField()
    version = serializers.IntegerField(read_only=True)
    status = serializers.ChoiceField(choices=DatasetVersion.Status.choices, read_only=True)
    rows = serializers.IntegerField(read_only=True, allow_null=True)
    size_bytes = serializers.IntegerField(read_only=True)
    columns = ColumnSerializer(many=True, read_only=True)
    problems = ProblemSerializer(many=True, read_only=True)
    warnings = WarningSerializer(many=True, read_only=True)
    reading = serializers.JSONField(read_only=True)
    kind = serializers.ChoiceField(
        choices=Kind.choices, read_only=True, allow_null=True, help_text="Null until the file was read."
    )
    content_hash = serializers.CharField(read_only=True)
    held_up_by = serializers.CharField(read_only=True, help_text="Why a check that waits could not be done yet.")

    class Meta:
        model = Dataset
        fields = ["id", "name", "workspace", "kind", "subject_column", "created_at", "version_id", *_OF_VERSION]
        read_only_fields = fields

    def get_version_id(self, dataset: Dataset) -> UUID | None:
        """Return the id of the newest version."""
        version = latest_version(dataset)
        return version.pk if version else None

    def to_representation(self, instance: Dataset) -> dict[str, Any]:
        """Put the newest version's facts beside the dataset's own."""
        version = latest_version(instance)
        of_version = DatasetVersionSerializer(version).data if version else {}
        return {
            "id": instance.pk,
            "name": instance.name,
            "workspace": instance.workspace_id,
            "kind": instance.kind or None,
            "subject_column": instance.subject_column,
            "created_at": instance.created_at,
            "version_id": version.pk if version else None,
            **{name: of_version.get(name) for name in _OF_VERSION},
        }


class SubjectColumnSerializer(KnownFieldsOnly):
    """What may be changed of a data set."""

    subject_column = serializers.CharField(
        max_length=300, allow_blank=True, trim_whitespace=False, help_text="Whose data a row is; empty: no column says it."
    )


class UploadSerializer(KnownFieldsOnly):
    """A multipart upload."""

    file = serializers.FileField(allow_empty_file=True, max_length=None)
    name = NameField(max_length=200, required=False, allow_blank=True)
    workspace = serializers.UUIDField()
    kind = serializers.ChoiceField(
        choices=Kind.choices, required=False, allow_blank=True, help_text="What it holds; recognised unless told."
    )


class NewVersionSerializer(KnownFieldsOnly):
    """A multipart upload of a new version; the form that uploaded the first one may send it."""

    also_taken = frozenset({"name", "workspace"})
    file = serializers.FileField(allow_empty_file=True, max_length=None)
    kind = serializers.ChoiceField(
        choices=Kind.choices,
        required=False,
        allow_blank=True,
        help_text="What the data set holds from this version on; as before unless told.",
    )


class PreviewSerializer(serializers.Serializer[Any]):
    """The first rows."""

    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.JSONField())
