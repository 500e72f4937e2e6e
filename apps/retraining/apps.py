"""The retraining app."""

from django.apps import AppConfig


class RetrainingConfig(AppConfig):
    """Registers the retraining app with Django."""

    name = "apps.retraining"
    label = "retraining"

    def ready(self) -> None:
        """Tell Prometheus of decisions."""
        from apps.core.metrics import LATER, tells
        from apps.retraining.metrics import figures

        tells("retraining", figures, remembered=LATER)
