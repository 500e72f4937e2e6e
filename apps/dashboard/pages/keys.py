"""Settings of a workspace: its members and one's API keys."""

import secrets
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.core import clock
from apps.core.errors import PlatformError
from apps.core.permissions import Scope
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import PageForm, checked, page_of, turn_to_the_form_s_workspace
from apps.workspaces.actions import issue_key, revoke_key
from apps.workspaces.api.serializers import KeySerializer
from apps.workspaces.models import ApiKey, Membership
from apps.workspaces.selectors import keys_in_workspace, keys_of_holder

SPANS = {
    "30": gettext_lazy("in 30 days"),
    "90": gettext_lazy("in 90 days"),
    "365": gettext_lazy("in a year"),
    "": gettext_lazy("never"),
}
_SENT = "keys_sent"  # the forms that made a key: a browser sends one again when it loads the answer anew
_REMEMBERED = 20
_MEMBERS = 10


class KeyForm(PageForm):
    """What a new key is called, may do, and until when."""

    labels = {"name": gettext_lazy("Name"), "scope": gettext_lazy("May"), "expires_at": gettext_lazy("Expires")}

    def __init__(self, given: QueryDict) -> None:
        super().__init__()
        self.given = given
        self.scope = given.get("scope", str(Scope.PREDICT))
        self.days = given.get("days", "" if given else "365")

    def made(self, visit: Visit) -> str:
        """Make the key and return its clear text, "" when it is refused."""
        if self.days not in SPANS:
            self.say("expires_at", _("Choose one of those that are there."))
            return ""
        end = clock.now() + timedelta(days=int(self.days)) if self.days else None
        try:
            fields = checked(
                KeySerializer(data={"name": self.given.get("name", ""), "scope": self.scope, "expires_at": end})
            )
            _key, clear = issue_key(
                user=visit.user, workspace=visit.workspace, actor=visit.access.actor, maker=visit.access, **fields
            )
        except PlatformError as error:
            self.refuse(error)
            return ""
        return clear


@workspace_page
def settings_page(visit: Visit) -> HttpResponseBase:
    """Show members and keys; make a key, once for each form that was shown."""
    assert visit.workspace is not None
    form, clear = KeyForm(visit.request.POST), ""
    if visit.request.method == "POST":
        turn_to_the_form_s_workspace(visit)
        sending = visit.request.POST.get("sending", "")[:40]
        if sending and sending in visit.request.session.get(_SENT, []):
            messages.info(visit.request, _("This key was made already, and is not shown again. Make another if it is lost."))
            return redirect("dashboard:settings")
        if clear := form.made(visit):
            _remember(visit, sending)
            form = KeyForm(QueryDict())
    members = Membership.objects.filter(workspace=visit.workspace).select_related("user").order_by("user__username")
    return visit.render(
        "settings.html",
        422 if form.faults else 200,
        form=form,
        clear=clear,
        sending=secrets.token_urlsafe(12),
        members=members[:_MEMBERS],
        more_members=max(0, members.count() - _MEMBERS),
        keys=page_of(visit, _keys(visit)),
        scopes=Scope.choices,
        spans=SPANS.items(),
    )


def _remember(visit: Visit, sending: str) -> None:
    visit.request.session[_SENT] = [*visit.request.session.get(_SENT, []), sending][-_REMEMBERED:]


def _keys(visit: Visit) -> QuerySet[ApiKey]:
    """Return the live keys of the workspace that the user may see, and all of the user's own, newest first."""
    seen = keys_of_holder(visit.access)
    if visit.workspace is not None:
        seen |= keys_in_workspace(visit.access, visit.workspace.pk)
    live = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    return seen.filter(live, revoked_at=None).order_by("-created_at", "pk")


@require_POST
@page
def revoke(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Revoke a key."""
    key = _keys(visit).filter(pk=pk).first()
    if key is None:
        raise Http404
    revoke_key(key=key, actor=visit.access.actor)
    return redirect("dashboard:settings")
