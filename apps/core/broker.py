"""Telling the broker of a row that waits; what waits there, and whether it may forget."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import redis
from celery import Task, current_app
from kombu.exceptions import ChannelError, OperationalError

logger = logging.getLogger(__name__)
_SECONDS = 2
# The last comes as it is where a connection is used again after the broker went away.
BROKER_AWAY = (OperationalError, OSError, redis.RedisError)
_Found = TypeVar("_Found")


def tell(task: "Task[..., Any]", row_id: UUID, **options: Any) -> None:
    """Send a message that names a row; where the broker is down or full, the row's dispatcher sends it later."""
    try:
        task.apply_async(args=(str(row_id),), retry=False, **options)
    except (OperationalError, ChannelError) as error:
        logger.warning("The broker does not take %s; %s is sent later: %s", task.name, row_id, error)


def messages_in(queue: str) -> int | None:
    """Return how many messages wait in a queue; None when the broker does not answer."""
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=_SECONDS)
            channel: Any = broker.default_channel
            return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # a queue that was never used
        return 0
    except BROKER_AWAY:
        return None


def eviction_policy() -> str | None:
    """Return what a Redis does when its memory is full; None when it does not say.

    Every policy but `noeviction` removes keys that somebody relies on, a queue's binding among them.
    """
    return on_redis(lambda server: str(server.config_get("maxmemory-policy").get("maxmemory-policy") or "") or None)


def memory_share() -> float | None:
    """Return the share of its memory limit that a Redis uses; None when it has none, or does not say."""

    def look(server: "redis.Redis") -> float | None:
        found = server.info("memory")
        limit = int(found.get("maxmemory") or 0)
        return int(found["used_memory"]) / limit if limit else None

    return on_redis(look)


def is_redis() -> bool:
    """Say whether the broker is a Redis, or speaks as one."""
    return str(current_app.conf.broker_url or "").startswith(("redis://", "rediss://", "unix://"))


def on_redis(question: "Callable[[redis.Redis], _Found | None]") -> "_Found | None":
    """Ask a Redis that is the broker; None when it is none, or does not answer."""
    if not is_redis():
        return None
    url = str(current_app.conf.broker_url)
    try:
        with redis.Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS) as server:
            return question(server)
    except redis.RedisError:  # down, or a managed one that keeps its configuration to itself
        return None
