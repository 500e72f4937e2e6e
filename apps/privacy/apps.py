"""The privacy app."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    """Registers the privacy app with Django."""

    name = "apps.privacy"
    label = "privacy"
