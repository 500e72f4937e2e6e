"""Reads of alerts, channels and their messages."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.alerts.models import Alert, Channel, Delivery, Severity
from apps.core.outbound import OutboundError, target_of
from apps.core.permissions import Role
from apps.workspaces.models import Workspace


def channels_for(workspace_id: UUID, kind: str, severity: str) -> list[Channel]:
    """Return the channels of a workspace that take alerts of this kind and severity."""
    enabled = Channel.objects.filter(workspace_id=workspace_id, enabled=True)
    return [channel for channel in enabled if channel.takes(kind, severity)]


def workspaces_for_the_machine(kind: str, severity: str) -> list[UUID]:
    """Return the workspaces that are told of the machine: those with a channel for it, and the operators' own."""
    asked = {one.workspace_id for one in Channel.objects.filter(enabled=True) if one.takes(kind, severity)}
    operators = Q(memberships__role=Role.OWNER, memberships__user__is_staff=True, memberships__user__is_active=True)
    return sorted(asked | set(Workspace.objects.filter(operators).values_list("pk", flat=True)))


def with_open_alerts(workspaces: QuerySet[Workspace]) -> QuerySet[Workspace]:
    """Return workspaces, each with the number of its alerts that ask to be acknowledged (`open_alerts`)."""
    counted = Alert.objects.filter(workspace=OuterRef("pk"), acknowledged_at=None).exclude(severity=Severity.INFO)
    number = counted.order_by().values("workspace").annotate(number=Count("pk")).values("number")
    return workspaces.annotate(open_alerts=Coalesce(Subquery(number), 0))


def last_deliveries(channels: Iterable[Channel]) -> dict[UUID, Delivery]:
    """Return the newest message of each of these channels, by its id."""
    newest = Delivery.objects.filter(channel=OuterRef("pk")).order_by("-created_at", "-pk").values("pk")[:1]
    chosen = Channel.objects.filter(pk__in=[channel.pk for channel in channels]).values_list(Subquery(newest), flat=True)
    return {one.channel_id: one for one in Delivery.objects.filter(pk__in=[pk for pk in chosen if pk])}


def masked(channel: Channel) -> str:
    """Return as much of a channel's address as is no secret: who serves it, not what is asked for there."""
    if channel.kind == Channel.Kind.EMAIL:
        name, _, host = channel.address.rpartition("@")
        return f"{name[:1]}…@{host}"
    try:
        target = target_of(channel.address)
    except OutboundError:  # the rules were another when it was saved
        return "…"
    return f"{target.scheme}://{target.authority}/…"
