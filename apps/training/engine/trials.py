"""Worker only: one trial of a search, scored by cross-validation on the rows that the campaign learns from."""

import logging
import os
import resource
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import close_old_connections, connection
from threadpoolctl import threadpool_limits

from apps.algorithms.base import BaseMLService, Split
from apps.algorithms.results import Cancelled
from apps.core.children import die_with_parent
from apps.core.errors import DATABASE_AWAY, PlatformError
from apps.core.processes import identity
from apps.training import trial_lifecycle
from apps.training.engine.database import patiently
from apps.training.engine.reading import TEST_SHARE, check_score, first_service, folds_wanted, read, service_of
from apps.training.engine.words import failure_words, is_memory, memory_words
from apps.training.models import TrainingCampaign, Trial

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
_NICE = 10

Status = Trial.Status


def run(trial_id: UUID) -> None:
    """Score a trial that waits; every end is written on its row, in words where it failed."""
    close_old_connections()
    _take_limits()
    trial = trial_lifecycle.begin(trial_id, identity())
    if trial is None:
        return
    with _lease_of(trial.pk):
        status, facts = _end_of(trial)
    patiently(lambda: trial_lifecycle.end(trial.pk, status, **facts))


def _end_of(trial: Trial) -> tuple[Status, dict[str, Any]]:
    """Score a trial; return how it ends. What the database keeps it from saying is nobody's fault."""
    try:
        return Status.COMPLETED, {"score": _score(trial)}
    except (Cancelled, *DATABASE_AWAY):
        return Status.CANCELLED, {}
    except PlatformError as error:
        return Status.FAILED, {"error": error.detail}
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError) or is_memory(error):
            return Status.FAILED, {"error": memory_words()}
        logger.exception("Trial %s failed", trial.pk)
        return Status.FAILED, {"error": failure_words(error)}


@contextmanager
def _lease_of(trial_id: UUID) -> Iterator[None]:
    """Renew the trial's lease from a thread, however long the library's own code keeps this one."""
    is_over = threading.Event()

    def renew() -> None:
        try:
            while not is_over.wait(settings.TRAINING_LEASE_SECONDS / 6):
                try:
                    trial_lifecycle.renew(trial_id)
                except DATABASE_AWAY as error:
                    logger.warning("The lease of trial %s is not renewed: %s", trial_id, error)
                    connection.close()
        finally:
            connection.close()

    renewing = threading.Thread(target=renew, name=f"lease of trial {trial_id}", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        is_over.set()
        renewing.join()


@lru_cache(maxsize=1)
def _take_limits() -> None:
    """Give way to what people wait for, keep to the memory limit, and never outlive the worker. Once a process."""
    die_with_parent(os.getppid())
    os.nice(_NICE)
    threadpool_limits(1)  # of what was loaded before the task set the environment
    resource.setrlimit(resource.RLIMIT_DATA, (settings.TRAINING_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))


@lru_cache(maxsize=2)  # of as many searches at once, which take turns in this process
def _rows_of(campaign_id: UUID, most_rows: int) -> Any:
    """Return what a campaign's search compares settings on: its training part, or a sample of it."""
    campaign = TrainingCampaign.objects.select_related("model", "dataset_version__dataset").get(pk=campaign_id)
    service = first_service(campaign)
    return service.sample(service.split(read(campaign, service).data, test_share=TEST_SHARE).train, most_rows)


def _score(trial: Trial) -> float:
    """Return the mean score over the folds; one that can only be measured otherwise than the first is left out."""
    campaign = trial.campaign
    limits: Mapping[str, Any] = campaign.search or {}
    rows = _rows_of(campaign.pk, limits["rows"])
    metric = ""
    scores: list[float] = []
    seconds: list[float] = []
    wanted = _Wanted(trial.pk)
    service = service_of(campaign, trial.algorithm, trial.parameters)
    for fold in _folds(service, rows):
        began = time.monotonic()
        service.fit_fold(fold.train, wanted)
        seconds.append(time.monotonic() - began)
        evaluation = service.evaluate(fold.test)
        check_score(evaluation)
        by, greater_is_better = evaluation.compared_by
        metric = metric or by
        if by != metric:
            continue
        scores.append(float(evaluation.metrics[metric]))
        facts = {
            "metric": metric,
            "greater_is_better": greater_is_better,
            "scores": scores,
            "fit_seconds": float(np.mean(seconds)),
            "fit_rows": fold.train.rows,
        }
        patiently(partial(trial_lifecycle.note_scores, trial.pk, **facts))
        wanted.look()
    return float(np.mean(scores))


def _folds(service: BaseMLService, rows: Any) -> Sequence[Split]:
    return service.folds(rows, folds_wanted(rows.rows))


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
        """Raise `Cancelled` when nobody waits; while the database is away, somebody may."""
        self._looked = time.monotonic()
        try:
            is_wanted = trial_lifecycle.is_wanted(self.trial_id)
        except DATABASE_AWAY as error:
            logger.warning("Trial %s goes on unasked: %s", self.trial_id, error)
            connection.close()
            return
        if not is_wanted:
            raise Cancelled
