"""Retraining in the admin: to look at."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.retraining.models import GateReport, RetrainingDecision, RetrainingPolicy


@admin.register(RetrainingPolicy)
class RetrainingPolicyAdmin(ReadOnlyAdmin):
    """Policies by model."""

    list_display = ["model", "updated_by", "updated_at"]
    list_filter = ["model__workspace"]
    list_select_related = ["model", "updated_by"]


@admin.register(RetrainingDecision)
class RetrainingDecisionAdmin(ReadOnlyAdmin):
    """Decisions with their reasons."""

    list_display = ["at", "model", "origin", "retrain", "campaign", "user"]
    list_filter = ["retrain", "origin", "model__workspace"]
    date_hierarchy = "at"
    list_select_related = ["model", "campaign", "campaign__model", "user"]
    show_full_result_count = False


@admin.register(GateReport)
class GateReportAdmin(ReadOnlyAdmin):
    """Judgements of challengers."""

    list_display = ["created_at", "model", "champion", "challenger", "status", "outcome"]
    list_filter = ["outcome", "status", "model__workspace"]
    date_hierarchy = "created_at"
    list_select_related = ["model", "champion__model", "challenger__model"]
    show_full_result_count = False
