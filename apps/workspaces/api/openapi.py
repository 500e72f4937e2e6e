"""How the OpenAPI document names our two ways of signing in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # not typed
    """An API key in the Authorization header."""

    target_class = "apps.workspaces.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the bearer form."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer KEY` or `Authorization: Token KEY`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # not typed
    """A signed-in browser."""

    target_class = "apps.workspaces.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the session cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
