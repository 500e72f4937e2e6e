"""Drift checks as the API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.monitoring.models import DriftReport


class EstimatedMeasureSerializer(serializers.Serializer[Any]):
    """One measure: what is expected now, and what training measured."""

    measure = serializers.CharField(help_text="accuracy, roc_auc or log_loss, as in a version's metrics.")
    value = serializers.FloatField()
    spread = serializers.FloatField(help_text="Standard error of the value.")
    measured = serializers.FloatField(allow_null=True, help_text="At training, on rows that were kept apart.")


class ContradictionSerializer(serializers.Serializer[Any]):
    """One measure of the labelled rows, beside what was expected of these rows."""

    measure = serializers.CharField()
    expected = serializers.FloatField()
    labelled = serializers.FloatField()
    spread = serializers.FloatField()
    apart = serializers.FloatField()
    p_value = serializers.FloatField()
    is_contradicted = serializers.BooleanField()
    sentence = serializers.CharField()


class HeldAgainstLabelsSerializer(serializers.Serializer[Any]):
    """What labels said of an estimate."""

    labels = serializers.IntegerField()
    at = serializers.DateTimeField()
    told = ContradictionSerializer(many=True)


class EstimateSerializer(serializers.Serializer[Any]):
    """How well a classifier does in a window, by its own probabilities, before any label."""

    rows = serializers.IntegerField()
    sampled = serializers.IntegerField(help_text="The rows that were looked at.")
    measures = EstimatedMeasureSerializer(many=True)
    held = HeldAgainstLabelsSerializer(allow_null=True, help_text="Null while too few labels are known.")
    is_void = serializers.BooleanField(help_text="Labels contradict it: it is no longer to be trusted.")


class PerformanceChangeSerializer(serializers.Serializer[Any]):
    """A change of the realised performance: the first label that shows it, and the one at which it was seen."""

    at_label = serializers.IntegerField()
    at = serializers.DateTimeField()
    seen_label = serializers.IntegerField()
    seen_at = serializers.DateTimeField()
    before = serializers.FloatField()
    after = serializers.FloatField()
    is_worse = serializers.BooleanField()
    sentence = serializers.CharField()


class RealisedChangesSerializer(serializers.Serializer[Any]):
    """The labels of the live version since it went live, as they became known."""

    labels = serializers.IntegerField()
    measure = serializers.ChoiceField(choices=["error_rate", "mae"])
    changes = PerformanceChangeSerializer(many=True)


class HistogramBinSerializer(serializers.Serializer[Any]):
    """Shares of all rows, then and now: of a range, a level, all others, or of missing values."""

    sort = serializers.ChoiceField(choices=["range", "level", "other", "known", "missing"])
    low = serializers.FloatField(allow_null=True, required=False, help_text="Of a range; null: all below.")
    high = serializers.FloatField(allow_null=True, required=False, help_text="Of a range; null: all above.")
    level = serializers.CharField(required=False)
    then = serializers.FloatField()
    now = serializers.FloatField()


class DriftHistogramSerializer(serializers.Serializer[Any]):
    """A column that drifts."""

    column = serializers.CharField()
    part = serializers.ChoiceField(choices=["columns", "answers"])
    kind = serializers.CharField()
    bins = HistogramBinSerializer(many=True)


class DriftReportSerializer(serializers.ModelSerializer[DriftReport]):
    """A check: where it stands, and what it found."""

    version = serializers.IntegerField(source="version.number")
    state = serializers.ChoiceField(
        choices=DriftReport.State.choices, allow_blank=True, read_only=True, help_text="Empty until the check is completed."
    )
    estimate = serializers.SerializerMethodField()
    performance = serializers.SerializerMethodField()
    histograms = DriftHistogramSerializer(many=True, read_only=True, help_text="Of what drifts.")
    notes = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="What could not be looked at, and why."
    )

    @extend_schema_field(EstimateSerializer(allow_null=True))
    def get_estimate(self, report: DriftReport) -> dict[str, Any] | None:
        """Return the estimate, null where there is none."""
        return report.estimate or None

    @extend_schema_field(RealisedChangesSerializer(allow_null=True))
    def get_performance(self, report: DriftReport) -> dict[str, Any] | None:
        """Return what labels tell, null without any."""
        return report.performance or None

    class Meta:
        model = DriftReport
        fields = [
            "id",
            "model",
            "version",
            "status",
            "state",
            "since",
            "until",
            "rows",
            "share",
            "verdict",
            "histograms",
            "estimate",
            "performance",
            "notes",
            "error",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class ListedDriftReportSerializer(DriftReportSerializer):
    """A check in a list: without its histograms, which the check itself shows."""

    histograms = None  # type: ignore[assignment]

    class Meta(DriftReportSerializer.Meta):
        fields = [name for name in DriftReportSerializer.Meta.fields if name != "histograms"]
        read_only_fields = fields


class DriftReportsSerializer(serializers.Serializer[Any]):
    """The checks that were asked for."""

    reports = DriftReportSerializer(many=True)
