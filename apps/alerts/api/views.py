"""HTTP doors of alerts."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.alerts import actions
from apps.alerts.actions import Made
from apps.alerts.api.serializers import (
    AlertSerializer,
    ChannelSerializer,
    ChannelUpdateSerializer,
    MadeChannelSerializer,
)
from apps.alerts.models import Alert, Channel, Kind, Severity
from apps.alerts.selectors import last_deliveries
from apps.core.api.queries import ChoiceFilter
from apps.core.permissions import Act
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.models import Workspace


class AlertFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?workspace=`, `?kind=`, `?severity=`, `?model=`, `?acknowledged=`."""

    workspace = filters.UUIDFilter(field_name="workspace_id")
    kind = ChoiceFilter(choices=Kind.choices)
    severity = ChoiceFilter(choices=Severity.choices)
    model = filters.UUIDFilter(field_name="model_id")
    acknowledged = filters.BooleanFilter(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Alert
        fields: ClassVar[list[str]] = ["workspace", "kind", "severity", "model", "acknowledged"]


class AlertViewSet(ScopedViewSet):
    """Read alerts and acknowledge them."""

    queryset = Alert.objects.select_related("acknowledged_by")
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    ordering_fields: ClassVar[list[str]] = ["last_at", "first_at"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "retrieve": Act.READ, "acknowledge": Act.ANNOTATE}

    def list(self, request: Request) -> Response:
        """List alerts, the latest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one alert."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=AlertSerializer)
    def acknowledge(self, request: Request, pk: UUID) -> Response:
        """Say that one sees to an alert; the next of its kind is told anew. The first who says so counts."""
        alert = actions.acknowledge(alert=self.get_object(), actor=self.access.actor)
        return Response(self.get_serializer(alert).data)


class ChannelFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?workspace=`, `?kind=`, `?enabled=`."""

    workspace = filters.UUIDFilter(field_name="workspace_id")
    kind = ChoiceFilter(choices=Channel.Kind.choices)
    enabled = filters.BooleanFilter(field_name="enabled")

    class Meta:
        model = Channel
        fields: ClassVar[list[str]] = ["workspace", "kind", "enabled"]


class ChannelViewSet(ScopedViewSet):
    """Where alerts are sent: members see how they are sent, owners say so."""

    queryset = Channel.objects.all()
    serializer_class = ChannelSerializer
    filterset_class = ChannelFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "name"]
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "retrieve": Act.READ,
        "create": Act.ADMINISTER,
        "partial_update": Act.ADMINISTER,
        "destroy": Act.ADMINISTER,
        "test": Act.ADMINISTER,
    }
    secret: ClassVar[frozenset[str]] = frozenset({"create"})

    def list(self, request: Request) -> Response:
        """List channels, each with what became of its last message."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self._shown(page or []))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one channel, with what became of its last message."""
        return Response(self._shown([self.get_object()])[0])

    @extend_schema(request=ChannelSerializer, responses={201: MadeChannelSerializer, 404: None})
    def create(self, request: Request) -> Response:
        """Make a channel. Its address is never shown again, and a secret that was made for it in this answer only."""
        given = ChannelSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = dict(given.validated_data)
        workspace_id, kind = fields.pop("workspace_id"), fields.pop("kind")
        self.access.require(Act.ADMINISTER, workspace_id)
        workspace = Workspace.objects.get(pk=workspace_id)
        made = actions.create_channel(workspace=workspace, kind=kind, fields=fields, actor=self.access.actor)
        location = {"Location": f"/api/v1/channels/{made.channel.pk}/"}
        return Response(self._made(made), status.HTTP_201_CREATED, headers=location)

    @extend_schema(request=ChannelUpdateSerializer, responses=MadeChannelSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change a channel; an empty `secret` has a new one made, which this answer shows."""
        channel = self.get_object()
        given = ChannelUpdateSerializer(channel, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        made = actions.change_channel(channel=channel, fields=dict(given.validated_data), actor=self.access.actor)
        return Response(self._made(made))

    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete a channel with its messages."""
        actions.delete_channel(channel=self.get_object(), actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={202: ChannelSerializer})
    def test(self, request: Request, pk: UUID) -> Response:
        """Have a test message sent; what became of it is told by the channel's `last_delivery`."""
        channel = self.get_object()
        actions.try_channel(channel=channel, actor=self.access.actor)
        location = {"Location": f"/api/v1/channels/{channel.pk}/"}
        return Response(self._shown([channel])[0], status.HTTP_202_ACCEPTED, headers=location)

    def _shown(self, channels: Sequence[Channel]) -> Any:
        context = {"deliveries": last_deliveries(channels)}
        return ChannelSerializer(channels, many=True, context=context).data

    def _made(self, made: Made) -> dict[str, Any]:
        return {**self._shown([made.channel])[0], "secret": made.secret}
