"""Tenants in the admin: what can be changed here goes through the verbs, with their checks and their audit entry."""

from contextlib import nullcontext
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from apps.core.admin import ReadOnlyAdmin
from apps.core.errors import PlatformError, Throttled
from apps.workspaces import actions
from apps.workspaces.access import Actor
from apps.workspaces.models import ApiKey, AuditEntry, IdempotencyRecord, Membership, Workspace


class SignInForm(AdminAuthenticationForm):
    """The admin's own sign-in, which says so when it has to be waited."""

    def clean(self) -> dict[str, Any]:
        """Check name and password, or refuse a guesser."""
        try:
            return super().clean()
        except Throttled as error:
            raise forms.ValidationError(error.detail) from error


admin.site.login_form = SignInForm


def _actor(request: HttpRequest) -> Actor:
    return Actor(user_id=request.user.pk)


class VerbAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Rows that only verbs write; what a verb refuses is said in words."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show the form, or have the verb do what it says."""
        return self._or_refusal(request, lambda: super(VerbAdmin, self).changeform_view(request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask, then have the verb take the row away."""
        return self._or_refusal(request, lambda: super(VerbAdmin, self).delete_view(request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show the rows, or have the verb act on those chosen."""
        return self._or_refusal(request, lambda: super(VerbAdmin, self).changelist_view(request, *args, **kwargs))

    def _or_refusal(self, request: HttpRequest, answer: Any) -> HttpResponseBase:
        try:
            with transaction.atomic() if request.method == "POST" else nullcontext():
                response: HttpResponseBase = answer()
        except PlatformError as error:
            self.message_user(request, error.detail, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response


@admin.register(Workspace)
class WorkspaceAdmin(VerbAdmin):
    """Workspaces; who makes one is its first owner. Deleting one would delete all it owns, so nobody does it here."""

    list_display = ["name", "slug", "created_at"]
    search_fields = ["name", "slug"]
    fields = ["name", "slug", "created_at"]
    readonly_fields = ["slug", "created_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes here."""
        return False

    def save_model(self, request: HttpRequest, obj: Workspace, form: Any, change: bool) -> None:
        """Make or rename a workspace."""
        if change:
            actions.rename_workspace(workspace=obj, name=obj.name, actor=_actor(request))
        else:
            owner = cast("User", request.user)
            obj.pk = actions.create_workspace(name=obj.name, owner=owner, actor=_actor(request)).pk


@admin.register(Membership)
class MembershipAdmin(VerbAdmin):
    """Who is in which workspace."""

    list_display = ["user", "workspace", "role", "created_at"]
    list_filter = ["role", "workspace"]
    search_fields = ["user__username", "workspace__name"]
    autocomplete_fields = ["user", "workspace"]
    list_select_related = ["user", "workspace"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Let the role of a member change, and nothing else."""
        return ["user", "workspace"] if obj else []

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Add a member or change a role."""
        if change:
            actions.change_role(member=obj, role=obj.role, actor=_actor(request))
        else:
            username = obj.user.get_username()
            member = actions.add_member(workspace=obj.workspace, username=username, role=obj.role, actor=_actor(request))
            obj.pk = member.pk

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Take a member out."""
        actions.remove_member(member=obj, actor=_actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Take members out, each or none."""
        for member in queryset:
            actions.remove_member(member=member, actor=_actor(request))


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys, without their clear text, which nobody has; they can be revoked."""

    list_display = ["prefix", "name", "user", "workspace", "scope", "created_at", "expires_at", "revoked_at"]
    list_filter = ["scope", "workspace"]
    search_fields = ["prefix", "name", "user__username"]
    exclude = ["key_sha256"]
    list_select_related = ["user", "workspace"]
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Say who may revoke: staff with Django's right to change keys."""
        return request.user.has_perm("workspaces.change_apikey")

    @admin.action(description="Revoke the chosen keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Close keys for good."""
        for key in queryset.filter(revoked_at=None).select_related("user"):
            actions.revoke_key(key=key, actor=_actor(request))
        self.message_user(request, "The keys are revoked.", messages.SUCCESS)


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
    exclude = ["answer"]
