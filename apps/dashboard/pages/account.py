"""One's own account: the password."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.errors import PlatformError
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import PageForm
from apps.workspaces.actions import change_password


class PasswordForm(PageForm):
    """The password in use, and twice the one to come."""

    labels = {
        "old": gettext_lazy("Password in use"),
        "new": gettext_lazy("New password"),
        "again": gettext_lazy("New password, again"),
    }

    def write(self, visit: Visit) -> bool:
        """Change the password, or say what is wrong."""
        old, new, again = (visit.request.POST.get(name, "") for name in self.labels)
        if new != again:
            self.say("again", _("It is not the same as above."))
            return False
        try:
            change_password(user=visit.user, old=old, new=new, request=visit.request, actor=visit.access.actor)
        except PlatformError as error:
            self.refuse(error)
        return not self.faults


@page
def account(visit: Visit) -> HttpResponseBase:
    """Change one's password; other browsers of the user are signed out by it, keys stay."""
    form = PasswordForm()
    if visit.request.method == "POST" and form.write(visit):
        update_session_auth_hash(visit.request, visit.user)
        messages.success(visit.request, _("Your password is changed. Elsewhere you are asked to sign in again."))
        return redirect("dashboard:account")
    return visit.render("account.html", 422 if form.faults else 200, form=form)
