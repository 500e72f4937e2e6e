"""What every page begins with: a signed-in user, their reach, the workspace they look at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.alerts.selectors import with_open_alerts
from apps.core.errors import Forbidden, NotFound, PlatformError
from apps.core.permissions import Act
from apps.workspaces.access import Access
from apps.workspaces.models import Workspace
from apps.workspaces.selectors import access_of, last_worked_in

SESSION_KEY = "workspace"
Page = Callable[..., HttpResponseBase]


class Visit:
    """A request for a page: who asks, and in which workspace."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.user = cast("User", request.user)
        self.access: Access = access_of(self.user)
        self.workspaces = list(with_open_alerts(Workspace.objects.filter(pk__in=self.access.workspace_ids)))
        self.workspace = self._chosen()

    def _chosen(self) -> Workspace | None:
        wanted = self.request.GET.get("workspace") or self.request.session.get(SESSION_KEY)
        found = next((w for w in self.workspaces if str(w.pk) == str(wanted)), None)
        if found is None and len(self.workspaces) > 1:
            latest = last_worked_in(self.user, self.workspaces)
            found = next((w for w in self.workspaces if w.pk == latest), None)
        chosen = found or (self.workspaces[0] if self.workspaces else None)
        if chosen is not None and self.request.session.get(SESSION_KEY) != str(chosen.pk):
            self.request.session[SESSION_KEY] = str(chosen.pk)
        return chosen

    @property
    def workspace_ids(self) -> list[UUID]:
        """The workspace in view, as a list; empty for a user of none."""
        return [self.workspace.pk] if self.workspace else []

    def turn_to(self, workspace_id: UUID) -> None:
        """Look at the workspace of the object that this page is about; say so when another was in view."""
        if self.workspace is not None and self.workspace.pk == workspace_id:
            return
        self.workspace = next(w for w in self.workspaces if w.pk == workspace_id)
        if self.request.method == "GET" and "HX-Request" not in self.request.headers:
            self.request.session[SESSION_KEY] = str(workspace_id)
            messages.info(self.request, _("You are in the workspace {name} now.").format(name=self.workspace.name))

    def may(self, act: Act) -> bool:
        """Say whether the user may do `act` in the workspace in view."""
        return self.workspace is not None and self.access.may(act, self.workspace.pk)

    def require(self, act: Act, workspace_id: UUID) -> None:
        """Raise 404 for a stranger, 403 for a member whose role does not reach."""
        try:
            self.access.require(act, workspace_id)
        except NotFound as error:
            raise Http404 from error
        except Forbidden as error:
            raise PermissionDenied(error.detail) from error

    @contextmanager
    def showing_refusals(self) -> Iterator[None]:
        """Show what a verb refuses on the next page, in its own words."""
        try:
            yield
        except PlatformError as error:
            messages.error(self.request, error.detail)

    def render(self, template: str, status: int = 200, **context: Any) -> HttpResponseBase:
        """Render a page with what the frame around it needs."""
        rights = {act.name.lower(): self.may(act) for act in Act}
        section = self.request.path.split("/")[1]
        frame = {"workspaces": self.workspaces, "workspace": self.workspace, "may": rights, "section": section}
        return render(self.request, f"dashboard/{template}", {**frame, **context}, status=status)


def page(view: Callable[..., HttpResponseBase]) -> Page:
    """Make a page of a function that takes a `Visit`."""

    @wraps(view)
    def answer(request: HttpRequest, **named: Any) -> HttpResponseBase:
        return view(Visit(request), **named)

    signed_in = login_required(answer)

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def enter(request: HttpRequest, **named: Any) -> HttpResponseBase:
        if request.method == "POST" and not request.user.is_authenticated:
            messages.warning(request, why_not_taken(request))
        if "HX-Request" in request.headers and not request.user.is_authenticated:
            return _sign_in_from(place_of(request))
        return signed_in(request, **named)

    return enter


def workspace_page(view: Callable[..., HttpResponseBase]) -> Page:
    """Make a page about the workspace in view; who is in none is led to the page that says so."""

    @wraps(view)
    def enter(visit: Visit, **named: Any) -> HttpResponseBase:
        return redirect("dashboard:home") if visit.workspace is None else view(visit, **named)

    return page(enter)


def why_not_taken(request: HttpRequest) -> str:
    """Say why what a page sent was not taken, whether its session has ended or another one has begun."""
    if request.user.is_authenticated:
        return _("You signed in again since this page was opened. It was loaded anew: send it again.")
    return _("Your session has ended, and nothing was sent. Sign in, then send it again.")


def place_of(request: HttpRequest) -> str:
    """Return the address of the page that a part of a page, or a form, was sent from; the dashboard when it is not ours."""
    came_from = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        return reverse("dashboard:home")
    parts = urlsplit(came_from)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _sign_in_from(place: str) -> HttpResponse:
    """Have the browser leave the page for the sign-in: the answer would be put into the page otherwise."""
    address = f"{reverse('dashboard:sign_in')}?{urlencode({'next': place}, safe='/')}"
    return HttpResponse(headers={"HX-Redirect": address})
