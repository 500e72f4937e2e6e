"""Drift checks as the API shows them."""

from typing import Any

from rest_framework import serializers

from apps.monitoring.models import DriftReport


class DriftReportSerializer(serializers.ModelSerializer[DriftReport]):
    """A check: where it stands, and what it found."""

    version = serializers.IntegerField(source="version.number")
    state = serializers.ChoiceField(
        choices=DriftReport.State.choices, allow_blank=True, read_only=True, help_text="Empty until the check is completed."
    )

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
            "error",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class DriftReportsSerializer(serializers.Serializer[Any]):
    """The checks that were asked for."""

    reports = DriftReportSerializer(many=True)
