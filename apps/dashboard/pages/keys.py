"""Settings of a workspace: its members and one's API keys."""

from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core import clock
from apps.core.permissions import Scope
from apps.dashboard.pages.access import Visit, page
from apps.workspaces.actions import issue_key, revoke_key
from apps.workspaces.models import ApiKey, Membership
from apps.workspaces.selectors import keys_in_workspace, keys_of_holder


@page
def settings_page(visit: Visit) -> HttpResponseBase:
    """Show members and keys; make a key."""
    if visit.workspace is None:
        raise Http404
    clear = fault = ""
    if visit.request.method == "POST":
        _turn_to_the_form_s_workspace(visit)
        name = visit.request.POST.get("name", "").strip()[:80]
        scope = visit.request.POST.get("scope", Scope.READ)
        if not name or scope not in Scope.values:
            fault = _("Give the key a name, and choose what it may do.")
        else:
            _key, clear = issue_key(
                user=visit.user,
                workspace=visit.workspace,
                name=name,
                scope=scope,
                actor=visit.access.actor,
                maker=visit.access,
            )
    members = Membership.objects.filter(workspace=visit.workspace).select_related("user").order_by("user__username")
    return visit.render("settings.html", members=members, keys=_keys(visit), clear=clear, fault=fault, scopes=Scope.choices)


def _turn_to_the_form_s_workspace(visit: Visit) -> None:
    """Look at the workspace that the form was shown for: another tab may have chosen another since."""
    meant = visit.request.POST.get("workspace")
    if meant is None:
        return
    if meant not in {str(workspace.pk) for workspace in visit.workspaces}:
        raise Http404
    visit.turn_to(UUID(meant))


def _keys(visit: Visit) -> list[ApiKey]:
    """Return the live keys of the workspace that the user may see, and all of the user's own."""
    seen = keys_of_holder(visit.access)
    if visit.workspace is not None:
        seen |= keys_in_workspace(visit.access, visit.workspace.pk)
    live = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    return list(seen.filter(live, revoked_at=None))


@require_POST
@page
def revoke(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Revoke a key."""
    key = next((key for key in _keys(visit) if key.pk == pk), None)
    if key is None:
        raise Http404
    revoke_key(key=key, actor=visit.access.actor)
    return redirect("dashboard:settings")
