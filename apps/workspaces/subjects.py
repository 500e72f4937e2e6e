"""Pseudonyms of the people whom data are about: keyed, the same for one id in one workspace, and never turned back.

A pseudonym is an HMAC of the id under the instance's `SECRET_KEY`, derived anew for each workspace: who holds the database
alone cannot try ids, and one person has another pseudonym in another workspace. After a change of the key, what was written
under one before it is still found as long as that is named in `SECRET_KEY_FALLBACKS`.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Collection
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.core.errors import InvalidInput, Problem

SHAPE = re.compile(r"s-[0-9a-f]{32}")
LONGEST = 300
_SALT = b"apps.workspaces.subjects"


def subject_text(value: Any) -> str | None:
    """Return an id as it is compared: 17, 17.0 and " 17 " are one; None for what is no id."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    return unicodedata.normalize("NFC", text).strip() or None


def pseudonym(workspace_id: UUID, subject: Any) -> str:
    """Return the pseudonym of an id under the present key; "" for no id."""
    text = subject_text(subject)
    return "" if text is None else _derived(_key(workspace_id, settings.SECRET_KEY), text)


def pseudonyms(workspace_id: UUID, subject: Any) -> list[str]:
    """Return every pseudonym that an id may have been written under, that of the present key first."""
    text = subject_text(subject)
    return [] if text is None else [_derived(key, text) for key in _keys(workspace_id)]


def matcher(workspace_id: UUID, wanted: Collection[str]) -> Callable[[Any], bool]:
    """Return what tells whether a value is one of these subjects: their id, or already their pseudonym."""
    keys, wanted = _keys(workspace_id), frozenset(wanted)

    def matches(value: Any) -> bool:
        text = subject_text(value)
        return text is not None and (text in wanted or any(_derived(key, text) in wanted for key in keys))

    return matches


def is_subject(value: str) -> bool:
    """Say whether a text can be looked for as an id: not empty, not too long, no sign that nobody sees."""
    text = subject_text(value)
    return text is not None and len(text) <= LONGEST and not any(unicodedata.category(sign)[0] == "C" for sign in text)


def checked_subject(value: Any) -> str:
    """Return the id that a client names, or raise `InvalidInput`, which does not repeat it."""
    text = subject_text(value) if isinstance(value, str | int) else None
    if text is None or not is_subject(text):
        words = f"A subject is an id of 1 to {LONGEST} characters, written as in the data."
        raise InvalidInput(words, [Problem("/subject", "bad_subject", words)])
    return text


def _keys(workspace_id: UUID) -> list[bytes]:
    return [_key(workspace_id, secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@lru_cache(maxsize=1_000)
def _key(workspace_id: UUID, secret: str) -> bytes:
    return hmac.digest(secret.encode(), _SALT + UUID(str(workspace_id)).bytes, "sha256")


def _derived(key: bytes, text: str) -> str:
    return f"s-{hmac.digest(key, text.encode(errors='surrogatepass'), 'sha256').hex()[:32]}"
