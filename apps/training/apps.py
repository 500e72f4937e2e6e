"""The training app."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Registers the training app with Django."""

    name = "apps.training"
    label = "training"
