"""The legal changes of a detection's review, as compare-and-set with their history."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from apps.core import clock
from apps.detections.models import Detection, DetectionReview

_NEW, _CONFIRMED, _FALSE, _RESOLVED = Detection.Status
LEGAL: dict[str, frozenset[str]] = {
    _NEW: frozenset({_CONFIRMED, _FALSE, _RESOLVED}),
    _CONFIRMED: frozenset({_RESOLVED, _FALSE, _NEW}),
    _FALSE: frozenset({_CONFIRMED, _NEW}),
    _RESOLVED: frozenset({_CONFIRMED, _NEW}),
}


def is_legal(before: str, after: str) -> bool:
    """Say whether a detection may go from one status to another; staying is no change, and may be."""
    return before == after or after in LEGAL[before]


@transaction.atomic
def change(ids: Sequence[UUID], *, before: str, after: str, note: str | None, user_id: int | None) -> int:
    """Move detections from one status to another, and note it of each; return how many were still in the first.

    The caller, who holds their rows or accepts fewer, decides what it means when some have moved meanwhile. `note` replaces
    what stands there unless it is None.
    """
    now, is_open = clock.now(), after == _NEW
    kept = {} if note is None else {"note": note}
    held = list(Detection.objects.select_for_update().filter(pk__in=ids, status=before).values_list("pk", flat=True))
    moved: int = Detection.objects.filter(pk__in=held, status=before).update(
        status=after,
        reviewed_by_id=None if is_open else user_id,
        reviewed_at=None if is_open else now,
        changed_at=now,
        **kept,
    )
    DetectionReview.objects.bulk_create(
        (
            DetectionReview(detection_id=pk, at=now, user_id=user_id, before=before, after=after, note=note or "")
            for pk in held
        ),
        batch_size=500,
    )
    return moved
