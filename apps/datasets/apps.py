"""The datasets app."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Registers the datasets app with Django."""

    name = "apps.datasets"
    label = "datasets"

    def ready(self) -> None:
        """Tell Prometheus of uploads that are checked."""
        from apps.core.metrics import LATER, tells
        from apps.datasets.metrics import figures

        tells("datasets", figures, remembered=LATER)
