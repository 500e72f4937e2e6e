"""Campaigns in the admin: to look at, and to cancel."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin import ReadOnlyAdmin
from apps.core.errors import Conflict
from apps.training.actions import cancel_campaign
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.workspaces.access import Actor


@admin.register(TrainingCampaign)
class TrainingCampaignAdmin(ReadOnlyAdmin):
    """Campaigns and where they stand."""

    list_display = ["created_at", "model", "status", "stage", "progress", "attempt", "deaths", "finished_at"]
    list_filter = ["status", "model__algorithm", "model__workspace"]
    search_fields = ["model__name", "name", "error"]
    list_select_related = ["model"]
    actions = ["cancel"]

    @admin.action(description="Cancel the selected campaigns", permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Cancel those that have not ended."""
        if not request.user.is_superuser:
            self.message_user(request, "Only a superuser may cancel campaigns here.", level="error")
            return
        cancelled = 0
        for campaign in queryset:
            try:
                cancel_campaign(campaign=campaign, actor=Actor(user_id=request.user.pk))
                cancelled += 1
            except Conflict:
                continue
        self.message_user(request, f"{cancelled} campaigns are being cancelled.")


@admin.register(TrainingEvent)
class TrainingEventAdmin(ReadOnlyAdmin):
    """The event log."""

    list_display = ["campaign", "seq", "at", "kind", "status", "stage", "progress", "message"]
    list_filter = ["kind", "status"]
    search_fields = ["campaign__id", "message"]
    show_full_result_count = False
