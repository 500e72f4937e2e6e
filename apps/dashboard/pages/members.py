"""Members of a workspace: all may see them, owners add them, change their role and take them out."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.core.errors import InvalidInput, PlatformError, Problem
from apps.core.permissions import Act, Role
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import PageForm, checked, page_of, turn_to_the_form_s_workspace
from apps.workspaces.actions import add_member, change_role, remove_member
from apps.workspaces.api.serializers import MemberSerializer, RoleSerializer
from apps.workspaces.models import Membership, Workspace

REACH = {
    Role.VIEWER: gettext_lazy("Sees all there is, and asks models."),
    Role.ANNOTATOR: gettext_lazy("The same, and gives verdicts on answers."),
    Role.TRAINER: gettext_lazy("The same, and uploads data, makes models and trains them."),
    Role.APPROVER: gettext_lazy("The same, and decides which version is live."),
    Role.OWNER: gettext_lazy("Everything: members, the keys of others, the audit trail, archiving."),
}


@workspace_page
def member_list(visit: Visit) -> HttpResponseBase:
    """Show the members of the workspace."""
    return _show(visit)


class MemberForm(PageForm):
    """Who is to be added, in which role."""

    labels = {"name": gettext_lazy("User name or e-mail"), "role": gettext_lazy("Role")}

    def __init__(self, given: QueryDict) -> None:
        super().__init__()
        self.name = given.get("name", "")
        self.role = given.get("role", str(Role.VIEWER))

    def field_of(self, pointer: str) -> str:
        """Return the field that a pointer means: a user name may have been given as an e-mail address."""
        return super().field_of(pointer.replace("/username", "/name"))


def _show(visit: Visit, status: int = 200, form: MemberForm | None = None) -> HttpResponseBase:
    assert visit.workspace is not None
    members = Membership.objects.filter(workspace=visit.workspace).select_related("user").order_by("user__username")
    form = form or MemberForm(QueryDict())
    shown = page_of(visit, members)
    roles = [(role.value, role.label, REACH[role]) for role in Role]
    return visit.render("members.html", status, members=shown, shown=shown, roles=roles, form=form)


@require_POST
@page
def add(visit: Visit) -> HttpResponseBase:
    """Give a user, named by user name or e-mail address, a role in the workspace."""
    workspace_id = turn_to_the_form_s_workspace(visit)
    visit.require(Act.ADMINISTER, workspace_id)
    form = MemberForm(visit.request.POST)
    try:
        fields = checked(MemberSerializer(data={"username": _user_name(form.name), "role": form.role}))
        member = add_member(
            workspace=Workspace.objects.get(pk=workspace_id),
            username=fields["user"]["username"],
            role=fields["role"],
            actor=visit.access.actor,
        )
    except PlatformError as error:
        form.refuse(error)
        return _show(visit, error.status, form)
    text = _("{name} is a member now: {role}.")
    messages.success(visit.request, text.format(name=member.user.get_username(), role=member.get_role_display()))
    return redirect("dashboard:members")


def _user_name(text: str) -> str:
    """Return the user name that is meant; an e-mail address is one when exactly one active user has it."""
    text = text.strip()
    if "@" not in text or "\0" in text or User.objects.filter(username=text).exists():
        return text
    found = list(User.objects.filter(email__iexact=text, is_active=True).values_list("username", flat=True)[:2])
    if len(found) > 1:
        text = _("Several users have this e-mail address. Give the user name.")
        raise InvalidInput(text, [Problem("/username", "ambiguous", text)])
    return found[0] if found else text


@require_POST
@page
def set_role(visit: Visit, pk: int) -> HttpResponseBase:
    """Give a member another role."""
    member = _find(visit, pk)
    with visit.showing_refusals():
        role = checked(RoleSerializer(data=visit.request.POST))["role"]
        changed = change_role(member=member, role=role, actor=visit.access.actor)
        text = _("{name} is now: {role}.")
        messages.success(visit.request, text.format(name=changed.user.get_username(), role=changed.get_role_display()))
    return redirect("dashboard:members")


@require_POST
@page
def remove(visit: Visit, pk: int) -> HttpResponseBase:
    """Take a member out of the workspace, with the keys they hold for it."""
    member = _find(visit, pk)
    name, has_left = member.user.get_username(), False
    with visit.showing_refusals():
        remove_member(member=member, actor=visit.access.actor)
        messages.success(
            visit.request, _("{name} is no longer a member; their keys for this workspace are revoked.").format(name=name)
        )
        has_left = member.user_id == visit.user.pk
    return redirect("dashboard:home" if has_left else "dashboard:members")


def _find(visit: Visit, pk: int) -> Membership:
    """Return a member of one of the visitor's workspaces, for an owner of it."""
    found = Membership.objects.in_workspaces(visit.access.workspace_ids).select_related("user", "workspace").filter(pk=pk)
    member: Membership | None = found.first()
    if member is None:
        raise Http404
    visit.turn_to(member.workspace_id)
    visit.require(Act.ADMINISTER, member.workspace_id)
    return member
