"""Every error the platform raises on purpose: one base, a code, a status, and when to try again where that can help."""

from dataclasses import dataclass, field
from typing import ClassVar

from django.db import InterfaceError, OperationalError

DATABASE_AWAY = (OperationalError, InterfaceError)  # it restarts, is busy, or the line to it broke: another try may do


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in what a client sent.

    `pointer` is an RFC 6901 JSON pointer into the request (`/data/3/age`), or a query or form field's name.
    """

    pointer: str
    code: str
    detail: str


@dataclass(eq=False)
class PlatformError(Exception):
    """Base of the platform's own errors; `detail` says what happened and what to do, in words a user understands."""

    detail: str
    problems: list[Problem] = field(default_factory=list)
    retry_after: int | None = None

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The platform could not do this"

    def __str__(self) -> str:
        return self.detail


class UnreadableRequest(PlatformError):
    """The request cannot be read at all (broken JSON, impossible nesting)."""

    status, code, title = 400, "unreadable_request", "The request cannot be read"


class Unauthenticated(PlatformError):
    """Nobody we know."""

    status, code, title = 401, "not_authenticated", "Sign in first"


class Forbidden(PlatformError):
    """A member of the workspace whose role or key does not reach this far."""

    status, code, title = 403, "forbidden", "Your role or key does not allow this"


class NotFound(PlatformError):
    """Nothing here for this caller; says nothing of what others own."""

    status, code, title = 404, "not_found", "Not found"

    def __init__(self, detail: str = "Nothing with this id in your workspaces.") -> None:
        super().__init__(detail)


class Conflict(PlatformError):
    """The object's state does not allow this now."""

    status, code, title = 409, "conflict", "The current state does not allow this"


class Gone(PlatformError):
    """It was there, and was removed on purpose."""

    status, code, title = 410, "gone", "No longer there"


class TooLarge(PlatformError):
    """Over a quota or a size cap."""

    status, code, title = 413, "too_large", "Too large"


class UnsupportedMedia(PlatformError):
    """A media type this route does not read."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class InvalidInput(PlatformError):
    """Understood but invalid; `problems` names each fault."""

    status, code, title = 422, "invalid", "The request is understood but invalid"


class Throttled(PlatformError):
    """Too many requests or too much queued work."""

    status, code, title = 429, "throttled", "Too many requests"


class Unavailable(PlatformError):
    """A part of the platform is down or a file is damaged; the caller may come back later."""

    status, code, title = 503, "unavailable", "A part of the platform is not available"


class StorageFull(PlatformError):
    """No space left for what must be written."""

    status, code, title = 507, "storage_full", "No space left"
