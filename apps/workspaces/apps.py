"""The workspaces app."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    """Registers the workspaces app with Django."""

    name = "apps.workspaces"
    label = "workspaces"
