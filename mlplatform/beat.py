"""Beat's scheduler: each slot of a schedule is sent once, however many beats run and whatever their clocks said before.

A slot is the moment at which a task was due, as the schedule's own wall clock shows it: the hour that an autumn night
has twice is one slot for a daily task. Whoever moves the task's row on to a slot sends it.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry
from django_celery_beat.tzcrontab import TzAwareCrontab

from apps.core import clock
from apps.core.models import ScheduleSlot

logger = logging.getLogger(__name__)
_CLOCK_ERROR = timedelta(minutes=1)
_LONGEST_LOOK = timedelta(days=32)
_MINUTE = timedelta(minutes=1)


class SlotEntry(ModelEntry):  # type: ignore[misc]  # django-celery-beat is not typed
    """An entry that does not believe it ran in the future."""

    def __init__(self, model: Any, app: Any = None) -> None:
        """Take the row; a last run that a wrong clock put into the future is put back to now."""
        now = clock.now()
        if model.last_run_at and model.last_run_at > now + _CLOCK_ERROR:
            logger.warning("%s says it ran last at %s, which is to come: taken as now.", model.name, model.last_run_at)
            model.last_run_at = now
        super().__init__(model, app)


class SlotScheduler(DatabaseScheduler):  # type: ignore[misc]  # django-celery-beat is not typed
    """The database's schedule, each slot sent by one beat alone."""

    Entry = SlotEntry

    def _get_crontab_exclude_query(self) -> Q:
        """Load every entry: those of distant hours are left out otherwise, and a beat that was down catches up late."""
        return Q(pk__in=[])

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Send a due task unless another beat has taken its slot."""
        slot = slot_of(entry.schedule, clock.now())
        if not take_slot(entry.name, slot):
            logger.info("%s: the slot %s was sent by another beat.", entry.name, slot)
            return None
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)


def slot_of(schedule: Any, now: datetime) -> str:
    """Return the moment at or before `now` for which a schedule was due, as text that sorts by time."""
    if isinstance(schedule, TzAwareCrontab):
        due = now.astimezone(UTC).replace(second=0, microsecond=0)
        earliest = due - _LONGEST_LOOK
        while due > earliest and not _is_due_at(schedule, due.astimezone(schedule.tz)):
            due -= _MINUTE
        return due.astimezone(schedule.tz).strftime("%Y-%m-%dT%H:%M")
    every = schedule.run_every.total_seconds() if hasattr(schedule, "run_every") else 0.0
    if every >= 1:
        return datetime.fromtimestamp(now.timestamp() // every * every, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return now.isoformat()


def _is_due_at(schedule: TzAwareCrontab, local: datetime) -> bool:
    return bool(
        local.minute in schedule.minute
        and local.hour in schedule.hour
        and local.isoweekday() % 7 in schedule.day_of_week
        and local.day in schedule.day_of_month
        and local.month in schedule.month_of_year
    )


def take_slot(name: str, slot: str) -> bool:
    """Move a task on to a slot; False when it is there already, or further. A slot taken in the future is void."""
    now = clock.now()
    with transaction.atomic():
        made = ScheduleSlot.objects.get_or_create(name=name, defaults={"slot": slot, "taken_at": now})[1]
        if made:
            return True
        behind = ScheduleSlot.objects.filter(Q(slot__lt=slot) | Q(taken_at__gt=now + _CLOCK_ERROR), name=name)
        return bool(behind.update(slot=slot, taken_at=now))
