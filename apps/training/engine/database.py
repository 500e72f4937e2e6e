"""Waiting for a database that restarts."""

import time

from django.conf import settings
from django.db import connection

from apps.core.errors import DATABASE_AWAY


def wait_for_database() -> None:
    """Wait for a database that restarts, for as long as a lease lasts."""
    until = time.monotonic() + settings.TRAINING_LEASE_SECONDS
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DATABASE_AWAY:
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(1.0)
        else:
            return
