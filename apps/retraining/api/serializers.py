"""Policies and decisions as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.algorithms.hyperparameters import Hyperparameter
from apps.core.api.serializers import KnownFieldsOnly
from apps.predictions.models import TrafficSplit
from apps.retraining.gate.margins import SETTINGS as OF_GATE
from apps.retraining.models import GateReport, RetrainingDecision
from apps.retraining.selectors import shown_so_far
from apps.retraining.triggers import SETTINGS as OF_POLICY


class MarginsSerializer(serializers.Serializer[Any]):
    """What the gate asks of a challenger."""

    def get_fields(self) -> dict[str, Any]:
        """Return a field a margin."""
        return {one.name: field_of(one) for one in OF_GATE}


class PolicySerializer(serializers.Serializer[Any]):
    """A retraining policy whole, for the schema; `Policy` checks it. Conditions of null are off."""

    def get_fields(self) -> dict[str, Any]:
        """Return a field a setting."""
        return {**{one.name: field_of(one) for one in OF_POLICY}, "gate": MarginsSerializer(required=False)}


def field_of(setting: Hyperparameter) -> serializers.Field[Any, Any, Any, Any]:
    """Return a setting as a field."""
    told = f"{setting.title} ({setting.help})." if setting.help else f"{setting.title}."
    of_all: dict[str, Any] = {"help_text": told, "default": setting.default, "allow_null": setting.nullable}
    if setting.kind == "choice":
        return serializers.ChoiceField(choices=setting.choices, **of_all)
    if setting.kind == "boolean":
        return serializers.BooleanField(**of_all)
    if setting.kind == "integer":
        low, high = (None if bound is None else int(bound) for bound in (setting.low, setting.high))
        return serializers.IntegerField(min_value=low, max_value=high, **of_all)
    return serializers.FloatField(min_value=setting.low, max_value=setting.high, **of_all)


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
    notes = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="What decides nothing, and whoever promotes should know."
    )


class HoldoutSerializer(serializers.Serializer[Any]):
    """The rows that both answered to; `left_out` more are frozen, but the champion has learned from them."""

    rows = serializers.IntegerField(required=False)
    left_out = serializers.IntegerField(required=False)
    sha256 = serializers.CharField(required=False)


class NothingSerializer(KnownFieldsOnly):
    """A request that takes no field."""


class DeclineSerializer(KnownFieldsOnly):
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


class StandingSerializer(serializers.Serializer[Any]):
    """How a comparison stood when it was last weighed; empty before."""

    labels = serializers.IntegerField(required=False)
    difference = serializers.FloatField(required=False, allow_null=True)
    low = serializers.FloatField(required=False, allow_null=True)
    high = serializers.FloatField(required=False, allow_null=True)
    winner = serializers.CharField(required=False, allow_null=True)
    is_over = serializers.BooleanField(required=False)
    sentence = serializers.CharField(required=False)


class SideSerializer(serializers.Serializer[Any]):
    """What one version answered, and how many of its answers are known to be right or wrong."""

    requests = serializers.IntegerField()
    rows = serializers.IntegerField()
    labels = serializers.IntegerField()


class PassedOnSerializer(serializers.Serializer[Any]):
    """Why the challenger left requests to the champion, and how many."""

    reason = serializers.CharField()
    requests = serializers.IntegerField()


class SoFarSerializer(serializers.Serializer[Any]):
    """What came of a comparison so far; when it has ended, up to then."""

    champion = SideSerializer(required=False)
    challenger = SideSerializer(required=False)
    passed_on = PassedOnSerializer(many=True, required=False)
    notes = serializers.ListField(child=serializers.CharField(), required=False)


class TrafficSerializer(KnownFieldsOnly, serializers.ModelSerializer[TrafficSplit]):
    """A comparison of a challenger with the champion on live requests."""

    champion = serializers.IntegerField(source="champion.number", read_only=True)
    challenger = serializers.IntegerField(source="challenger.number", read_only=True)
    share = serializers.FloatField(min_value=0.01, max_value=0.5, default=0.1)
    max_days = serializers.IntegerField(min_value=1, max_value=90, default=14)
    standing = StandingSerializer(read_only=True)
    so_far = serializers.SerializerMethodField()

    class Meta:
        model = TrafficSplit
        fields = [
            "id", "model", "mode", "share", "max_days", "on_win", "champion", "challenger", "began_at", "ended_at", "standing",
            "so_far",
        ]  # fmt: skip
        read_only_fields = ["id", "model", "began_at", "ended_at"]

    @extend_schema_field(SoFarSerializer)
    def get_so_far(self, split: TrafficSplit) -> dict[str, Any]:
        """Return what has come of it: counted now while it goes on, else as it was kept."""
        shown = shown_so_far(split)
        return dict(SoFarSerializer(shown).data)
