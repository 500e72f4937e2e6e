"""Requests and answers of predictions, for the schema; the hot path checks rows itself."""

from typing import Any

from rest_framework import serializers

from apps.predictions.models import BatchPrediction


class RowsSerializer(serializers.Serializer[Any]):
    """Rows to answer."""

    data = serializers.ListField(child=serializers.DictField(), min_length=1)  # type: ignore[assignment]


class PredictedSerializer(serializers.Serializer[Any]):
    """One answer a row, in order."""

    predictions = serializers.ListField(child=serializers.JSONField())
    model = serializers.UUIDField()
    version = serializers.IntegerField()
    prediction_ids = serializers.ListField(child=serializers.CharField())
    details = serializers.ListField(child=serializers.DictField())


class ExplainedSerializer(serializers.Serializer[Any]):
    """One explanation a row, in order."""

    explanations = serializers.ListField(child=serializers.DictField())
    model = serializers.UUIDField()
    version = serializers.IntegerField()


class PredictionSerializer(serializers.Serializer[Any]):
    """One prediction that was made."""

    id = serializers.CharField()
    model = serializers.UUIDField()
    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    row = serializers.DictField()
    prediction = serializers.JSONField()
    details = serializers.DictField()


class BatchRequestSerializer(serializers.Serializer[Any]):
    """Which data set to score."""

    dataset = serializers.UUIDField()


class BatchSerializer(serializers.ModelSerializer[BatchPrediction]):
    """A batch and where it stands."""

    version = serializers.IntegerField(source="version.number")
    dataset = serializers.UUIDField(source="dataset_version.dataset_id")

    class Meta:
        model = BatchPrediction
        fields = [
            "id",
            "model",
            "version",
            "dataset",
            "dataset_version",
            "status",
            "rows",
            "error",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields
