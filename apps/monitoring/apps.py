"""The monitoring app."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Registers the monitoring app with Django."""

    name = "apps.monitoring"
    label = "monitoring"
