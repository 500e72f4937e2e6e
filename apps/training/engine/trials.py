"""Worker only: one trial of a search, scored by cross-validation on the rows that the campaign learns from."""

import logging
import os
import resource
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import close_old_connections
from threadpoolctl import threadpool_limits

from apps.algorithms.base import BaseMLService, Split
from apps.algorithms.results import Cancelled
from apps.core.children import die_with_parent
from apps.core.errors import PlatformError
from apps.core.processes import identity
from apps.training import trial_lifecycle
from apps.training.engine.reading import TEST_SHARE, check_score, first_service, read, service_of
from apps.training.engine.words import failure_words, is_memory, memory_words
from apps.training.models import TrainingCampaign, Trial

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
_NICE = 10
_MANY_ROWS = 5_000
_FOLDS, _FOLDS_OF_MANY_ROWS = 5, 3

Status = Trial.Status


def run(trial_id: UUID) -> None:
    """Score a trial that waits; every end is written on its row, in words where it failed."""
    close_old_connections()
    _take_limits()
    trial = trial_lifecycle.begin(trial_id, identity())
    if trial is None:
        return
    try:
        _score(trial)
    except Cancelled:
        trial_lifecycle.end(trial.pk, Status.CANCELLED)
    except PlatformError as error:
        trial_lifecycle.end(trial.pk, Status.FAILED, error=error.detail)
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError) or is_memory(error):
            trial_lifecycle.end(trial.pk, Status.FAILED, error=memory_words())
            return
        logger.exception("Trial %s failed", trial_id)
        trial_lifecycle.end(trial.pk, Status.FAILED, error=failure_words(error))


@lru_cache(maxsize=1)
def _take_limits() -> None:
    """Give way to what people wait for, keep to the memory limit, and never outlive the worker. Once a process."""
    die_with_parent(os.getppid())
    os.nice(_NICE)
    threadpool_limits(1)  # of what was loaded before the task set the environment
    resource.setrlimit(resource.RLIMIT_DATA, (settings.TRAINING_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))


@lru_cache(maxsize=1)
def _rows_of(campaign_id: UUID, most_rows: int) -> Any:
    """Return what a campaign's search compares settings on: its training part, or a sample of it. The last one is kept."""
    campaign = TrainingCampaign.objects.select_related("model", "dataset_version__dataset").get(pk=campaign_id)
    service = first_service(campaign)
    return service.sample(service.split(read(campaign, service), test_share=TEST_SHARE).train, most_rows)


def _score(trial: Trial) -> None:
    campaign = trial.campaign
    limits: Mapping[str, Any] = campaign.search or {}
    rows = _rows_of(campaign.pk, limits["rows"])
    scores: list[float] = []
    seconds: list[float] = []
    wanted = _Wanted(trial.pk)
    service = service_of(campaign, trial.algorithm, trial.parameters)
    for fold in _folds(service, rows):
        began = time.monotonic()
        service.fit(fold.train, wanted)
        seconds.append(time.monotonic() - began)
        evaluation = service.evaluate(fold.test)
        check_score(evaluation)
        scores.append(float(evaluation.metrics[evaluation.main]))
        facts = {
            "metric": evaluation.main,
            "greater_is_better": evaluation.greater_is_better,
            "scores": scores,
            "fit_seconds": float(np.mean(seconds)),
            "fit_rows": fold.train.rows,
        }
        trial_lifecycle.note_scores(trial.pk, **facts)
        wanted.look()
    trial_lifecycle.end(trial.pk, Status.COMPLETED, score=float(np.mean(scores)))


def _folds(service: BaseMLService, rows: Any) -> Sequence[Split]:
    return service.folds(rows, _FOLDS if rows.rows < _MANY_ROWS else _FOLDS_OF_MANY_ROWS)


class _Wanted:
    """Takes a fit's progress; looks at most twice a second whether anybody still waits for the trial."""

    def __init__(self, trial_id: UUID) -> None:
        self.trial_id = trial_id
        self._looked = time.monotonic()

    def __call__(
        self, fraction: float, stage: str, *, step: int | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self.look()

    def look(self) -> None:
        """Raise `Cancelled` when nobody waits."""
        self._looked = time.monotonic()
        if not trial_lifecycle.is_wanted(self.trial_id):
            raise Cancelled
