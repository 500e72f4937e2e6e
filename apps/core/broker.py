"""What waits at the broker."""

from celery import current_app
from kombu.exceptions import ChannelError, OperationalError


def messages_in(queue: str) -> int | None:
    """Return how many messages wait in a queue; None when the broker does not answer."""
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
            return int(broker.default_channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # a queue that was never used
        return 0
    except (OperationalError, OSError):
        return None
