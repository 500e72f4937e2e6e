"""Datasets in the admin: to look at, not to edit."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.datasets.models import Dataset, DatasetVersion


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    """Data sets by workspace."""

    list_display = ["name", "workspace", "kind", "created_by", "created_at", "archived_at"]
    list_filter = ["kind", "workspace"]
    search_fields = ["name"]
    list_select_related = ["workspace", "created_by"]


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnlyAdmin):
    """Versions with their verdicts."""

    list_display = ["dataset", "number", "status", "rows", "upload_bytes", "created_at", "checked_at"]
    list_filter = ["status", "dataset__workspace"]
    search_fields = ["dataset__name", "content_hash", "original_name"]
    list_select_related = ["dataset"]
