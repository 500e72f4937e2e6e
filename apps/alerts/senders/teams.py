"""Teams' Workflows ("when a webhook request is received"): an Adaptive Card."""

from typing import Any

from apps.alerts.messages import Message
from apps.alerts.models import Channel
from apps.alerts.senders.posting import post
from apps.core.api.renderers import dump_json

_COLOURS = {"info": "Default", "warning": "Warning", "critical": "Attention"}


def send(channel: Channel, _message_id: str, message: Message) -> None:
    """Post a card of text runs, which know no Markdown: a model's name must not make a link."""
    title = {"type": "TextRun", "text": message.title, "weight": "Bolder", "size": "Medium"}
    rows: list[dict[str, Any]] = [{**title, "color": _COLOURS[message.severity]}]
    rows += [{"type": "TextRun", "text": line} for line in message.lines]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [row]} for row in rows],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "contentUrl": None, "content": card}
    post(channel.address, dump_json({"type": "message", "attachments": [attachment]}))
