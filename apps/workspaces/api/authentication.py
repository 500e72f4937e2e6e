"""Who is calling: an API key in either header form, or a browser session."""

import threading
import time
from typing import Any

from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.workspaces.access import Access
from apps.workspaces.selectors import access_of, key_digest, live_key

_SCHEMES = {"token", "bearer"}
_REMEMBER_SECONDS = 3.0
_REMEMBER_KEYS = 1_000


class _RecentKeys:
    """What recent keys may reach, for a few seconds, so that a busy client costs no query a request.

    Revoking a key in this process forgets it at once; other processes follow within `_REMEMBER_SECONDS`.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Access]] = {}
        self._lock = threading.Lock()

    def get(self, digest: str) -> Access | None:
        known = self._known.get(digest)
        return known[1] if known and known[0] > time.monotonic() else None

    def put(self, digest: str, access: Access) -> None:
        with self._lock:
            if len(self._known) >= _REMEMBER_KEYS:
                self._known.clear()
            self._known[digest] = (time.monotonic() + _REMEMBER_SECONDS, access)

    def forget_all(self) -> None:
        with self._lock:
            self._known.clear()


recent_keys = _RecentKeys()


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """Accept `Authorization: Token KEY` and `Authorization: Bearer KEY`."""

    def authenticate(self, request: Request) -> tuple[Any, Access] | None:
        """Return the key's holder and reach; None when the request carries no such header."""
        scheme, _, clear = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() not in _SCHEMES:
            return None
        access = access_with_key(clear.strip())
        if access is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired. Ask for a new one.")
        return access.user, access

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme in the 401 answer."""
        return "Bearer"


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
