"""Policies and decisions as the API takes and shows them."""

from typing import Any

from rest_framework import serializers

from apps.retraining.models import GateReport, RetrainingDecision


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


class CheckSerializer(serializers.Serializer[Any]):
    """One thing that is asked of a challenger."""

    name = serializers.CharField()
    passed = serializers.BooleanField()
    value = serializers.FloatField(allow_null=True)
    bound = serializers.FloatField(allow_null=True)
    sentence = serializers.CharField()


class VerdictSerializer(serializers.Serializer[Any]):
    """What the gate said; empty until it has."""

    promote = serializers.BooleanField(required=False)
    checks = CheckSerializer(many=True, required=False)
    reasons = serializers.ListField(child=serializers.CharField(), required=False)


class HoldoutSerializer(serializers.Serializer[Any]):
    """The rows that both answered to; `left_out` more are frozen, but the champion has learned from them."""

    rows = serializers.IntegerField(required=False)
    left_out = serializers.IntegerField(required=False)
    sha256 = serializers.CharField(required=False)


class DeclineSerializer(serializers.Serializer[Any]):
    """Why a challenger does not go live though it passed."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class GateReportSerializer(serializers.ModelSerializer[GateReport]):
    """One judgement of a challenger beside the champion."""

    champion = serializers.IntegerField(source="champion.number")
    challenger = serializers.IntegerField(source="challenger.number")
    verdict = VerdictSerializer()
    holdout = HoldoutSerializer()

    class Meta:
        model = GateReport
        fields = [
            "id", "model", "champion", "challenger", "status", "outcome", "verdict", "holdout", "error", "decision",
            "declined_because", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields
