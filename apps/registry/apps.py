"""The registry app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Registers the registry app with Django."""

    name = "apps.registry"
    label = "registry"

    def ready(self) -> None:
        """Tell Prometheus of models."""
        from apps.core.metrics import LATER, tells
        from apps.registry.metrics import figures

        tells("models", figures, remembered=LATER)
