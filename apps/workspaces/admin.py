"""Tenants in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.core.admin import ReadOnlyAdmin
from apps.workspaces.models import ApiKey, AuditEntry, IdempotencyRecord, Membership, Workspace


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Workspaces; deleting one would delete all it owns, so nobody does it here."""

    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes here."""
        return False


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Who is in which workspace."""

    list_display = ["user", "workspace", "role", "created_at"]
    list_filter = ["role", "workspace"]
    search_fields = ["user__username", "workspace__name"]
    autocomplete_fields = ["user", "workspace"]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys, without their clear text, which nobody has."""

    list_display = ["prefix", "name", "user", "workspace", "scope", "created_at", "expires_at", "revoked_at"]
    list_filter = ["scope", "workspace"]
    search_fields = ["prefix", "name", "user__username"]
    exclude = ["key_sha256"]
    list_select_related = ["user", "workspace"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit trail."""

    list_display = ["at", "workspace", "user", "api_key_prefix", "verb", "target_type", "target_id"]
    list_filter = ["verb", "workspace"]
    search_fields = ["target_id", "verb", "user__username"]
    list_select_related = ["workspace", "user"]
    show_full_result_count = False


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """First answers that are kept for retries."""

    list_display = ["created_at", "user", "route", "key", "status"]
    search_fields = ["key", "route"]
