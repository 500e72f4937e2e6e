"""The tracking app."""

from django.apps import AppConfig


class TrackingConfig(AppConfig):
    """Registers the tracking app with Django."""

    name = "apps.tracking"
    label = "tracking"
