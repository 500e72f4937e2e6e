"""The retraining app."""

from django.apps import AppConfig


class RetrainingConfig(AppConfig):
    """Registers the retraining app with Django."""

    name = "apps.retraining"
    label = "retraining"

    def ready(self) -> None:
        """Tell Prometheus of decisions; keep the files of versions that are judged or wait for approval."""
        from apps.core.metrics import LATER, tells
        from apps.registry.cleaning import keep_files_of
        from apps.retraining.metrics import figures
        from apps.retraining.selectors import versions_at_the_gate

        tells("retraining", figures, remembered=LATER)
        keep_files_of(versions_at_the_gate)
