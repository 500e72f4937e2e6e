"""The dashboard app."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Registers the dashboard app with Django."""

    name = "apps.dashboard"
    label = "dashboard"
