"""Worker only: one training from its dataset to a registered version."""

import importlib.metadata
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow.parquet  # noqa: F401  (a warm child has it)
import sklearn.ensemble  # noqa: F401  (a warm child has it)
import xgboost  # noqa: F401  (a warm child has it)
from django.conf import settings
from django.db import close_old_connections, connection, transaction

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService, Split, Wanted
from apps.algorithms.engine.report import Report, report_of
from apps.algorithms.results import Cancelled, Evaluation
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.core.artifacts import ArtifactDamaged, sha256_of, storage_guard
from apps.core.errors import DATABASE_AWAY, InvalidInput, PlatformError
from apps.datasets.selectors import table_file
from apps.registry import actions as registry
from apps.registry.files import PreparedVersion
from apps.registry.manifest import VersionFacts
from apps.registry.selectors import champion_of
from apps.training import lifecycle
from apps.training.lifecycle import LeaseLost
from apps.training.models import TrainingCampaign
from apps.training.staging import staging_folder
from apps.workspaces.access import Actor

logger = logging.getLogger(__name__)
TEST_SHARE = 0.2
PARITY = 1e-5
_REPORT_SECONDS = 0.5
_POINTS_AT_ONCE = 20
_ONLY_FIT, _FIRST_FIT, _SECOND_FIT = (0.05, 0.85), (0.05, 0.50), (0.55, 0.93)  # of the whole work
_MODULES = ("numpy", "sklearn", "pyarrow")  # what every training works with, besides its own library


class Parity(PlatformError):
    """The light predictor does not agree with the model it was made from; such a version is not registered."""


def warm_up() -> None:
    """Do what the first training would wait for."""
    catalog.entries()


def run(campaign_id: UUID, token: UUID, attempt: int) -> None:
    """Train a claimed campaign; every failure ends in words on its row.

    Raises
    ------
    LeaseLost : another run holds the campaign; nothing was written.
    MemoryError : the supervisor says so on the row.

    """
    close_old_connections()
    campaign = TrainingCampaign.objects.select_related("model", "dataset_version__dataset").get(pk=campaign_id)
    try:
        _train(campaign, token, attempt)
    except (LeaseLost, MemoryError):
        raise
    except Cancelled:
        lifecycle.cancel_running(campaign_id, token)
    except PlatformError as error:
        lifecycle.fail(campaign_id, token, reason=error.detail)
    except BaseException as error:
        if _is_memory(error):
            raise MemoryError from error
        logger.exception("Campaign %s failed", campaign_id)
        _wait_for_database()
        lifecycle.fail(campaign_id, token, reason=_words(error))


def _is_memory(error: BaseException) -> bool:
    return "bad_alloc" in str(error) or "unable to allocate" in str(error).lower()


def _words(error: BaseException) -> str:
    what = str(error).strip().splitlines()
    detail = f": {what[0][:300]}" if what else ""
    return f"The training stopped with {type(error).__name__}{detail}. The worker's log has the details; check the data and parameters."


class _Reporter:
    """Writes progress at most twice a second; the last point of each stage is never lost."""

    def __init__(self, campaign_id: UUID, token: UUID) -> None:
        self.campaign_id, self.token = campaign_id, token
        self.fraction = 0.0
        self._span = _ONLY_FIT
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


def _train(campaign: TrainingCampaign, token: UUID, attempt: int) -> None:
    report = _Reporter(campaign.pk, token)
    model, began = campaign.model, time.monotonic()
    report.stage("reading data", 0.01)
    service = catalog.get(model.algorithm)(
        task=Task(model.task),
        parameters=campaign.parameters,
        seed=campaign.seed,
        threads=settings.TRAINING_THREADS,
        zone=settings.TIME_ZONE,
    )
    data = _read(campaign, service)
    report.stage("splitting", 0.03)
    split = service.split(data, test_share=TEST_SHARE)
    first, evaluating, explaining = (_FIRST_FIT, 0.51, 0.53) if service.learns_again else (_ONLY_FIT, 0.86, 0.90)
    report.fit("fitting", first)
    service.fit(split.train, report)
    report.stage("evaluating", evaluating)
    evaluation, baseline = service.evaluate(split.test), service.baseline(split.test)
    linear = service.linear_baseline(split.test)
    _check_score(evaluation)
    report.stage("explaining", explaining)
    importance = service.importance(split.test)
    judged = report_of(evaluation, baseline, linear, importance, seed=campaign.seed)
    if service.learns_again:
        report.fit("learning again", _SECOND_FIT, draws=False)
        service.fit(data, report)
    report.stage("saving", 0.94)
    folder = staging_folder(workspace_id=model.workspace_id, model_id=model.pk, campaign_id=campaign.pk, attempt=attempt)
    _save(service, folder)
    report.stage("checking", 0.97)
    _check_parity(service, folder, split)
    facts = VersionFacts(
        dataset_version=campaign.dataset_version,
        algorithm=model.algorithm,
        parameters=campaign.parameters,
        seed=campaign.seed,
        schema=service.schema,
        metrics=dict(evaluation.metrics),
        main_metric=evaluation.main,
        greater_is_better=evaluation.greater_is_better,
        baseline=baseline,
        importance=importance,
        evaluation=_evaluation(evaluation, split, service, judged),
        packages=_packages(service.library),
        trained_seconds=time.monotonic() - began,
    )
    _wait_for_database()
    _register(campaign, token, folder, facts)


def _read(campaign: TrainingCampaign, service: BaseMLService) -> Any:
    model, version = campaign.model, campaign.dataset_version
    path = table_file(version)
    if not path.is_file() or sha256_of(path) != version.table_sha256:
        raise ArtifactDamaged(
            f"The stored table of {version.dataset.name!r}, version {version.number}, is missing or damaged. "
            "Upload the file again as a new version."
        )
    columns = [Column(c["name"], ColumnKind(c["dtype"])) for c in version.columns]
    wanted = Wanted(model.target, tuple(model.features), model.group_column, model.time_column)
    return service.read(path, columns=columns, wanted=wanted)


def _save(service: BaseMLService, folder: Path) -> None:
    for part, write in (("native", service.save), ("predictor", service.predictor)):
        with storage_guard():
            (folder / part).mkdir(parents=True)
            write(folder / part)


def _check_parity(service: BaseMLService, folder: Path, split: Split) -> None:
    worst = service.difference(split.test, folder / "predictor")
    if not worst <= PARITY:
        raise Parity(
            f"The light predictor differs from the model by {worst:.2g}; this is a fault of the platform: please report it."
        )


def _check_score(evaluation: Evaluation) -> None:
    score = evaluation.metrics.get(evaluation.main)
    if score is None or not math.isfinite(score):
        raise InvalidInput(
            f"The main score ({evaluation.main}) is not a number, so this model could not be compared with any other. "
            "Check the target for extreme values, and that the rows kept apart hold more than one value of it."
        )


def _wait_for_database() -> None:
    """Wait for a database that restarts, for as long as a lease lasts."""
    until = time.monotonic() + settings.TRAINING_LEASE_SECONDS
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DATABASE_AWAY:
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(1.0)
        else:
            return


def _evaluation(evaluation: Evaluation, split: Split, service: BaseMLService, report: Report) -> dict[str, Any]:
    return {
        "split": {
            "method": split.method,
            "reason": split.reason,
            "train_rows": split.train.rows,
            "test_rows": split.test.rows,
        },
        "curves": evaluation.curves,
        "warnings": [*service.warnings, *evaluation.warnings, *report.warnings],
        "beats_baseline": report.is_better,
        "intervals": report.intervals,
        "baselines": report.baselines,
        "slices": report.slices,
    }


def _packages(library: str) -> dict[str, str]:
    """Return the installed packages that the modules come from, with their versions."""
    shipped = importlib.metadata.packages_distributions()
    names = {name for module in (*_MODULES, library) for name in shipped.get(module.partition(".")[0], ())}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def _register(campaign: TrainingCampaign, token: UUID, folder: Path, facts: VersionFacts) -> None:
    """File the version and end the campaign; a database that is away for a moment costs no training."""
    prepared = None
    for pause in (1.0, 3.0, 10.0, None):
        try:
            prepared = prepared or registry.prepare_version(
                model=campaign.model, campaign_id=campaign.pk, staging=folder, facts=facts
            )
            _file_and_complete(campaign, token, prepared)
        except DATABASE_AWAY as error:
            if pause is None:
                raise
            logger.warning("The version of campaign %s is filed in %s s: %s", campaign.pk, pause, error)
            time.sleep(pause)
            _wait_for_database()
        else:
            return


def _file_and_complete(campaign: TrainingCampaign, token: UUID, prepared: PreparedVersion) -> None:
    facts = prepared.facts
    with transaction.atomic():
        held = lifecycle.hold(campaign.pk, token)
        if held.cancel_requested:
            raise Cancelled
        champion = champion_of(held.model)
        version = registry.register_version(prepared, actor=Actor(user_id=held.created_by_id))
        improvement = None
        if champion is not None and facts.main_metric in champion.metrics and facts.main_metric in facts.metrics:
            gain = facts.metrics[facts.main_metric] - champion.metrics[facts.main_metric]
            improvement = float(np.round(gain if facts.greater_is_better else -gain, 6))
        lifecycle.complete(held, version=version, metrics=facts.metrics, improvement=improvement)
