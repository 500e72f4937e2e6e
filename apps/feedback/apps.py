"""The feedback app."""

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    """Registers the feedback app with Django."""

    name = "apps.feedback"
    label = "feedback"

    def ready(self) -> None:
        """Have models learn from what people labelled."""
        from apps.feedback.learning import rows_to_learn
        from apps.training.labelled import learn_from

        learn_from(rows_to_learn)
