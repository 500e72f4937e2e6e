"""The monitoring app."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Registers the monitoring app with Django."""

    name = "apps.monitoring"
    label = "monitoring"

    def ready(self) -> None:
        """Tell Prometheus of drift; keep the files of versions that checks work with."""
        from apps.core.metrics import LATER, tells
        from apps.monitoring.metrics import figures
        from apps.monitoring.selectors import versions_of_open_checks
        from apps.registry.cleaning import keep_files_of

        tells("drift", figures, remembered=LATER)
        keep_files_of(versions_of_open_checks)
