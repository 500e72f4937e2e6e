"""The predictions app."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """Registers the predictions app with Django."""

    name = "apps.predictions"
    label = "predictions"

    def ready(self) -> None:
        """Tell Prometheus of batches."""
        from apps.core.metrics import LATER, tells
        from apps.predictions.metrics import figures

        tells("predictions", figures, remembered=LATER)
