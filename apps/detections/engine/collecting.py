"""Read the prediction log from where it was left, and keep what is an alert.

The log is read in the order in which it was written, which may be long after its rows were answered. What was written before
a run began may be seen only by a later one, while its transaction lasts: what is younger than `OVERLAP` is read again, and a
prediction is a detection once. A run that dies, or meets another one, has lost nothing.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from apps.core import clock
from apps.detections.detectors.alerts import Alert, Alerting, alerts_among
from apps.detections.detectors.suppression import Suppression, first_that_hides
from apps.detections.models import Collection, Detection
from apps.detections.selectors import alerting_of, models_to_read, suppressions_of
from apps.predictions.erasing import hold_entries
from apps.predictions.models import PredictionLog
from apps.registry.models import RegisteredModel

logger = logging.getLogger(__name__)
OVERLAP = timedelta(minutes=5)  # longer than a write takes, and than the hosts' clocks differ
SECONDS = 30.0
ENTRIES_AT_ONCE = 200
ROWS_AT_ONCE = 20_000
_FIRST = UUID(int=0)

Place = tuple[datetime, UUID]


@dataclass(slots=True)
class _Reading:
    """One model's log as one run reads it: where it is, what counts, and the mark as it stands in the database."""

    model: RegisteredModel
    mark: Collection
    alerting: Alerting
    suppressions: list[Suppression]
    at: Place


def collect(*, seconds: float = SECONDS) -> int:
    """Read what is new of every model, a portion each in turn; return how many detections were recorded.

    What is left after some seconds waits for the next run. A model that cannot be read keeps no other from its turn.
    """
    began, recorded = clock.now(), 0
    ends = time.monotonic() + seconds
    turns = deque(map(_opened, models_to_read()))
    failed: Exception | None = None
    while turns and time.monotonic() < ends:
        reading = turns.popleft()
        try:
            found = _read(reading, frontier=(began - OVERLAP, _FIRST))
        except Exception as error:
            logger.exception("The log of model %s cannot be read for detections", reading.model.pk)
            failed = error
            continue
        if found is not None:
            recorded += found
            turns.append(reading)
    if failed is not None:
        raise failed
    return recorded


def _opened(model: RegisteredModel) -> _Reading:
    oldest = clock.now() - timedelta(days=settings.DETECTIONS_KEEP_DAYS)
    mark, _ = Collection.objects.get_or_create(model=model, defaults={"since": oldest, "until": oldest})
    return _Reading(model, mark, alerting_of(model), suppressions_of(model.pk), (mark.until, mark.until_id))


def _read(reading: _Reading, *, frontier: Place) -> int | None:
    """Read the next portion; return how many detections it gave, None at the end, or where another run goes on."""
    heads = _portion(reading)
    if not heads:
        return None
    ids = [pk for pk, _ in heads]
    found = list(_found(reading, ids))
    with transaction.atomic():
        held = hold_entries({one.entry_id for one in found})
        found = [one for one in found if one.entry_id in held and held[one.entry_id][one.place] is not None]
        Detection.objects.bulk_create(found, ignore_conflicts=True, batch_size=500)
        pk, logged_at = heads[-1]
        reading.at = (logged_at, pk)
        goes_on = _moved(reading.mark, min(reading.at, frontier))
    return len(found) if goes_on else None


def _portion(reading: _Reading) -> list[tuple[UUID, datetime]]:
    """Return ids of the next entries with when they were written, so many that their rows are not too many."""
    logged_at, pk = reading.at
    after = Q(logged_at__gt=logged_at) | Q(logged_at=logged_at, pk__gt=pk)
    log = PredictionLog.objects.filter(after, model=reading.model, logged_at__gte=logged_at).order_by("logged_at", "pk")
    taken: list[tuple[UUID, datetime]] = []
    rows = 0
    for entry, written, count in log.values_list("pk", "logged_at", "row_count")[:ENTRIES_AT_ONCE]:
        taken.append((entry, written))
        rows += count
        if rows >= ROWS_AT_ONCE:
            break
    return taken


def _found(reading: _Reading, ids: list[UUID]) -> Iterator[Detection]:
    """Yield what these entries hold that is an alert and was not recorded yet; rows are read of those alone."""
    log = PredictionLog.objects.filter(pk__in=ids, at__gte=reading.mark.since)
    known = set(Detection.objects.filter(entry_id__in=ids).values_list("entry_id", "place"))
    alerts: dict[UUID, list[Alert]] = {}
    for pk, predictions, details in log.values_list("pk", "predictions", "details").iterator(chunk_size=50):
        fresh = [one for one in alerts_among(reading.alerting, predictions, details) if (pk, one.place) not in known]
        if fresh:
            alerts[pk] = fresh
    for entry in log.filter(pk__in=alerts).only("version_id", "at", "rows", "subject").iterator(chunk_size=50):
        for alert in alerts[entry.pk]:
            if entry.rows[alert.place] is not None:  # erased meanwhile
                yield _detection(reading, entry, alert)


def _detection(reading: _Reading, entry: PredictionLog, alert: Alert) -> Detection:
    row = entry.rows[alert.place]
    hidden_by = first_that_hides(reading.suppressions, row, alert.score, entry.at)
    return Detection(
        workspace_id=reading.model.workspace_id,
        model=reading.model,
        version_id=entry.version_id,
        entry_id=entry.pk,
        place=alert.place,
        occurred_at=entry.at,
        predicted=alert.predicted,
        score=alert.score,
        tail_probability=alert.tail_probability,
        row=row,
        subject=entry.subject,
        is_suppressed=hidden_by is not None,
        suppressed_by_id=hidden_by.id if hidden_by else None,
    )


def _moved(mark: Collection, to: Place) -> bool:
    """Move the mark forward if nobody else has; False when another run moved it meanwhile."""
    if to <= (mark.until, mark.until_id):
        return True
    still = Collection.objects.filter(pk=mark.pk, until=mark.until, until_id=mark.until_id)
    mark_moved = still.update(until=to[0], until_id=to[1])
    mark.until, mark.until_id = to
    return bool(mark_moved)
