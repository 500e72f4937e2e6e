"""Settings of a workspace: its members and one's API keys."""

from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.permissions import Act, Scope
from apps.dashboard.pages.access import Visit, page
from apps.workspaces.actions import issue_key, revoke_key
from apps.workspaces.api.authentication import recent_keys
from apps.workspaces.models import ApiKey, Membership


@page
def settings_page(visit: Visit) -> HttpResponseBase:
    """Show members and keys; make a key."""
    if visit.workspace is None:
        raise Http404
    clear = fault = ""
    if visit.request.method == "POST":
        name = visit.request.POST.get("name", "").strip()[:80]
        scope = visit.request.POST.get("scope", Scope.READ)
        if not name or scope not in Scope.values:
            fault = _("Give the key a name, and choose what it may do.")
        else:
            _key, clear = issue_key(
                user=visit.user, workspace=visit.workspace, name=name, scope=scope, actor=visit.access.actor
            )
    members = Membership.objects.filter(workspace=visit.workspace).select_related("user").order_by("user__username")
    return visit.render("settings.html", members=members, keys=_keys(visit), clear=clear, fault=fault, scopes=Scope.choices)


def _keys(visit: Visit) -> list[ApiKey]:
    keys = ApiKey.objects.filter(workspace=visit.workspace, revoked_at=None).select_related("user")
    return list(keys if visit.may(Act.ADMINISTER) else keys.filter(user=visit.user))


@require_POST
@page
def revoke(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Revoke a key."""
    key = next((key for key in _keys(visit) if key.pk == pk), None)
    if key is None:
        raise Http404
    revoke_key(key=key, actor=visit.access.actor)
    recent_keys.forget_all()
    return redirect("dashboard:settings")
