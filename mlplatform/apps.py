"""The project as an app: it holds the commands that see every app, and what a database needs besides its tables."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class PlatformConfig(AppConfig):
    """Home of `manage.py up` and its like."""

    name = "mlplatform"
    label = "mlplatform"
    verbose_name = "Platform"

    def ready(self) -> None:
        """Have every `migrate` write the schedule and mark the stores of files, however the platform is run."""
        # Sent for each app that has models, once all of them are migrated; one is enough.
        post_migrate.connect(_after_migrate, sender=apps.get_app_config("django_celery_beat"))


def _after_migrate(using: str, **_extra: Any) -> None:
    from django.db import DEFAULT_DB_ALIAS, connections

    from apps.core.instance import stores, take_if_empty
    from mlplatform.schedule import upsert_schedule

    if using != DEFAULT_DB_ALIAS:
        return
    if {"core_instance", "django_celery_beat_periodictask"} <= set(connections[using].introspection.table_names()):
        upsert_schedule()
        for store in stores():
            take_if_empty(store)
