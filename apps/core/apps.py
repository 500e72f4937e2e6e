"""The core app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the core app with Django."""

    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        """Tell drf-spectacular how bodies are read."""
        from apps.core.api import schema  # noqa: F401  (registers by being imported)
