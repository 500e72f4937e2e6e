"""What is said of an alert, the same to whomever it is sent."""

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from apps.alerts.models import Channel, Delivery

_PRODUCT = "mlplatform"


@dataclass(frozen=True, slots=True)
class Message:
    """Plain values: they are kept with the first try and said again by each later one."""

    type: str
    title: str
    sentence: str
    severity: str
    workspace: str
    workspace_name: str
    alert: str | None = None
    model: str | None = None
    model_name: str = ""
    count: int = 1
    first_at: str | None = None
    last_at: str | None = None
    details: dict[str, Any] | None = None
    link: str = ""

    @property
    def lines(self) -> list[str]:
        """What is told below the title, line by line."""
        where = f"Workspace: {self.workspace_name}"
        told = [self.sentence, where]
        if self.count > 1:
            told.append(f"It happened {self.count} times from {_read(self.first_at)} to {_read(self.last_at)} UTC.")
        elif self.last_at:
            told.append(f"At {_read(self.last_at)} UTC")
        return [line for line in [*told, self.link] if line]

    @property
    def subject(self) -> str:
        """The title on one line, as mail wants it."""
        return f"[{_PRODUCT}] {' '.join(self.title.split())}"


def message_of(delivery: Delivery, channel: Channel) -> dict[str, Any]:
    """Return what a delivery says now, as it is kept."""
    return asdict(_message(delivery, channel))


def _message(delivery: Delivery, channel: Channel) -> Message:
    workspace = channel.workspace
    where: dict[str, Any] = {"workspace": str(workspace.pk), "workspace_name": workspace.name, "link": _link()}
    if delivery.purpose == Delivery.Purpose.TEST:
        sentence = f"Alerts of this workspace reach the channel {channel.name}."
        return Message(type="test", title="This is a test.", sentence=sentence, severity="info", **where)
    alert = delivery.alert
    if alert is None:
        title = f"The day's budget of {channel.budget} messages is spent."
        sentence = (
            f"What else happens today ({channel.time_zone}) is not sent to {channel.name}: look at the page of alerts."
        )
        return Message(type="budget", title=title, sentence=sentence, severity="warning", **where)
    return Message(
        type=f"alert.{alert.kind}",
        title=alert.title,
        sentence=alert.sentence,
        severity=alert.severity,
        alert=str(alert.pk),
        model=str(alert.model_id) if alert.model_id else None,
        model_name=alert.model_name,
        count=alert.count,
        first_at=alert.first_at.isoformat(),
        last_at=alert.last_at.isoformat(),
        details=alert.details,
        **where,
    )


def _link() -> str:
    return f"{settings.PUBLIC_URL}/alerts/" if settings.PUBLIC_URL else ""


def _read(moment: str | None) -> str:
    return (moment or "")[:16].replace("T", " ")
