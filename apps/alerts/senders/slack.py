"""Slack's incoming webhooks, and what understands them (Mattermost, Rocket.Chat)."""

from apps.alerts.messages import Message
from apps.alerts.models import Channel
from apps.alerts.senders.posting import post
from apps.core.api.renderers import dump_json

_LONGEST_TITLE, _LONGEST_TEXT = 150, 2_900


def send(channel: Channel, _message_id: str, message: Message) -> None:
    """Post a message in plain text: a model's name must neither call a channel nor make a link."""
    text = "\n".join(message.lines)[:_LONGEST_TEXT]
    blocks = [
        {"type": "header", "text": _plain(message.title[:_LONGEST_TITLE])},
        {"type": "section", "text": _plain(text)},
    ]
    post(channel.address, dump_json({"text": _escaped(f"{message.title}\n{text}"), "blocks": blocks}))


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
