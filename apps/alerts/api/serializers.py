"""Alerts and channels as the API takes and shows them: what is secret comes in and never goes out again."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.alerts.models import Alert, Channel, Delivery, Kind, Severity
from apps.alerts.selectors import masked
from apps.core.api.serializers import KnownFieldsOnly, NameField
from apps.core.outbound import LONGEST_URL

MOST_A_DAY = 1_000
_SLACK = {"kind": "slack", "name": "Ops", "address": "https://hooks.slack.com/services/T000/B000/XXXX"}
_NIGHT = {"quiet_from": "22:00", "quiet_until": "07:00", "time_zone": "Europe/Paris"}
_WORKSPACE = "5d3f5f0a-9f5e-4a55-8f43-1f1f6f1f2c33"


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An alert: what happened, how often, and who sees to it."""

    model = serializers.UUIDField(source="model_id", allow_null=True)
    workspace = serializers.UUIDField(source="workspace_id")
    acknowledged_by = serializers.CharField(source="acknowledged_by.username", default=None, allow_null=True)

    class Meta:
        model = Alert
        fields = [
            "id", "workspace", "kind", "severity", "title", "sentence", "details", "model", "model_name", "count",
            "first_at", "last_at", "ended_at", "acknowledged_at", "acknowledged_by",
        ]  # fmt: skip
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """What became of a message."""

    class Meta:
        model = Delivery
        fields = ["purpose", "status", "attempt", "next_at", "error", "created_at", "finished_at"]
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample("Slack", {"workspace": _WORKSPACE, **_SLACK, **_NIGHT}, request_only=True),
        OpenApiExample(
            "Mail of everything", {"workspace": _WORKSPACE, "kind": "email", "name": "Team", "address": "team@example.org",
            "least_severity": "info"}, request_only=True,
        ),
    ]
)  # fmt: skip
class ChannelSerializer(KnownFieldsOnly, serializers.ModelSerializer[Channel]):
    """Where alerts are sent, which ones, and when not."""

    workspace = serializers.UUIDField(source="workspace_id")
    name = NameField(max_length=80)
    address = serializers.CharField(
        max_length=LONGEST_URL, write_only=True, help_text="An e-mail address, or the address to post to; never shown again."
    )
    sent_to = serializers.SerializerMethodField(help_text="The address, as much of it as is no secret.")
    secret = serializers.CharField(
        max_length=120,
        write_only=True,
        required=False,
        allow_blank=True,
        help_text="What a webhook is signed with: `whsec_…`; left out or empty, one is made and shown in this answer alone.",
    )
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=Kind.choices),
        max_length=len(Kind),
        required=False,
        help_text="The kinds of alert that it takes; none for all.",
    )
    least_severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    time_zone = serializers.CharField(max_length=60, required=False, help_text="Of the quiet time and of the budget's day.")
    budget = serializers.IntegerField(min_value=1, max_value=MOST_A_DAY, required=False, help_text="Messages a day.")
    last_delivery = serializers.SerializerMethodField()

    class Meta:
        model = Channel
        fields = [
            "id", "workspace", "kind", "name", "address", "sent_to", "secret", "kinds", "least_severity", "quiet_from",
            "quiet_until", "time_zone", "budget", "enabled", "created_at", "last_delivery",
        ]  # fmt: skip
        read_only_fields = ["id", "created_at"]
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "quiet_from": {
                "help_text": "From when on nothing is sent; a time after `quiet_until` begins the evening before."
            },
        }

    def validate_kinds(self, kinds: list[str]) -> list[str]:
        """Keep each kind once, in the order in which they are listed."""
        return [kind for kind in Kind.values if kind in kinds]

    def get_sent_to(self, channel: Channel) -> str:
        """Return what may be seen of the address."""
        return masked(channel)

    @extend_schema_field(DeliverySerializer(allow_null=True))
    def get_last_delivery(self, channel: Channel) -> Any:
        """Return the newest message to it."""
        found = self.context.get("deliveries", {}).get(channel.pk)
        return None if found is None else DeliverySerializer(found).data


class ChannelUpdateSerializer(ChannelSerializer):
    """What may be changed of a channel."""

    workspace = serializers.UUIDField(source="workspace_id", read_only=True)

    class Meta(ChannelSerializer.Meta):
        read_only_fields = ["id", "workspace", "kind", "created_at"]


class MadeChannelSerializer(ChannelSerializer):
    """A channel, with the secret that was made for it: it is shown this once."""

    secret = serializers.CharField(read_only=True, help_text="Empty where none was made.")
