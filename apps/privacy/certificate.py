"""The account of an erasure: what was erased where, signed by the instance; it names the subject by its pseudonym alone."""

import json
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

_SALT = "apps.privacy.certificate"


def canonical(told: dict[str, Any]) -> str:
    """Return a certificate as it is signed."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sign(written: str, *, key: str | None = None) -> str:
    """Return the HMAC-SHA256 of a written certificate."""
    return salted_hmac(_SALT, written, secret=key, algorithm="sha256").hexdigest()


def is_ours(told: dict[str, Any], signature: str) -> bool:
    """Say whether a certificate was signed here, with the present key or one before it, and not changed since."""
    written = canonical(told)
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(sign(written, key=key), signature) for key in keys)
