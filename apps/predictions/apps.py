"""The predictions app."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """Registers the predictions app with Django."""

    name = "apps.predictions"
    label = "predictions"
