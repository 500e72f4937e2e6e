"""Sends what is due: claims a message, hands it to its channel's sender, notes what came of it."""

import logging
import time
from itertools import zip_longest
from uuid import UUID

from apps.alerts import lifecycle
from apps.alerts.messages import Message, message_of
from apps.alerts.senders import SENDERS
from apps.alerts.senders.posting import NotSent

logger = logging.getLogger(__name__)
_MOST_SECONDS = 60.0
_AT_ONCE = 200  # of a channel


def deliver(delivery_id: UUID) -> bool:
    """Send one message if it is due; False when its channel did not take it."""
    claim = lifecycle.claim(delivery_id, message_of)
    if claim is None:
        return True
    assert claim.delivery.message is not None
    message = Message(**claim.delivery.message)
    try:
        SENDERS[claim.channel.kind](claim.channel, f"msg_{claim.delivery.pk.hex}", message)
    except NotSent as error:
        logger.warning("Message %s, try %s: %s", claim.delivery.pk, claim.delivery.attempt, error)
        if error.is_final:
            lifecycle.fail(claim, error.detail)
        else:
            lifecycle.try_later(claim, error.detail, wait=error.wait)
        return False
    except Exception as error:
        lifecycle.try_later(claim, f"The sending stopped with {type(error).__name__}; the worker's log has the details.")
        raise
    lifecycle.sent(claim)
    return True


def dispatch() -> None:
    """Take back what died and send what is due, for a minute at most, each channel in turn; one that fails waits for the next time."""
    lifecycle.take_back_expired()
    end, failing = time.monotonic() + _MOST_SECONDS, set()
    channels = list(lifecycle.due().order_by().values_list("channel_id", flat=True).distinct())
    queues = [list(lifecycle.due().filter(channel_id=one).values_list("pk", flat=True)[:_AT_ONCE]) for one in channels]
    for turn in zip_longest(*queues):
        for channel_id, delivery_id in zip(channels, turn, strict=True):
            if delivery_id is None or channel_id in failing:
                continue
            if time.monotonic() > end:
                return
            if not deliver(delivery_id):
                failing.add(channel_id)
