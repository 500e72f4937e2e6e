"""What the MLflow server was told, in the admin: to look at."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.tracking.models import TrackedModel, TrackedRun


@admin.register(TrackedModel)
class TrackedModelAdmin(ReadOnlyAdmin):
    """Models, their names on the server, and what keeps them from being sent."""

    list_display = ["name", "model", "server", "aliases", "failures", "next_at", "error"]
    list_filter = ["server", "model__workspace"]
    exclude = ["token"]
    list_select_related = ["model"]
    show_full_result_count = False


@admin.register(TrackedRun)
class TrackedRunAdmin(ReadOnlyAdmin):
    """Campaigns that were sent or refused."""

    list_display = ["sent_at", "campaign", "server", "run_id", "version", "failures", "next_at", "error"]
    list_filter = ["server", "campaign__model__workspace"]
    list_select_related = ["campaign"]
    show_full_result_count = False
