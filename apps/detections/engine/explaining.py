"""Say of each new detection which columns speak most for it, as `explain/` would: in a worker, the newest first."""

import time
from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from apps.core.errors import PlatformError
from apps.detections.detectors.reasons import Reason, reason_of
from apps.detections.models import Detection
from apps.predictions.cache import predictors

SECONDS = 20.0
AT_ONCE = 200
_ROWS_AT_ONCE = 20


def explain(*, seconds: float = SECONDS) -> int:
    """Explain what nobody has explained yet; return how many. What is left after some seconds waits for the next run."""
    ends, explained = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        waiting = Detection.objects.filter(reason__isnull=True).order_by("-occurred_at", "pk")
        newest = list(waiting.only("version_id", "row")[:AT_ONCE])
        if not newest:
            break
        newest.sort(key=lambda one: str(one.version_id))
        for version_id, of_one in groupby(newest, key=lambda one: one.version_id):
            explained += _explain_some(version_id, list(of_one), ends)
    return explained


def _explain_some(version_id: UUID, detections: Sequence[Detection], ends: float) -> int:
    done = 0
    for at in range(0, len(detections), _ROWS_AT_ONCE):
        if at and time.monotonic() >= ends:
            break
        some = detections[at : at + _ROWS_AT_ONCE]
        for one, reason in zip(some, _reasons(version_id, [one.row for one in some]), strict=True):
            one.reason = reason.as_json()
        Detection.objects.bulk_update(some, ["reason"])
        done += len(some)
    return done


def _reasons(version_id: UUID, rows: list[dict[str, object]]) -> list[Reason]:
    try:
        explanations = predictors.get(version_id).predictor.explain(rows)
    except PlatformError as error:
        return [Reason(fault=error.detail)] * len(rows)
    return [reason_of(explanation, row) for explanation, row in zip(explanations, rows, strict=True)]
