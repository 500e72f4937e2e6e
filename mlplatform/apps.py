"""The project as an app: it holds the commands that see every app."""

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """Home of `manage.py up` and its like."""

    name = "mlplatform"
    label = "mlplatform"
    verbose_name = "Platform"
