"""What waits at the broker, and whether it may forget."""

from typing import Any

import redis
from celery import current_app
from kombu.exceptions import ChannelError, OperationalError

_SECONDS = 2


def messages_in(queue: str) -> int | None:
    """Return how many messages wait in a queue; None when the broker does not answer."""
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=_SECONDS)
            channel: Any = broker.default_channel
            return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # a queue that was never used
        return 0
    except (OperationalError, OSError):
        return None


def eviction_policy() -> str | None:
    """Return what a Redis does when its memory is full; None when it does not say.

    Every policy but `noeviction` removes keys that somebody relies on, a queue's binding among them.
    """
    url = str(current_app.conf.broker_url or "")
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return None
    try:
        with redis.Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS) as server:
            return str(server.config_get("maxmemory-policy").get("maxmemory-policy") or "") or None
    except redis.RedisError:  # down, or a managed one that keeps its configuration to itself
        return None
