"""The declarative schedule: upserted by name, and nothing that people made is ever deleted."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask


@transaction.atomic
def upsert_schedule() -> int:
    """Write `PERIODIC_TASKS` to the database; a task that people switched off stays off. Return their number."""
    tasks: dict[str, Any] = dict(settings.PERIODIC_TASKS)
    for name, declared in tasks.items():
        timing = _timing(declared)
        PeriodicTask.objects.update_or_create(
            name=name,
            defaults={"task": declared["task"], "interval": None, "crontab": None, "expire_seconds": None, **timing},
        )
    return len(tasks)


def _timing(declared: dict[str, Any]) -> dict[str, Any]:
    if "every_seconds" in declared:
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=declared["every_seconds"], period=IntervalSchedule.SECONDS
        )
        return {"interval": interval, "expire_seconds": 2 * declared["every_seconds"]}
    minute, hour, day, month, weekday = declared["crontab"].split()
    zone = "UTC" if hour == "*" else settings.PAGES_TIME_ZONE  # an hour that a night has twice is worked twice
    fields = {"minute": minute, "hour": hour, "day_of_month": day, "month_of_year": month, "day_of_week": weekday}
    crontab, _ = CrontabSchedule.objects.get_or_create(timezone=zone, **fields)
    return {"crontab": crontab}
