"""The algorithms app."""

from django.apps import AppConfig


class AlgorithmsConfig(AppConfig):
    """Registers the algorithms app with Django."""

    name = "apps.algorithms"
    label = "algorithms"
