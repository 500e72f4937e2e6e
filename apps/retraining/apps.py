"""The retraining app."""

from django.apps import AppConfig


class RetrainingConfig(AppConfig):
    """Registers the retraining app with Django."""

    name = "apps.retraining"
    label = "retraining"
