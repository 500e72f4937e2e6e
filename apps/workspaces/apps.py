"""The workspaces app."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    """Registers the workspaces app with Django."""

    name = "apps.workspaces"
    label = "workspaces"

    def ready(self) -> None:
        """Tell drf-spectacular of our authenticators."""
        from apps.workspaces.api import openapi  # noqa: F401  (registers by being imported)
