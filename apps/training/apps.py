"""The training app."""

from uuid import UUID

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Registers the training app with Django."""

    name = "apps.training"
    label = "training"

    def ready(self) -> None:
        """Keep a model as it is while a campaign is about to train it or trains it; end its campaigns with it; tell of them."""
        from apps.core.metrics import LATER, SOON, tells
        from apps.registry.actions import end_with_models, keep_models_while
        from apps.training.actions import cancel_campaigns_of
        from apps.training.metrics import durations, waiting

        keep_models_while(has_unfinished_campaign)
        end_with_models(cancel_campaigns_of)
        tells("campaigns", waiting, remembered=SOON)
        tells("trainings", durations, remembered=LATER)


def has_unfinished_campaign(model_id: UUID) -> bool:
    """Say whether a campaign of this model waits or trains."""
    from apps.training.models import TrainingCampaign

    unfinished = (TrainingCampaign.Status.PENDING, TrainingCampaign.Status.TRAINING)
    return bool(TrainingCampaign.objects.filter(model_id=model_id, status__in=unfinished).exists())
