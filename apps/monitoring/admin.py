"""Drift checks in the admin: to look at."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.monitoring.models import DriftReport


@admin.register(DriftReport)
class DriftReportAdmin(ReadOnlyAdmin):
    """Checks and what they found."""

    list_display = ["created_at", "model", "version", "status", "state", "rows", "share"]
    list_filter = ["status", "state", "model__workspace"]
    date_hierarchy = "created_at"
    list_select_related = ["model", "version", "version__model"]
    show_full_result_count = False
