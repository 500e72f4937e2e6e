"""How a message is sent, one file a kind of channel."""

from collections.abc import Callable

from apps.alerts.messages import Message
from apps.alerts.models import Channel
from apps.alerts.senders import email, slack, teams, webhook

Send = Callable[[Channel, str, Message], None]

# Each takes a channel, the id of the message and what it says; it raises `NotSent`.
SENDERS: dict[str, Send] = {
    Channel.Kind.EMAIL: email.send,
    Channel.Kind.SLACK: slack.send,
    Channel.Kind.TEAMS: teams.send,
    Channel.Kind.WEBHOOK: webhook.send,
}
