"""The feedback app."""

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    """Registers the feedback app with Django."""

    name = "apps.feedback"
    label = "feedback"
