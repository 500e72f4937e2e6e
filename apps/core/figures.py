"""What Prometheus is told of the platform's parts: queues, broker, disks, schedule, machine, and what doctor finds."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from apps.core import system
from apps.core.health import recent_findings
from apps.core.metrics import gauge

_FINDINGS_SECONDS = 30.0


def of_queues() -> Iterator[Metric]:
    """Tell of the broker and of what waits there."""
    depth = gauge("queue_messages", "Messages that wait in a queue of the broker.", "queue")
    age = gauge("queue_oldest_seconds", "How long the oldest message of a queue has waited.", "queue")
    for queue in system.queues():
        if queue.depth is not None:
            depth.add_metric([queue.name], queue.depth)
            age.add_metric([queue.name], queue.oldest_seconds or 0.0)
    yield from (depth, age)
    memory = gauge("broker_memory_bytes", "Memory that the broker uses.")
    limit = gauge("broker_memory_limit_bytes", "Memory that the broker may use; 0 without a limit.")
    if (found := system.broker()) is not None:
        memory.add_metric([], found.memory_bytes)
        limit.add_metric([], found.limit_bytes)
    yield from (memory, limit)


def of_machine() -> Iterator[Metric]:
    """Tell of the web server's machine and of the disks."""
    free = gauge("disk_free_bytes", "Room left on the disk of a kind of files.", "store")
    total = gauge("disk_total_bytes", "Size of the disk of a kind of files.", "store")
    for disk in system.disks():
        free.add_metric([disk.of], disk.free_bytes)
        total.add_metric([disk.of], disk.total_bytes)
    yield from (free, total)
    now = system.machine()
    for name, words, value in (
        ("machine_cores", "Cores of the web server's machine.", now.cores),
        ("machine_load", "Load of the web server's machine over a minute.", now.load),
        ("machine_memory_bytes", "Memory of the web server's machine.", now.memory_bytes),
        ("machine_memory_free_bytes", "Memory that is to be had on the web server's machine.", now.memory_free_bytes),
    ):
        found = gauge(name, words)
        found.add_metric([], value)
        yield found


def of_schedule() -> Iterator[Metric]:
    """Tell when beat sent each task last."""
    last = gauge("periodic_task_last_sent_timestamp_seconds", "When beat sent a task last.", "task")
    beat = gauge("beat_last_sent_timestamp_seconds", "When beat sent anything last.")
    runs = {task.name: task.last_run.timestamp() for task in system.schedule() if task.last_run}
    for name, at in runs.items():
        last.add_metric([name], at)
    if runs:
        beat.add_metric([], max(runs.values()))
    yield from (last, beat)


def of_parts() -> Iterator[Metric]:
    """Tell which parts are well, as `manage.py doctor` finds."""
    well = gauge("part_well", "1 when a part of the platform is well, as manage.py doctor finds.", "part")
    for finding in recent_findings(_FINDINGS_SECONDS):
        well.add_metric([finding.part], float(finding.is_well))
    yield well


def of_database() -> Iterator[Metric]:
    """Tell how large the database is."""
    size = gauge("database_bytes", "Size of the database.")
    if (found := system.database_bytes()) is not None:
        size.add_metric([], found)
    yield size
