"""Requests and answers of predictions, for the schema; the hot path checks rows itself."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly
from apps.predictions.models import BatchPrediction

_MODEL = "7d0c1c7e-52a5-4f0c-9e0e-2f1c6f6f4b11"
_ROW = {"amount": 1200.5, "city": "Lyon", "since": "2025-09-18"}
_ANSWERED: dict[str, Any] = {"model": _MODEL, "version": 1, "prediction_ids": ["7d0c1c7e52a54f0c9e0e2f1c6f6f4b11-0"]}
_CLASS = {
    "predictions": ["late"],
    "details": [{"probabilities": {"late": 0.83, "on time": 0.17}, "set": ["late"], "level": 0.9}],
}
_VALUE = {"predictions": [12.4], "details": [{"interval": [3.1, 24.8], "level": 0.9}]}
_ALERT = {
    "predictions": [-1],
    "details": [{"score": 0.71, "tail_probability": 0.004, "warnings": ["city: 'Brest' was never seen in training"]}],
}
_FORECAST = {
    "predictions": [1180.0],
    "details": [{"timestamp": "2026-12-01", "series": "north", "interval": [1012.5, 1347.5], "level": 0.9}],
}
_EXPLANATION = {
    "prediction": "late",
    "base": -1.2,
    "output": "log-odds of late",
    "method": "exact tree Shapley values",
    "contributions": [
        {"name": "amount", "value": 1200.5, "contribution": 1.9},
        {"name": "city", "value": "Lyon", "contribution": 0.3},
        {"name": "since", "value": "2025-09-18", "contribution": -0.1},
    ],
}

INVOCATIONS = [
    OpenApiExample("dataframe_records", {"dataframe_records": [_ROW]}, request_only=True),
    OpenApiExample(
        "dataframe_split", {"dataframe_split": {"columns": list(_ROW), "data": [list(_ROW.values())]}}, request_only=True
    ),
    OpenApiExample("Answer", {"predictions": ["late"]}, response_only=True),
]


@extend_schema_serializer(
    examples=[
        OpenApiExample("One row", {"data": [_ROW]}, request_only=True),
        OpenApiExample("Forecast", {"horizon": 30, "series": ["north"]}, request_only=True),
    ]
)
class RowsSerializer(KnownFieldsOnly):
    """Rows to answer; how far ahead, of a forecast."""

    data = serializers.ListField(  # type: ignore[assignment]
        child=serializers.DictField(), required=False, help_text="Needed unless a forecast is asked for."
    )
    subject = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Whom it is for: answered by the same version while two share, and logged under a pseudonym.",
    )
    horizon = serializers.IntegerField(min_value=1, required=False, help_text="Of a forecast: steps ahead.")
    series = serializers.ListField(
        child=serializers.CharField(),
        min_length=1,
        required=False,
        help_text="Of a forecast: which series, all unless told.",
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("Classification", {**_CLASS, **_ANSWERED}, response_only=True),
        OpenApiExample("Regression", {**_VALUE, **_ANSWERED}, response_only=True),
        OpenApiExample("Anomalies", {**_ALERT, **_ANSWERED}, response_only=True),
        OpenApiExample("Forecast", {**_FORECAST, **_ANSWERED}, response_only=True),
    ]
)
class PredictedSerializer(serializers.Serializer[Any]):
    """One answer a row, in order."""

    predictions = serializers.ListField(child=serializers.JSONField())
    model = serializers.UUIDField()
    version = serializers.IntegerField()
    prediction_ids = serializers.ListField(child=serializers.CharField())
    details = serializers.ListField(child=serializers.DictField())


@extend_schema_serializer(
    examples=[OpenApiExample("One row", {"explanations": [_EXPLANATION], "model": _MODEL, "version": 1}, response_only=True)]
)
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


class BatchRequestSerializer(KnownFieldsOnly):
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
