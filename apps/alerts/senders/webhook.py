"""Webhooks, signed as Standard Webhooks says (https://www.standardwebhooks.com), which libraries of many languages check."""

import base64
import binascii
import hashlib
import hmac
import secrets

from apps.alerts.messages import Message
from apps.alerts.models import Channel
from apps.alerts.senders.posting import post
from apps.core import clock
from apps.core.api.renderers import dump_json

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64
_SHOWN_BYTES = 32


def send(channel: Channel, message_id: str, message: Message) -> None:
    """Post a message with its id, which is the same at every try, its time and its signature."""
    told = {
        "alert": message.alert,
        "title": message.title,
        "sentence": message.sentence,
        "severity": message.severity,
        "workspace": message.workspace,
        "workspace_name": message.workspace_name,
        "model": message.model,
        "model_name": message.model_name,
        "count": message.count,
        "first_at": message.first_at,
        "last_at": message.last_at,
        "details": message.details or {},
        "link": message.link,
    }
    now = clock.now()
    body = dump_json({"type": message.type, "timestamp": message.last_at or now.isoformat(), "data": told})
    seconds = int(now.timestamp())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature(channel.secret, message_id, seconds, body),
        "Idempotency-Key": message_id,
    }
    post(channel.address, body, headers)


def signature(secret: str, message_id: str, seconds: int, body: bytes) -> str:
    """Return the signature of a body: HMAC-SHA256 of its id, its time and itself."""
    signed = b".".join([message_id.encode(), str(seconds).encode(), body])
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def new_secret() -> str:
    """Make a secret."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SHOWN_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Say whether a text is a secret as the standard has it: `whsec_` and 24 to 64 bytes in base64."""
    try:
        return text.startswith(_PREFIX) and _LEAST_BYTES <= len(_key(text)) <= _MOST_BYTES
    except (binascii.Error, ValueError):
        return False


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
