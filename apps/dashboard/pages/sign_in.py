"""The sign-in page; guessing is slowed down by the same count as the API's door."""

import math
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request

from apps.workspaces.api.views import LoginThrottle


class SignIn(LoginView):
    """Take a name and a password."""

    template_name = "dashboard/sign_in.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Let in who knows the password, and ask to wait who tries too often."""
        throttle = LoginThrottle()
        if throttle.allow_request(Request(request, parsers=[FormParser(), MultiPartParser()]), self):  # type: ignore[arg-type]
            return super().post(request, *args, **kwargs)
        answer = self.render_to_response(self.get_context_data(too_often=True), status=429)
        answer.headers["Retry-After"] = str(math.ceil(throttle.wait() or 60))
        return answer
