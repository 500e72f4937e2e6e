"""The detections app."""

from django.apps import AppConfig


class DetectionsConfig(AppConfig):
    """Registers the detections app with Django."""

    name = "apps.detections"
    label = "detections"
