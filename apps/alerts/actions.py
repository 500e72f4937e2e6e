"""Verbs on alerts and channels: raise, end and acknowledge; make, change, test and delete; sweep what is old."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from apps.alerts.models import SEVERITY_OF, Alert, Channel, Delivery, Severity
from apps.alerts.quiet import quiet_until
from apps.alerts.selectors import channels_for
from apps.alerts.senders.webhook import is_secret, new_secret
from apps.core import clock
from apps.core.broker import tell
from apps.core.errors import Conflict, InvalidInput, Problem, Throttled
from apps.core.outbound import OutboundError, target_of
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

ALERTS_KEPT_FOR, MESSAGES_KEPT_FOR = timedelta(days=90), timedelta(days=30)
MOST_CHANNELS = 50
MOST_TESTS = 20
_LONGEST_TITLE, _LONGEST_NAME = 300, 200
_DAY = timedelta(days=1)
_SWEPT_AT_ONCE = 1_000
_UNFINISHED = (Delivery.Status.PENDING, Delivery.Status.SENDING)


def raise_alert(
    *,
    workspace_id: UUID,
    kind: str,
    key: str,
    title: str,
    sentence: str = "",
    details: dict[str, Any] | None = None,
    model_id: UUID | None = None,
    model_name: str = "",
    severity: str | None = None,
    is_lasting: bool = False,
) -> Alert:
    """Write an alert and its messages in the caller's transaction; they are sent once that is committed.

    While an alert of this `key` is open it is counted there, and told again after `ALERT_REPEAT_SECONDS` at the earliest.
    What lasts (`is_lasting`: a full disk) is not told again once it is acknowledged, until it has ended (`end_alerts`).
    """
    now = clock.now()
    facts = {
        "kind": kind,
        "severity": severity or SEVERITY_OF[kind],
        "title": title[:_LONGEST_TITLE],
        "sentence": sentence,
        "details": details or {},
        "model_id": model_id,
        "model_name": model_name[:_LONGEST_NAME],
    }
    with transaction.atomic():
        alert, is_new = _open_alert(workspace_id, key, facts, now, is_lasting=is_lasting)
        if not is_new:
            Alert.objects.filter(pk=alert.pk).update(**facts, last_at=now, count=F("count") + 1, ended_at=None)
            alert.refresh_from_db()
        if is_new or (alert.acknowledged_at is None and now - alert.notified_at >= _repeat()):
            Alert.objects.filter(pk=alert.pk).update(notified_at=now)
            _write_messages(alert, now)
    return alert


def _repeat() -> timedelta:
    return timedelta(seconds=settings.ALERT_REPEAT_SECONDS)


def _open_alert(
    workspace_id: UUID, key: str, facts: dict[str, Any], now: datetime, *, is_lasting: bool
) -> tuple[Alert, bool]:
    """Return the alert that this one is counted on, its row locked, or a new one; and whether it is new."""
    if (found := _counted_on(workspace_id, key, is_lasting=is_lasting)) is not None:
        return found, False
    try:
        with transaction.atomic():
            made = Alert.objects.create(
                workspace_id=workspace_id, key=key, first_at=now, last_at=now, notified_at=now, **facts
            )
            return made, True
    except IntegrityError:
        found = _counted_on(workspace_id, key, is_lasting=is_lasting)  # another process was quicker
        if found is None:
            raise
        return found, False


def _counted_on(workspace_id: UUID, key: str, *, is_lasting: bool) -> Alert | None:
    counts = Q(acknowledged_at=None) | Q(ended_at=None) if is_lasting else Q(acknowledged_at=None)
    same = Alert.objects.select_for_update().filter(counts, workspace_id=workspace_id, key=key)
    found: Alert | None = same.order_by(F("acknowledged_at").asc(nulls_first=True), "-last_at").first()
    return found


def _write_messages(alert: Alert, now: datetime) -> None:
    """Put a message into the outbox for each channel that takes the alert and has none of it waiting."""
    waiting = set(Delivery.objects.filter(alert=alert, status__in=_UNFINISHED).values_list("channel_id", flat=True))
    for channel in channels_for(alert.workspace_id, alert.kind, alert.severity):
        if channel.pk in waiting:
            continue
        end = quiet_until(now, begins=channel.quiet_from, ends=channel.quiet_until, zone=channel.time_zone)
        delivery = Delivery.objects.create(channel=channel, alert=alert, next_at=end or now)
        if end is None:
            _send_after_commit(delivery)


def _send_after_commit(delivery: Delivery) -> None:
    """Have a message sent at once; where the broker is down the dispatcher sends it later."""
    from apps.alerts.tasks import deliver

    transaction.on_commit(partial(tell, deliver, delivery.pk))


def end_alerts(*, keys: list[str], workspace_id: UUID | None = None) -> int:
    """Note that what these alerts tell of is over; in all workspaces unless one is given. Return how many there were."""
    lasting = Alert.objects.filter(key__in=keys, ended_at=None)
    lasting = lasting if workspace_id is None else lasting.filter(workspace_id=workspace_id)
    return int(lasting.update(ended_at=clock.now()))


@transaction.atomic
def acknowledge(*, alert: Alert, actor: Actor) -> Alert:
    """Note that somebody sees to an alert; the first one who says so counts."""
    now = clock.now()
    if Alert.objects.filter(pk=alert.pk, acknowledged_at=None).update(acknowledged_at=now, acknowledged_by=actor.user_id):
        record_audit(actor=actor, workspace_id=alert.workspace_id, verb="alert.acknowledge", target=alert)
    alert.refresh_from_db()
    return alert


@dataclass(frozen=True, slots=True)
class Made:
    """A channel, and the secret that was made for it, which is shown this once; "" where none was."""

    channel: Channel
    secret: str = ""


@transaction.atomic
def create_channel(*, workspace: Workspace, kind: str, fields: dict[str, Any], actor: Actor) -> Made:
    """Make a channel; a webhook without a secret is given one."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # two at once must not pass the bound
    if Channel.objects.filter(workspace=workspace).count() >= MOST_CHANNELS:
        raise Conflict(f"A workspace has at most {MOST_CHANNELS} channels. Delete one first.")
    own = _secret_for(kind, fields.get("secret", ""))
    given = {"time_zone": settings.PAGES_TIME_ZONE, **fields, "secret": own}
    channel = Channel(workspace=workspace, kind=kind, created_by_id=actor.user_id, **given)
    _check(channel)
    channel.save()
    details = {"name": channel.name, "kind": kind}
    record_audit(actor=actor, workspace_id=workspace.pk, verb="channel.create", target=channel, details=details)
    return Made(channel, "" if own == fields.get("secret", "") else own)


@transaction.atomic
def change_channel(*, channel: Channel, fields: dict[str, Any], actor: Actor) -> Made:
    """Change what is given; an empty `secret` has a new one made."""
    channel = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    made = ""
    if "secret" in fields:
        own = _secret_for(channel.kind, fields["secret"])
        made = "" if own == fields["secret"] else own
        fields = {**fields, "secret": own}
    for name, value in fields.items():
        setattr(channel, name, value)
    _check(channel)
    channel.save()
    details = {"name": channel.name, "fields": sorted(fields)}
    record_audit(actor=actor, workspace_id=channel.workspace_id, verb="channel.change", target=channel, details=details)
    return Made(channel, made)


@transaction.atomic
def delete_channel(*, channel: Channel, actor: Actor) -> None:
    """Delete a channel with its messages."""
    details = {"name": channel.name, "kind": channel.kind}
    record_audit(actor=actor, workspace_id=channel.workspace_id, verb="channel.delete", target=channel, details=details)
    channel.delete()


@transaction.atomic
def try_channel(*, channel: Channel, actor: Actor) -> Delivery:
    """Have a message sent that says it is a test, at quiet times too; return the one under way if there is one."""
    Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
    tests = Delivery.objects.filter(channel=channel, purpose=Delivery.Purpose.TEST)
    under_way: Delivery | None = tests.filter(status__in=_UNFINISHED).first()
    if under_way is not None:
        return under_way
    now = clock.now()
    if tests.filter(created_at__gt=now - _DAY).count() >= MOST_TESTS:
        text = f"A channel takes {MOST_TESTS} tests a day. Try again tomorrow."
        raise Throttled(text, retry_after=int(_DAY.total_seconds()))
    delivery: Delivery = Delivery.objects.create(channel=channel, purpose=Delivery.Purpose.TEST, next_at=now)
    record_audit(actor=actor, workspace_id=channel.workspace_id, verb="channel.test", target=channel)
    _send_after_commit(delivery)
    return delivery


def _secret_for(kind: str, given: str) -> str:
    if kind != Channel.Kind.WEBHOOK:
        if given:
            raise _at("secret", "Only webhooks are signed: leave the secret out.")
        return ""
    if given and not is_secret(given):
        raise _at("secret", "A secret is whsec_ followed by 24 to 64 bytes in base64; leave it out to have one made.")
    return given or new_secret()


def _check(channel: Channel) -> None:
    """Raise `InvalidInput` for an address that is never asked, and for quiet times that are none."""
    if channel.kind == Channel.Kind.EMAIL:
        try:
            validate_email(channel.address)
        except ValidationError as error:
            raise _at("address", "This is no e-mail address.") from error
    else:
        _check_url(channel)
    if channel.time_zone not in available_timezones():
        raise _at("time_zone", "There is no such time zone. Write it as in Europe/Paris.")
    if (channel.quiet_from is None) != (channel.quiet_until is None):
        raise _at("quiet_until", "A quiet time has a beginning and an end; leave both empty for none.")
    if channel.quiet_from is not None and channel.quiet_from == channel.quiet_until:
        raise _at("quiet_until", "A quiet time ends at another time than it begins.")


def _check_url(channel: Channel) -> None:
    try:
        target = target_of(channel.address)
    except OutboundError as error:
        raise _at("address", error.detail) from error
    if target.scheme == "http" and channel.kind != Channel.Kind.WEBHOOK and not target.is_allowed:
        raise _at("address", "The address of Slack and Teams is the secret itself: it begins with https://.")


def _at(field: str, text: str) -> InvalidInput:
    return InvalidInput(text, [Problem(f"/{field}", "invalid", text)])


def sweep() -> int:
    """Remove old messages that have come to an end, and old alerts that need nobody any more; return how many."""
    now = clock.now()
    messages = Delivery.objects.filter(finished_at__lt=now - MESSAGES_KEPT_FOR)
    done = Q(acknowledged_at__lt=now - ALERTS_KEPT_FOR) | Q(severity=Severity.INFO, last_at__lt=now - ALERTS_KEPT_FOR)
    return _removed(messages) + _removed(Alert.objects.filter(done))


def _removed(rows: QuerySet[Any]) -> int:
    """Delete rows in portions, so that no transaction is long."""
    total = 0
    while chosen := list(rows.values_list("pk", flat=True)[:_SWEPT_AT_ONCE]):
        total += rows.filter(pk__in=chosen).delete()[0]
    return total
