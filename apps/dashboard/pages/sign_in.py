"""The sign-in page; guessing is slowed down by the same counts as at the API's door."""

import math
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from apps.core.errors import Throttled


class SignIn(LoginView):
    """Take a name and a password."""

    template_name = "dashboard/sign_in.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Let in who knows the password, and ask to wait who fails too often."""
        try:
            return super().post(request, *args, **kwargs)
        except Throttled as error:
            return self._wait(error.retry_after or 60)

    def _wait(self, seconds: int) -> HttpResponse:
        fresh = self.get_form_class()(self.request, initial={"username": self.request.POST.get("username", "")})
        context = self.get_context_data(form=fresh, minutes=math.ceil(seconds / 60))
        answer = self.render_to_response(context, status=429)
        answer.headers["Retry-After"] = str(seconds)
        return answer
