"""The Celery application: six queues, JSON only, every route declared."""

import os
import sys

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")

app = Celery("mlplatform")
app.config_from_object("mlplatform.celeryconfig:ONLY_CELERYS")
app.autodiscover_tasks()


@worker_init.connect
def _refuse_a_broker_that_evicts(**_extra: object) -> None:
    from apps.core.broker import eviction_policy

    policy = eviction_policy()
    if policy not in {None, "noeviction"}:
        sys.exit(f"The broker may evict waiting work ({policy}). Set its maxmemory-policy to noeviction, then start again.")
