"""The registry app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Registers the registry app with Django."""

    name = "apps.registry"
    label = "registry"
