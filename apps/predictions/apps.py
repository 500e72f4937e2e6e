"""The predictions app."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """Registers the predictions app with Django."""

    name = "apps.predictions"
    label = "predictions"

    def ready(self) -> None:
        """Tell Prometheus of batches; keep the files of versions that batches work with."""
        from apps.core.metrics import LATER, tells
        from apps.predictions.metrics import figures
        from apps.predictions.selectors import versions_of_open_batches, versions_that_share_traffic
        from apps.registry.cleaning import keep_files_of

        tells("predictions", figures, remembered=LATER)
        keep_files_of(versions_of_open_batches)
        keep_files_of(versions_that_share_traffic)
