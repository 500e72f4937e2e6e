"""Policies and decisions as the API takes and shows them."""

from typing import Any

from rest_framework import serializers

from apps.retraining.models import RetrainingDecision


class ConditionSerializer(serializers.Serializer[Any]):
    """One condition: its value now, its threshold (null: it is off), and whether it is met (null: nothing is known)."""

    name = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    met = serializers.BooleanField(allow_null=True)
    sentence = serializers.CharField()


class GuardSerializer(serializers.Serializer[Any]):
    """What may stand in the way."""

    name = serializers.CharField()
    blocks = serializers.BooleanField()
    sentence = serializers.CharField()


class DecisionSerializer(serializers.Serializer[Any]):
    """Whether to retrain, and why or why not."""

    retrain = serializers.BooleanField()
    mode = serializers.ChoiceField(choices=["all", "any"])
    forced = serializers.BooleanField()
    conditions = ConditionSerializer(many=True)
    guards = GuardSerializer(many=True)
    reasons = serializers.ListField(child=serializers.CharField())
    why_not = serializers.ListField(child=serializers.CharField())
    notes = serializers.ListField(child=serializers.CharField())


class KeptDecisionSerializer(serializers.ModelSerializer[RetrainingDecision]):
    """A decision that was taken, and the training that it began."""

    decision = DecisionSerializer()

    class Meta:
        model = RetrainingDecision
        fields = ["id", "model", "at", "origin", "retrain", "decision", "error", "campaign"]
        read_only_fields = fields
