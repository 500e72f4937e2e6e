"""Who is calling: an API key in either header form, or a browser session."""

from typing import Any

from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.workspaces.access import Access
from apps.workspaces.recent_keys import recent_keys
from apps.workspaces.selectors import access_of, key_digest, live_key

_SCHEMES = {"token", "bearer"}


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """Accept `Authorization: Token KEY` and `Authorization: Bearer KEY`."""

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        """Return the key's holder and reach; None when the request carries no such header."""
        clear = key_in(request.META.get("HTTP_AUTHORIZATION", ""))
        if clear is None:
            return None
        access = access_with_key(clear)
        if access is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired. Ask for a new one.")
        return access.user, access

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme in the 401 answer."""
        return "Bearer"


def key_in(header: str) -> str | None:
    """Return the clear key that an `Authorization` header brings, in either of its two forms; None when it brings none."""
    scheme, _, clear = header.partition(" ")
    return clear.strip() if scheme.lower() in _SCHEMES else None


def access_with_key(clear: str) -> Access | None:
    """Return the reach of a clear key, or None when it opens nothing."""
    digest = key_digest(clear)
    access = recent_keys.get(digest)
    if access is None and (found := live_key(clear)) is not None:
        access = access_of(found.user, found)
        recent_keys.put(digest, access)
    return access


class SessionAuthentication(authentication.SessionAuthentication):
    """Accept a signed-in browser, with CSRF checked on writes; it reaches all of the user's memberships."""

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        """Return the user and their reach; None for a browser that is not signed in."""
        found = super().authenticate(request)
        return (found[0], access_of(found[0])) if found else None
