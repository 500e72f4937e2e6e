"""Campaigns as the API shows them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly, NameField
from apps.training.models import TrainingCampaign

_DATASET = "0b9a2c54-3f0e-4c39-8a55-6f6f1b0f7d21"
_CHANGED = {"n_estimators": 300, "max_depth": 8}


@extend_schema_serializer(
    examples=[
        OpenApiExample("As the model says", {"dataset": _DATASET}, request_only=True),
        OpenApiExample("With other parameters", {"dataset": _DATASET, "parameters": _CHANGED, "seed": 7}, request_only=True),
    ]
)
class TrainSerializer(KnownFieldsOnly):
    """What to train on."""

    dataset = serializers.UUIDField(help_text="A data set (its newest ready version is taken) or a data set version.")
    parameters = serializers.DictField(required=False, default=dict)
    name = NameField(max_length=200, required=False, allow_blank=True, default="")
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False, default=0)


class CampaignSerializer(serializers.Serializer[Any]):
    """A training campaign."""

    id = serializers.UUIDField()
    model = serializers.UUIDField()
    name = serializers.CharField()
    dataset = serializers.UUIDField()
    dataset_version = serializers.UUIDField()
    parameters = serializers.DictField()
    seed = serializers.IntegerField()
    status = serializers.ChoiceField(choices=TrainingCampaign.Status.choices)
    progress = serializers.FloatField()
    stage = serializers.CharField()
    metrics = serializers.DictField()
    history = serializers.ListField(child=serializers.DictField())
    error = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_seconds = serializers.FloatField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)
    improvement = serializers.FloatField(allow_null=True)
    attempt = serializers.IntegerField()
    cancel_requested = serializers.BooleanField()
