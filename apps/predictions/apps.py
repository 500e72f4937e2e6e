"""The predictions app."""

from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from apps.registry.models import Alias


class PredictionsConfig(AppConfig):
    """Registers the predictions app with Django."""

    name = "apps.predictions"
    label = "predictions"

    def ready(self) -> None:
        """Tell Prometheus of batches; keep the files of versions that batches work with; heed promotions at once."""
        from django.db.models.signals import post_save

        from apps.core.metrics import LATER, tells
        from apps.predictions.metrics import figures
        from apps.predictions.selectors import versions_of_open_batches, versions_that_share_traffic
        from apps.registry.cleaning import keep_files_of

        tells("predictions", figures, remembered=LATER)
        keep_files_of(versions_of_open_batches)
        keep_files_of(versions_that_share_traffic)
        post_save.connect(_forget_champion, sender="registry.Alias", dispatch_uid="forget the champion")


def _forget_champion(instance: "Alias", **_told: object) -> None:
    from apps.predictions.cache import champions

    champions.forget_with_commit(instance.model_id)
