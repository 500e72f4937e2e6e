"""Alerts of a workspace: all may see them, annotators see to them, owners say where they are sent."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.alerts import actions
from apps.alerts.api.serializers import ChannelSerializer, ChannelUpdateSerializer
from apps.alerts.models import Alert, Channel, Kind, Severity
from apps.alerts.selectors import last_deliveries, masked
from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import PageForm, checked, page_of, turn_to_the_form_s_workspace
from apps.workspaces.models import Workspace

_BADGES = {Severity.INFO: "", Severity.WARNING: "warned", Severity.CRITICAL: "failed"}


@workspace_page
def alert_list(visit: Visit) -> HttpResponseBase:
    """Show the alerts that nobody has acknowledged, or those that somebody has, and to owners the channels."""
    seen_to = visit.request.GET.get("acknowledged") == "1"
    alerts = Alert.objects.filter(workspace=visit.workspace, acknowledged_at__isnull=not seen_to)
    shown = page_of(visit, alerts.select_related("acknowledged_by"))
    return visit.render(
        "alerts.html",
        shown=shown,
        alerts=[(alert, _BADGES[Severity(alert.severity)]) for alert in shown],
        seen_to=seen_to,
        repeat=settings.ALERT_REPEAT_SECONDS,
        channels=_channels(visit) if visit.may(Act.ADMINISTER) else [],
    )


def _channels(visit: Visit) -> list[dict[str, Any]]:
    channels = list(Channel.objects.filter(workspace=visit.workspace))
    last = last_deliveries(channels)
    return [{"channel": one, "sent_to": masked(one), "last": last.get(one.pk)} for one in channels]


@require_POST
@page
def acknowledge(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Say that one sees to an alert."""
    alert: Alert | None = Alert.objects.in_workspaces(visit.access.workspace_ids).filter(pk=pk).first()
    if alert is None:
        raise Http404
    visit.turn_to(alert.workspace_id)
    visit.require(Act.ANNOTATE, alert.workspace_id)
    with visit.showing_refusals():
        actions.acknowledge(alert=alert, actor=visit.access.actor)
    return redirect("dashboard:alerts")


class ChannelForm(PageForm):
    """Where alerts are sent, which ones, and when not."""

    labels = {
        "kind": gettext_lazy("Sent by"),
        "name": gettext_lazy("Name"),
        "address": gettext_lazy("Address"),
        "secret": gettext_lazy("Secret to sign with"),
        "kinds": gettext_lazy("What is sent"),
        "least_severity": gettext_lazy("From which severity on"),
        "quiet_from": gettext_lazy("Quiet from"),
        "quiet_until": gettext_lazy("Quiet until"),
        "time_zone": gettext_lazy("Time zone"),
        "budget": gettext_lazy("Messages a day at most"),
    }
    kinds = Kind.choices
    severities = Severity.choices
    ways = Channel.Kind.choices

    def __init__(self, given: QueryDict, channel: Channel | None = None) -> None:
        super().__init__()
        self.channel = channel
        self.given = _shown(given) if given else _as_it_is(channel or _blank())

    def write(self, visit: Visit, workspace: Workspace) -> bool:
        """Make or change the channel, or say what is wrong."""
        sent = {name: value for name, value in self.given.items() if name not in {"kind", "secret", "address"}}
        sent |= {name: self.given[name].strip() for name in ("address", "secret") if self.given[name].strip()}
        if not sent["kinds"]:
            self.say("kinds", _("Choose one at least."))
            return False
        if set(sent["kinds"]) == set(Kind.values):
            sent["kinds"] = []  # all, those of later releases too
        for name in ("quiet_from", "quiet_until"):
            sent[name] = sent[name] or None
        actor = visit.access.actor
        try:
            if self.channel is None:
                sent |= {"kind": self.given["kind"], "workspace": str(workspace.pk)}
                fields = checked(ChannelSerializer(data=sent))
                del fields["workspace_id"]
                actions.create_channel(workspace=workspace, kind=fields.pop("kind"), fields=fields, actor=actor)
            else:
                fields = checked(ChannelUpdateSerializer(self.channel, data=sent, partial=True))
                actions.change_channel(channel=self.channel, fields=fields, actor=actor)
        except PlatformError as error:
            self.refuse(error)
        return not self.faults


def _shown(given: QueryDict) -> dict[str, Any]:
    names = ("kind", "name", "address", "secret", "least_severity", "quiet_from", "quiet_until", "time_zone", "budget")
    texts: dict[str, Any] = {name: given.get(name, "") for name in names}
    return {**texts, "kinds": given.getlist("kinds"), "enabled": "enabled" in given}


def _as_it_is(channel: Channel) -> dict[str, Any]:
    times = {name: getattr(channel, name) for name in ("quiet_from", "quiet_until")}
    return {
        "kind": channel.kind,
        "name": channel.name,
        "address": "",
        "secret": "",
        "kinds": list(channel.kinds or Kind.values),
        "least_severity": channel.least_severity,
        **{name: value.strftime("%H:%M") if value else "" for name, value in times.items()},
        "time_zone": channel.time_zone,
        "budget": channel.budget,
        "enabled": channel.enabled,
    }


def _blank() -> Channel:
    return Channel(kind=Channel.Kind.EMAIL, time_zone=settings.PAGES_TIME_ZONE)


@workspace_page
def new_channel(visit: Visit) -> HttpResponseBase:
    """Show the form of a new channel, or make it."""
    is_sent = visit.request.method == "POST"
    if is_sent:
        turn_to_the_form_s_workspace(visit)
    assert visit.workspace is not None
    visit.require(Act.ADMINISTER, visit.workspace.pk)
    form = ChannelForm(visit.request.POST)
    if is_sent and form.write(visit, visit.workspace):
        messages.success(visit.request, _("The channel is made. Send a test to see whether it arrives."))
        return redirect("dashboard:alerts")
    return _show(visit, form)


@page
def edit_channel(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show what a channel is set to, or change it."""
    channel = _find(visit, pk)
    form = ChannelForm(visit.request.POST, channel)
    if visit.request.method == "POST" and form.write(visit, channel.workspace):
        return redirect("dashboard:alerts")
    return _show(visit, form)


@require_POST
@page
def channel_secret(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Have a new secret made for a webhook, and show it this once."""
    channel = _find(visit, pk)
    form = ChannelForm(QueryDict(), channel)
    clear = ""
    if channel.kind == Channel.Kind.WEBHOOK:
        clear = actions.change_channel(channel=channel, fields={"secret": ""}, actor=visit.access.actor).secret
    return _show(visit, form, clear=clear)


@require_POST
@page
def try_channel(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Have a test sent."""
    channel = _find(visit, pk)
    with visit.showing_refusals():
        actions.try_channel(channel=channel, actor=visit.access.actor)
        messages.success(visit.request, _("A test is on its way. Load this page again in a moment to see what came of it."))
    return redirect("dashboard:alerts")


@require_POST
@page
def delete_channel(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Delete a channel."""
    actions.delete_channel(channel=_find(visit, pk), actor=visit.access.actor)
    return redirect("dashboard:alerts")


def _find(visit: Visit, pk: UUID) -> Channel:
    channel = Channel.objects.in_workspaces(visit.access.workspace_ids).select_related("workspace").filter(pk=pk).first()
    if channel is None:
        raise Http404
    visit.turn_to(channel.workspace_id)
    visit.require(Act.ADMINISTER, channel.workspace_id)
    found: Channel = channel
    return found


def _show(visit: Visit, form: ChannelForm, *, clear: str = "") -> HttpResponseBase:
    sent_to = masked(form.channel) if form.channel else ""
    return visit.render(
        "channel.html", 422 if form.faults else 200, form=form, given=form.given, sent_to=sent_to, clear=clear
    )
