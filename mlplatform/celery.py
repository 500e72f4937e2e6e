"""The Celery application: six queues, JSON only, every route declared."""

import os
import sys
import time
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, task_postrun, task_prerun, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")

_FROM_REQUEST = "from_request"
_ROWS = {  # what the first argument of a task is the id of
    "training.run_campaign": "campaign",
    "training.run_trial": "trial",
    "predictions.run_batch": "batch",
    "monitoring.run_check": "drift",
    "datasets.check_version": "dataset_version",
}

app = Celery("mlplatform")
app.config_from_object("mlplatform.celeryconfig:ONLY_CELERYS")
app.autodiscover_tasks()


@worker_init.connect
def _refuse_a_broker_that_evicts(**_extra: object) -> None:
    from apps.core.broker import eviction_policy

    policy = eviction_policy()
    if policy not in {None, "noeviction"}:
        sys.exit(f"The broker may evict waiting work ({policy}). Set its maxmemory-policy to noeviction, then start again.")


@before_task_publish.connect
def _note_when_it_was_sent(headers: dict[str, Any] | None = None, **_extra: object) -> None:
    """Write into a message when it was sent, and which request it comes from."""
    from apps.core.logs import ids
    from apps.core.system import SENT_AT

    if headers is not None:
        headers[SENT_AT] = time.time()
        headers.setdefault(_FROM_REQUEST, ids().get("request"))


@task_prerun.connect
def _say_which_task(task_id: str = "", task: Any = None, args: tuple[Any, ...] = (), **_extra: object) -> None:
    """Have the lines of a task say its id, the request it comes from, and the row it is about."""
    from apps.core.logs import set_ids

    known = {"task": task_id, "request": getattr(task.request, _FROM_REQUEST, None)}
    if args and task.name in _ROWS:
        known[_ROWS[task.name]] = args[0]
    set_ids({name: str(value) for name, value in known.items() if value})


@task_postrun.connect
def _say_no_more(**_extra: object) -> None:
    from apps.core.logs import set_ids

    set_ids({})
