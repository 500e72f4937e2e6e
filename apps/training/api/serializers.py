"""Campaigns as the API shows them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly, NameField
from apps.training.models import TrainingCampaign, Trial

LEAST_SEARCH_SECONDS = 30
_TOO_SHORT = (
    "A search takes {min_value} seconds at least: its processes are started and its version is made within that time. "
    "Allow more, or train without a search."
)
_DATASET = "0b9a2c54-3f0e-4c39-8a55-6f6f1b0f7d21"
_CHANGED = {"n_estimators": 300, "max_depth": 8}


class SearchSerializer(KnownFieldsOnly):
    """How long to look for better settings; empty for the usual time."""

    seconds = serializers.IntegerField(
        min_value=LEAST_SEARCH_SECONDS,
        max_value=7 * 24 * 3600,
        required=False,
        help_text="Of the whole campaign, the making of the version included.",
        error_messages={"min_value": _TOO_SHORT},
    )
    trials = serializers.IntegerField(
        min_value=1,
        max_value=10_000,
        required=False,
        allow_null=True,
        default=None,
        help_text="At most so many, those that are taken over among them; empty for as many as the time allows.",
    )
    continues = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="An ended campaign of this model whose trials are taken over, those with the parameters given now.",
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("As the model says", {"dataset": _DATASET}, request_only=True),
        OpenApiExample("With a search", {"dataset": _DATASET, "search": {"seconds": 60}}, request_only=True),
        OpenApiExample("With other parameters", {"dataset": _DATASET, "parameters": _CHANGED, "seed": 7}, request_only=True),
    ]
)
class TrainSerializer(KnownFieldsOnly):
    """What to train on."""

    dataset = serializers.UUIDField(help_text="A data set (its newest ready version is taken) or a data set version.")
    parameters = serializers.DictField(required=False, default=dict)
    name = NameField(max_length=200, required=False, allow_blank=True, default="")
    seed = serializers.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        required=False,
        default=0,
        help_text="All chance of the training, which fifth of the rows it is measured on included. It is measured on that one part: train "
        "with other seeds to see how far a score moves with the rows.",
    )
    feedback = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Learn from the rows that people have labelled since they were predicted, too. Retrainings by policy do.",
    )
    search = SearchSerializer(
        required=False,
        allow_null=True,
        default=None,
        help_text="Parameters given beside it are kept; the others are searched.",
    )


class CampaignSerializer(serializers.Serializer[Any]):
    """A training campaign."""

    id = serializers.UUIDField()
    model = serializers.UUIDField()
    name = serializers.CharField()
    dataset = serializers.UUIDField()
    dataset_version = serializers.UUIDField()
    algorithm = serializers.CharField(allow_null=True, help_text="Null while an automatic choice has not chosen.")
    parameters = serializers.DictField()
    search = serializers.DictField(allow_null=True, help_text="What the search may use and has used; null without one.")
    seed = serializers.IntegerField()
    feedback_until = serializers.DateTimeField(
        allow_null=True, help_text="Rows that people had labelled by then are learned from too; null: only the data set."
    )
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


class TrialSerializer(serializers.Serializer[Any]):
    """One combination of settings that a search tried."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    algorithm = serializers.CharField()
    parameters = serializers.DictField()
    searched = serializers.DictField(help_text="The parameters among them that the search chose.")
    status = serializers.ChoiceField(choices=Trial.Status.choices)
    metric = serializers.CharField(allow_null=True)
    greater_is_better = serializers.BooleanField()
    score = serializers.FloatField(allow_null=True, help_text="The mean over its folds.")
    spread = serializers.FloatField(allow_null=True, help_text="The standard deviation over its folds.")
    scores = serializers.ListField(child=serializers.FloatField())
    fit_seconds = serializers.FloatField(allow_null=True)
    duration_seconds = serializers.FloatField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
