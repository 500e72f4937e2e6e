"""One's own account: the password."""

from django.contrib import messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from apps.core.errors import PlatformError, Throttled
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import PageForm, checked
from apps.workspaces.actions import change_password
from apps.workspaces.api.serializers import NewPasswordSerializer


class PasswordForm(PageForm):
    """The password in use, and twice the one to come."""

    labels = {
        "old": gettext_lazy("Password in use"),
        "new": gettext_lazy("New password"),
        "again": gettext_lazy("New password, again"),
    }
    wait = 0  # seconds, for who guesses

    def write(self, visit: Visit) -> bool:
        """Change the password, or say what is wrong."""
        sent = visit.request.POST
        if sent.get("new", "") != sent.get("again", ""):
            self.say("again", _("It is not the same as above."))
            return False
        try:
            words = checked(NewPasswordSerializer(data={name: sent.get(name, "") for name in ("old", "new")}))
            authenticate(visit.request, username=visit.user.get_username(), password=words["old"])  # counts who guesses
            user = change_password(user_id=visit.user.pk, actor=visit.access.actor, **words)
        except PlatformError as error:
            self.wait = (error.retry_after or 0) if isinstance(error, Throttled) else 0
            self.refuse(error)
            return False
        update_session_auth_hash(visit.request, user)
        return True


@sensitive_post_parameters("old", "new", "again")
@page
def account(visit: Visit) -> HttpResponseBase:
    """Change one's password; other browsers of the user are signed out by it, keys stay."""
    form = PasswordForm()
    if visit.request.method == "POST" and form.write(visit):
        messages.success(visit.request, _("Your password is changed. Elsewhere you are asked to sign in again."))
        return redirect("dashboard:account")
    status = 429 if form.wait else 422 if form.faults else 200
    answer = visit.render("account.html", status, form=form)
    if form.wait:
        answer.headers["Retry-After"] = str(form.wait)
    return answer
