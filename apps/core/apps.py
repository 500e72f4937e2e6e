"""The core app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the core app with Django."""

    name = "apps.core"
    label = "core"

    def ready(self) -> None:
        """Tell drf-spectacular how bodies are read, and Prometheus of the platform's parts."""
        from apps.core import figures
        from apps.core.api import schema  # noqa: F401  (registers by being imported)
        from apps.core.metrics import LATER, tells

        tells("queues", figures.of_queues)
        tells("machine", figures.of_machine)
        tells("schedule", figures.of_schedule)
        tells("parts", figures.of_parts)
        tells("database", figures.of_database, remembered=LATER)
