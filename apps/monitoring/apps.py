"""The monitoring app."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Registers the monitoring app with Django."""

    name = "apps.monitoring"
    label = "monitoring"

    def ready(self) -> None:
        """Tell Prometheus of drift."""
        from apps.core.metrics import LATER, tells
        from apps.monitoring.metrics import figures

        tells("drift", figures, remembered=LATER)
