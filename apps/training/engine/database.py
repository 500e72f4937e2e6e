"""Waiting for a database that restarts."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import connection

from apps.core.errors import DATABASE_AWAY

T = TypeVar("T")


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


def patiently(call: Callable[[], T]) -> T:
    """Return what a call answers that may be made twice; make it again while the database is away, a lease long at most."""
    until = time.monotonic() + settings.TRAINING_LEASE_SECONDS
    while True:
        try:
            return call()
        except DATABASE_AWAY:
            if time.monotonic() > until:
                raise
            connection.close()
            wait_for_database()
            time.sleep(0.1)
