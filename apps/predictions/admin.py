"""The prediction log in the admin: to look at."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.predictions.models import BatchPrediction, PredictionLog, TrafficSplit


@admin.register(PredictionLog)
class PredictionLogAdmin(ReadOnlyAdmin):
    """Requests and their answers."""

    list_display = ["at", "model", "version", "row_count", "milliseconds", "user"]
    list_filter = ["model__workspace", "model"]
    date_hierarchy = "at"
    list_select_related = ["model", "version", "version__model", "user"]
    show_full_result_count = False


@admin.register(BatchPrediction)
class BatchPredictionAdmin(ReadOnlyAdmin):
    """Batches and where they stand."""

    list_display = ["created_at", "model", "dataset_version", "status", "rows", "finished_at"]
    list_filter = ["status", "model__workspace"]
    list_select_related = ["model", "dataset_version", "dataset_version__dataset"]


@admin.register(TrafficSplit)
class TrafficSplitAdmin(ReadOnlyAdmin):
    """Comparisons on live requests."""

    list_display = ["began_at", "model", "mode", "share", "champion", "challenger", "ended_at"]
    list_filter = ["mode", "model__workspace"]
    list_select_related = ["model", "champion__model", "challenger__model"]
