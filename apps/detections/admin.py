"""Detections in the admin: to look at."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.detections.models import Detection, DetectionReview, DetectionRule, DetectionStatistics, SuppressionRule


class ReviewInline(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """The verdicts that a detection was given."""

    model = DetectionReview
    fields = ("at", "user", "before", "after", "note")
    readonly_fields = fields
    extra = 0
    can_delete = False


@admin.register(Detection)
class DetectionAdmin(ReadOnlyAdmin):
    """What was found."""

    list_display = ["occurred_at", "model", "version", "score", "status", "is_suppressed", "reviewed_by"]
    list_filter = ["status", "is_suppressed", "model__workspace"]
    date_hierarchy = "occurred_at"
    list_select_related = ["model", "version", "version__model", "reviewed_by"]
    inlines = [ReviewInline]
    show_full_result_count = False


@admin.register(SuppressionRule)
class SuppressionRuleAdmin(ReadOnlyAdmin):
    """What is hidden."""

    list_display = ["created_at", "model", "reason", "until", "created_by"]
    list_filter = ["model__workspace"]
    list_select_related = ["model", "created_by"]


@admin.register(DetectionRule)
class DetectionRuleAdmin(ReadOnlyAdmin):
    """Which answers are alerts."""

    list_display = ["model", "is_on", "labels", "least_score", "updated_by"]
    list_filter = ["is_on", "model__workspace"]
    list_select_related = ["model", "updated_by"]


@admin.register(DetectionStatistics)
class DetectionStatisticsAdmin(ReadOnlyAdmin):
    """Counts by version and hour."""

    list_display = [
        "hour",
        "model",
        "version",
        "rows",
        "detections",
        "suppressed",
        "confirmed",
        "false_positives",
        "resolved",
    ]
    list_filter = ["model__workspace"]
    date_hierarchy = "hour"
    list_select_related = ["model", "version", "version__model"]
    show_full_result_count = False
