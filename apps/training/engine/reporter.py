"""What a run tells of its progress, thinned on its way to the event log."""

import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.core.errors import DATABASE_AWAY
from apps.training import lifecycle

logger = logging.getLogger(__name__)
_REPORT_SECONDS = 0.5
_POINTS_AT_ONCE = 20
_WHOLE = (0.0, 1.0)


class Reporter:
    """Writes progress at most twice a second; the last point of each stage is never lost."""

    def __init__(self, campaign_id: UUID, token: UUID) -> None:
        self.campaign_id, self.token = campaign_id, token
        self.fraction = 0.0
        self._span = _WHOLE
        self._stage: str | None = None
        self._draws = True
        self._written = 0.0
        self._kept: list[dict[str, Any]] = []

    def stage(self, stage: str, fraction: float) -> None:
        """Begin a stage."""
        self.flush()
        self._kept.append({"progress": fraction, "stage": stage, "step": None, "metrics": None})
        self.flush()

    def fit(self, stage: str, span: tuple[float, float], *, draws: bool = True) -> None:
        """Begin a fit, whose progress goes from one share of the whole work to another; `draws`: it has a live curve."""
        self.stage(stage, span[0])
        self.fraction, self._span, self._draws = 0.0, span, draws
        self._stage = None if draws else stage

    def __call__(
        self, fraction: float, stage: str, *, step: int | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Take progress within the fit."""
        self.fraction = max(self.fraction, fraction)
        start, end = self._span
        stage = self._stage or stage
        drawn = step is not None and self._draws
        point = {
            "progress": start + (end - start) * self.fraction,
            "stage": stage,
            "step": step if drawn else None,
            "metrics": metrics if drawn else None,
        }
        if self._kept and self._kept[-1]["metrics"] is None and self._kept[-1]["stage"] == stage:
            self._kept.pop()
        self._kept.append(point)
        if time.monotonic() - self._written >= _REPORT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the points that were held back, thinned when they are many, the last one kept.

        A database that does not answer keeps them waiting; the supervisor decides when that has lasted too long.
        """
        self._written = time.monotonic()
        stride = -(-len(self._kept) // _POINTS_AT_ONCE) or 1
        self._kept = self._kept[::-1][::stride][::-1]
        try:
            with transaction.atomic():
                for point in self._kept:
                    lifecycle.report(self.campaign_id, self.token, **point)
        except DATABASE_AWAY as error:
            logger.warning("The progress of campaign %s is kept for later: %s", self.campaign_id, error)
            connection.close()
            return
        self._kept = []
