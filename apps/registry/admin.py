"""The registry in the admin: to look at; verbs change it."""

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.registry.models import Alias, ModelVersion, RegisteredModel


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ReadOnlyAdmin):
    """Models by workspace and algorithm."""

    list_display = ["name", "workspace", "algorithm", "task", "target", "created_at", "archived_at"]
    list_filter = ["algorithm", "task", "workspace"]
    search_fields = ["name", "target", "domain"]


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Immutable versions."""

    list_display = ["model", "number", "algorithm", "size_bytes", "created_at", "manifest_sha256"]
    list_filter = ["algorithm", "model__workspace"]
    search_fields = ["model__name", "manifest_sha256"]
    list_select_related = ["model"]


@admin.register(Alias)
class AliasAdmin(ReadOnlyAdmin):
    """Who was champion when."""

    list_display = ["model", "name", "version", "since", "until", "reason", "set_by"]
    list_filter = ["name", "model__workspace"]
    search_fields = ["model__name", "reason"]
    list_select_related = ["model", "version", "version__model", "set_by"]
