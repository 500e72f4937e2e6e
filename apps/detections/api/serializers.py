"""Detections as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly
from apps.detections.actions import MOST_AT_ONCE, MOST_LABELS
from apps.detections.models import Detection, DetectionReview, DetectionRule, SuppressionRule

_VERDICTS = (
    "confirmed: it was real; resolved: it was real and is dealt with; false_positive: it was a false alarm; new: no "
    "verdict, or it is taken back."
)


class ReasonPartSerializer(serializers.Serializer[Any]):
    """One column that speaks for an alert."""

    name = serializers.CharField()
    value = serializers.JSONField()
    contribution = serializers.FloatField()
    share = serializers.FloatField(help_text="Of all that speaks for the alert.")


class ReasonSerializer(serializers.Serializer[Any]):
    """The columns that speak most for an alert; null until a worker has found them."""

    columns = ReasonPartSerializer(many=True)
    output = serializers.CharField(help_text="What the contributions add up to.")
    method = serializers.CharField()
    fault = serializers.CharField(help_text="Why there are none.")


class DetectionSerializer(serializers.ModelSerializer[Detection]):
    """One answer that was an anomaly or an alert."""

    version = serializers.IntegerField(source="version.number")
    prediction = serializers.CharField(source="prediction_id")
    row = serializers.DictField()
    predicted = serializers.JSONField()
    reason = ReasonSerializer(allow_null=True)
    status = serializers.ChoiceField(choices=Detection.Status.choices, help_text=_VERDICTS)
    reviewed_by = serializers.CharField(source="reviewed_by.username", default=None, allow_null=True)

    class Meta:
        model = Detection
        fields = [
            "id",
            "workspace",
            "model",
            "version",
            "prediction",
            "occurred_at",
            "found_at",
            "predicted",
            "score",
            "tail_probability",
            "reason",
            "row",
            "status",
            "note",
            "reviewed_by",
            "reviewed_at",
            "is_suppressed",
            "suppressed_by",
        ]
        read_only_fields = fields


class ReviewSerializer(serializers.ModelSerializer[DetectionReview]):
    """One change of status: who, when, from what to what."""

    user = serializers.CharField(source="user.username", default=None, allow_null=True)

    class Meta:
        model = DetectionReview
        fields = ["at", "user", "before", "after", "note"]
        read_only_fields = fields


class DetectionWithHistorySerializer(DetectionSerializer):
    """A detection with every verdict that it was given."""

    reviews = ReviewSerializer(many=True)

    class Meta(DetectionSerializer.Meta):
        fields = [*DetectionSerializer.Meta.fields, "reviews"]
        read_only_fields = fields


class VerdictOnDetectionSerializer(KnownFieldsOnly):
    """A verdict."""

    status = serializers.ChoiceField(choices=Detection.Status.choices, help_text=_VERDICTS)
    note = serializers.CharField(
        max_length=1_000, required=False, allow_blank=True, help_text="Without one what stands there stays."
    )
    was = serializers.ChoiceField(
        choices=Detection.Status.choices,
        required=False,
        help_text="The status that you saw: refused with 409 when it is another by now.",
    )


class ReviewOfManySerializer(VerdictOnDetectionSerializer):
    """One verdict on many detections of one workspace."""

    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)


class ReviewedSerializer(serializers.Serializer[Any]):
    """What became of a review of many."""

    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="They had this status already.")


class NextSerializer(serializers.Serializer[Any]):
    """What to review next, and how it was chosen."""

    method = serializers.CharField()
    results = DetectionSerializer(many=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample("Of classes", {"is_on": True, "labels": ["late"], "least_score": 0.8}),
        OpenApiExample("Of anomalies", {"is_on": True, "labels": [], "least_score": None}),
    ]
)
class RuleSerializer(KnownFieldsOnly):
    """Which answers of a model are alerts."""

    is_on = serializers.BooleanField(default=True)
    labels = serializers.ListField(
        child=serializers.JSONField(),
        max_length=MOST_LABELS,
        default=list,
        help_text="Of classes: the labels that are alerts, as they stand in the data set.",
    )
    least_score = serializers.FloatField(
        allow_null=True, default=None, help_text="Alerts of a lower score, or of a less probable label, are none."
    )

    def validate_labels(self, labels: list[Any]) -> list[Any]:
        """Refuse what is no label, before anything compares it."""
        for label in labels:
            if not isinstance(label, str | int | float):
                raise serializers.ValidationError("A label is a text, a number, true or false.")
        return labels


class ShownRuleSerializer(serializers.ModelSerializer[DetectionRule]):
    """A model's rule."""

    labels = serializers.JSONField()

    class Meta:
        model = DetectionRule
        fields = ["model", "is_on", "labels", "least_score"]
        read_only_fields = fields


class ColumnConditionSerializer(serializers.Serializer[Any]):
    """What a column must hold: `equals` a value, be `in` a list, or lie `between` two ends (null: open)."""

    column = serializers.CharField()
    equals = serializers.JSONField(required=False)
    between = serializers.ListField(child=serializers.JSONField(), required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, with the one whose name is a word of Python."""
        return {**super().get_fields(), "in": serializers.ListField(child=serializers.JSONField(), required=False)}


class SuppressionSerializer(KnownFieldsOnly):
    """A rule that hides what is known to be harmless: new detections that meet all its conditions."""

    conditions = serializers.ListField(child=serializers.DictField(), default=list, max_length=20)
    least_score = serializers.FloatField(allow_null=True, default=None)
    most_score = serializers.FloatField(allow_null=True, default=None)
    reason = serializers.CharField(max_length=500, help_text="Why they are harmless.")
    until = serializers.DateTimeField(
        allow_null=True, default=None, help_text="Rows answered from then on are not hidden; null: for good."
    )


class ShownSuppressionSerializer(serializers.ModelSerializer[SuppressionRule]):
    """A suppression rule."""

    conditions = ColumnConditionSerializer(many=True)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)

    class Meta:
        model = SuppressionRule
        fields = ["id", "model", "conditions", "least_score", "most_score", "reason", "until", "created_by", "created_at"]
        read_only_fields = fields


class RateSerializer(serializers.Serializer[Any]):
    """A share with how many it is of and its interval; null of none."""

    rate = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    interval = serializers.ListField(child=serializers.FloatField(), allow_null=True, help_text="Wilson's.")
    level = serializers.FloatField()


class CountsSerializer(serializers.Serializer[Any]):
    """Answers and alerts of some time."""

    rows = serializers.IntegerField(help_text="Answers.")
    detections = serializers.IntegerField(help_text="Without those that were suppressed.")
    suppressed = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    false_positives = serializers.IntegerField()
    resolved = serializers.IntegerField()
    reviewed = serializers.IntegerField(help_text="confirmed + false_positives + resolved.")
    false_positive_rate = RateSerializer(help_text="Of those reviewed: false_positives / reviewed.")
    alert_rate = RateSerializer(help_text="Of all answers, suppressed alerts among them.")


class PeriodSerializer(CountsSerializer):
    """An hour, or a day of the local calendar."""

    start = serializers.DateTimeField()
    hours = serializers.IntegerField(help_text="23 or 25 on the days when clocks change.")


class VersionCountsSerializer(CountsSerializer):
    """One version's part."""

    version = serializers.IntegerField()
    budget = serializers.FloatField(allow_null=True, help_text="The share of usual rows that it was to alert on.")


class StatisticsSerializer(serializers.Serializer[Any]):
    """A model's detections by day or hour, and in all."""

    by = serializers.ChoiceField(choices=["day", "hour"])
    days = serializers.IntegerField()
    time_zone = serializers.CharField(help_text="Whose days these are.")
    counted_at = serializers.DateTimeField(allow_null=True, help_text="Up to then all is counted; each hour anew.")
    total = CountsSerializer()
    versions = VersionCountsSerializer(many=True)
    periods = PeriodSerializer(many=True)
