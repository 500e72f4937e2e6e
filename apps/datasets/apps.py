"""The datasets app."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Registers the datasets app with Django."""

    name = "apps.datasets"
    label = "datasets"
