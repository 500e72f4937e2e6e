"""Alerts, channels and their messages in the admin: to look at, without addresses and secrets."""

from django.contrib import admin

from apps.alerts.models import Alert, Channel, Delivery
from apps.alerts.selectors import masked
from apps.core.admin import ReadOnlyAdmin


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """What happened, and who sees to it."""

    list_display = ["last_at", "workspace", "kind", "severity", "title", "count", "acknowledged_at", "ended_at"]
    list_filter = ["kind", "severity", "workspace"]
    date_hierarchy = "last_at"
    list_select_related = ["workspace"]
    show_full_result_count = False


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    """Where alerts are sent."""

    list_display = ["name", "workspace", "kind", "sent_to", "least_severity", "enabled"]
    list_filter = ["kind", "enabled", "workspace"]
    exclude = ["address", "secret"]
    list_select_related = ["workspace"]

    @admin.display(description="sent to")
    def sent_to(self, channel: Channel) -> str:
        """Return what may be seen of the address."""
        return masked(channel)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """The outbox."""

    list_display = ["created_at", "channel", "purpose", "alert", "status", "attempt", "next_at", "error"]
    list_filter = ["status", "purpose", "channel__workspace"]
    date_hierarchy = "created_at"
    exclude = ["token"]
    list_select_related = ["channel", "alert"]
    show_full_result_count = False
