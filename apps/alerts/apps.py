"""The alerts app."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Registers the alerts app with Django."""

    name = "apps.alerts"
    label = "alerts"
